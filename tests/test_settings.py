"""Parameters: one declaration gives the validation, the flag, the TOML key, the GLSL member and the table row."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parameter_values import Parameter, list_parameters, list_value_sets
from ssdo.commands.parameters import table_rows
from ssdo.commands.sweep.plan import format_flag_value
from ssdo.flags import FlagParser, add_flags, parse_flags
from ssdo.gpu.glsl import compile_time_values, glsl_struct
from ssdo.measure import images
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import add_shot_flags, parse_overrides, read_text
from ssdo.render.technique import Technique
from ssdo.scene.built_in import is_built_in
from ssdo.scene.loader import load_scene
from ssdo.scene.model import DirectionalLight, Mesh, Scene
from ssdo.settings import Settings, UserError, param
from ssdo.toml_text import format_toml, parse_toml


@dataclass(frozen=True)
class Kettle(Settings):
    """Boils water."""

    heat: float = param(50.0, 0.0, 100.0, "temperature", unit="C")
    cups: int = param(2, 1, 8, "number of cups")
    lid: bool = param(True, help="close the lid")
    kind: str = param("steel", help="material", choices=("steel", "glass-ware"))
    place: tuple[float, float, float] | None = param(None, help="position", auto_label="the stove")
    depth: float | None = param(None, 0.0, 10.0, "depth of the water", unit="m", fraction=0.25)


def parse_kettle_flags(*arguments: str) -> dict[str, Any]:
    parser = FlagParser("x")
    add_flags(parser, Kettle())
    return parse_flags(parser, arguments)


def test_flags_become_values() -> None:
    words = "--kettle.heat 70 --kettle.place -1,.5,2 --kettle.depth auto --no-kettle.lid --kettle.kind=glass-ware"
    assert parse_kettle_flags(*words.split()) == {
        "kettle.heat": 70.0,
        "kettle.place": (-1.0, 0.5, 2.0),
        "kettle.depth": None,
        "kettle.lid": False,
        "kettle.kind": "glass-ware",
    }
    assert parse_kettle_flags("--kettle.lid", "off")["kettle.lid"] is False
    assert parse_kettle_flags("--kettle.lid")["kettle.lid"] is True
    assert parse_kettle_flags("--kettle.place", "-.5,0,0")["kettle.place"] == (-0.5, 0.0, 0.0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--kettle.heat", "hot"], "--kettle.heat hot: must be a number, 0 to 100 C"),
        (["--kettle.cups", "2.5"], "--kettle.cups 2.5: must be a whole number, 1 to 8"),
        (["--kettle.lid", "perhaps"], "--kettle.lid perhaps: must be true or false"),
        (["--kettle.place", "1,2,x"], "--kettle.place 1,2,x: must be three numbers X,Y,Z"),
        (["--kettle.haet", "1"], "unknown flag --kettle.haet; did you mean --kettle.heat?"),
        (["--kettle.heat"], "argument --kettle.heat: expected one argument; x --help lists the flags"),
    ],
)
def test_a_wrong_flag_is_reported_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_kettle_flags(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "values, message",
    [
        ({"heat": 101.0}, "kettle.heat = 101.0: must be 0 to 100 C"),
        ({"heat": float("nan")}, "kettle.heat = nan: must be 0 to 100 C"),
        ({"heat": "x"}, "kettle.heat = 'x': must be a number, 0 to 100 C"),
        ({"heat": True}, "kettle.heat = True: must be a number, 0 to 100 C"),
        ({"heat": 10**400}, "kettle.heat"),
        ({"cups": 1.5}, "kettle.cups = 1.5: must be a whole number, 1 to 8"),
        ({"lid": 1}, "kettle.lid = 1: must be true or false"),
        ({"kind": "tin"}, "kettle.kind = 'tin': must be one of steel, glass-ware"),
        ({"place": (1, 2)}, "kettle.place = (1, 2): must be three numbers X,Y,Z"),
        ({"place": (1, 2, float("inf"))}, "must be three finite numbers"),
        ({"heat": None}, "kettle.heat = None: must be 0 to 100 C"),
        ({"height": 1}, "no parameter kettle.height; did you mean kettle.heat?"),
    ],
)
def test_a_wrong_value_is_rejected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        Kettle().with_values(values)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_integers_are_accepted_as_floats() -> None:
    assert Kettle().with_values({"heat": 70, "place": [1, 2, 3]}) == Kettle(heat=70.0, place=(1.0, 2.0, 3.0))
    assert isinstance(Kettle(heat=70).heat, float)


def test_unset_lengths_follow_the_scene_size() -> None:
    assert Kettle().resolve_lengths(8.0).depth == 2.0
    assert Kettle(depth=1.0).resolve_lengths(8.0).depth == 1.0


def test_glsl_struct_declares_constants_and_members() -> None:
    text = glsl_struct(Kettle(place=(0.0, 0.0, 0.0), depth=1.0), "kettle")
    for line in (
        "const int KETTLE_KIND_GLASS_WARE = 1;",
        "    float heat;",
        "    int cups;",
        "    bool lid;",
        "    vec3 place;",
        "} kettle;",
    ):
        assert line in text.splitlines()


def test_a_choice_is_a_constant_and_compiles_to_its_own_program() -> None:
    steel = Kettle(place=(0.0, 0.0, 0.0), depth=1.0)
    glass = replace(steel, kind="glass-ware")
    assert "const int KETTLE_KIND = 1;" in glsl_struct(glass, "kettle").splitlines()
    assert "const int KETTLE_KIND = 0;" in glsl_struct(steel, "kettle").splitlines()
    assert "int kind;" not in glsl_struct(steel, "kettle")
    assert compile_time_values(glass) == ("glass-ware",) != compile_time_values(steel)


def test_the_declared_type_decides_the_glsl_type() -> None:
    @dataclass(frozen=True)
    class Weights:
        weight: float

    assert "    float weight;" in glsl_struct(Weights(3), "weights")


def test_table_rows_show_default_range_and_help() -> None:
    rows = table_rows(Kettle())
    assert "| `kettle.heat` | 50 | 0 to 100 C | temperature |" in rows
    assert "| `kettle.depth` | 25% of the scene's size | 0 to 10 m | depth of the water |" in rows
    assert "| `kettle.place` | the stove |  | position |" in rows


def shots_of_all_techniques() -> list[Shot]:
    return [
        Shot().with_values({"technique": name, "camera.eye": (1.0, -2.0, 3.0), "denoise.radius": 4})
        for name in Technique.known
    ]


@pytest.mark.parametrize("shot", shots_of_all_techniques(), ids=lambda s: s.technique.group)
def test_a_shot_round_trips_through_toml(shot: Shot) -> None:
    assert Shot().with_values(parse_toml(format_toml(shot.values()), "text")) == shot


def test_flags_override_a_preset(tmp_path: Path) -> None:
    preset = tmp_path / "p.toml"
    preset.write_text(
        'technique = "ssao"\nwidth = 320\n[ssao]\nradius = 0.8\n[ssdo]\nsamples = 4\n[camera]\neye = [1, 2, 3]\n'
    )
    parser = FlagParser("x")
    add_shot_flags(parser)
    flags = parse_flags(parser, ["--preset", str(preset), "--ssao.samples", "9", "--width", "64"])
    (shot,) = parse_overrides(flags).build_shots()
    assert shot == Shot().with_values(
        {"technique": "ssao", "ssao.radius": 0.8, "ssao.samples": 9, "width": 64, "camera.eye": (1.0, 2.0, 3.0)}
    )


@pytest.mark.parametrize("text", ["width = ", "a = 1\na = 2", "[ssao"])
def test_a_broken_preset_is_reported_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as error:
        parse_toml(text, "p.toml")
    assert str(error.value).startswith("p.toml: not TOML")
    assert "\n" not in str(error.value)


def test_unreadable_presets_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "none", tmp_path / "binary"):
        with pytest.raises(UserError):
            read_text(path)


def test_parameters_without_effect_are_rejected() -> None:
    with pytest.raises(UserError, match=r"ssao.radius has no effect: the technique is off"):
        Shot().with_values({"technique": "off", "ssao.radius": 1.0})
    with pytest.raises(UserError, match=r"no parameter ssdo.raduis; did you mean ssdo.radius\?"):
        Shot().with_values({"ssdo.raduis": 1.0})
    with pytest.raises(UserError, match=r"no technique sdo; did you mean ssdo\?"):
        Shot().with_values({"technique": "sdo"})


# ---- every parameter -------------------------------------------------------------------------------------------------

PARAMETERS = list_parameters()
each_parameter = pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)


@pytest.fixture(scope="module")
def shot_parser() -> FlagParser:
    parser = FlagParser("test")
    add_shot_flags(parser)
    return parser


def two_values(parameter: Parameter) -> tuple[Any, Any]:
    """Two different values, neither of which is the default."""
    values = [value for value in parameter.allowed_values if value is not None]
    others = [value for value in values if value != parameter.field.default]
    return (others[0], others[-1]) if len(others) > 1 else (others[0], parameter.field.default)


@each_parameter
def test_every_value_in_range_is_kept_and_its_neighbours_are_refused(parameter: Parameter) -> None:
    for value in parameter.allowed_values:
        shot = Shot().with_values(parameter.with_technique(value))
        assert shot.values().get(parameter.name) == (parameter.unset_text if value is None else value)
        assert [v for name, _, _, v in shot.walk() if name == parameter.name] == [value]
    for value in parameter.refused_values:
        with pytest.raises(UserError, match=f"^{re.escape(parameter.name)} = ") as error:
            Shot().with_values(parameter.with_technique(value))
        assert "\n" not in str(error.value)
    if not parameter.param.auto_label:
        with pytest.raises(UserError, match=f"^{re.escape(parameter.name)} = None: must be "):
            Shot().with_values(parameter.with_technique(None))


@each_parameter
def test_a_flag_reads_back_every_value(parameter: Parameter, shot_parser: FlagParser) -> None:
    """Exactly, by both spellings of its name; a value out of range is refused there, too."""
    for value in parameter.allowed_values:
        text = format_flag_value(value)
        for flag in (f"--{parameter.name}", f"--{parameter.name.replace('_', '-')}"):
            values = parse_flags(shot_parser, [f"{flag}={text}"])
            assert values == {"preset": None, parameter.name: value}
            assert type(values[parameter.name]) is type(value)
        if not text.startswith("-d"):  # argparse takes it for a flag
            assert parse_flags(shot_parser, [f"--{parameter.name}", text])[parameter.name] == value
    if parameter.kind is bool:
        assert parse_flags(shot_parser, [f"--{parameter.name}"])[parameter.name] is True
        assert parse_flags(shot_parser, [f"--no-{parameter.name}"])[parameter.name] is False
    for value in parameter.refused_values:
        if parameter.kind not in (bool, str):
            with pytest.raises(UserError, match=parameter.name):
                flags = parse_flags(shot_parser, [f"--{parameter.name}={format_flag_value(value)}"])
                parse_overrides(flags).build_shot(parameter.group)


def test_files_keep_every_value(tmp_path: Path) -> None:
    """As TOML text, and inside PNG, EXR and NPZ files: all parameters at once, each with each of its values."""
    pixels, radiance = np.zeros((1, 1, 3), "u1"), np.zeros((1, 1, 3), "f4")
    openexr = pytest.importorskip("OpenEXR")
    for number, values in enumerate(list_value_sets()):
        shot = Shot().with_values(values)
        unset_texts = {parameter.name: parameter.unset_text for parameter in PARAMETERS}
        texts = {name: unset_texts[name] if value is None else value for name, value in values.items()}
        expected = {name: value for name, value in texts.items() if value is not None}
        assert shot.values() == expected
        assert Shot().with_values(parse_toml(format_toml(shot.values()), "text")) == shot
        images.save_png(tmp_path / f"{number}.png", pixels, shot.values())
        assert images.load_shot_values(tmp_path / f"{number}.png") == expected
        if number % 10 == 0:  # the same text in slower files
            images.save_exr(tmp_path / f"{number}.exr", radiance, shot.values())
            with openexr.File(str(tmp_path / f"{number}.exr")) as file:
                assert parse_toml(file.header()["shot"], "exr") == expected


@each_parameter
def test_flags_win_over_presets_over_images_over_defaults(
    parameter: Parameter, shot_parser: FlagParser, tmp_path: Path
) -> None:
    first, second = two_values(parameter)
    scene = {"scene": "a.obj"} if parameter.name == "up" else {}  # which has no effect on a built-in scene
    image, preset_values = (parameter.with_technique(value) | scene for value in (first, second))
    (tmp_path / "p.toml").write_text(format_toml(preset_values), "utf-8")
    preset = ["--preset", str(tmp_path / "p.toml")]
    flags = [f"--{parameter.name}={format_flag_value(first)}"]

    def parse_value(defaults: dict[str, Any], *arguments: str) -> Any:
        overrides = parse_overrides(parse_flags(shot_parser, arguments), defaults)
        (shot,) = overrides.build_shots()
        assert overrides.is_set(parameter.name) == bool(defaults or arguments)
        assert shot.technique.group == (parameter.group if defaults or arguments else Shot().technique.group)
        return shot.values().get(parameter.name)

    if not parameter.technique or parameter.technique == Shot().technique.group:
        assert parse_value({}) == parameter.field.default
    assert parse_value(image) == first
    assert parse_value({}, *preset) == second
    assert parse_value(image, *preset) == second
    assert parse_value(image, *preset, *flags) == first
    assert parse_value(preset_values, *flags) == first
    if parameter.param.auto_label:  # "auto" counts as a value
        value = parse_value(image, *preset, f"--{parameter.name}={format_flag_value(None)}")
        assert value == parameter.unset_text


@pytest.mark.parametrize("name", Technique.known)
def test_resolving_keeps_what_is_set_and_fills_what_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = load_scene("nook")
    monkeypatch.setattr(
        Shot, "_extract_sun", lambda self, scene: replace(scene.sun, angular_diameter=0.25)
    )  # the environments do not exist
    for values in list_value_sets():
        if values["technique"] != name:
            continue
        shot = Shot().with_values(values)
        resolved_values = {dotted_name: value for dotted_name, _, _, value in shot.resolve(scene).walk()}
        technique = shot.technique
        # what has no effect is set to its default, so that equal images have equal shots
        ineffective = ["guard_band."] * (not technique.sample_param) + ["probes."] * (not technique.uses_probes)
        ineffective += ["lighting."] * technique.progressive + ["temporal."] * (not shot.uses_history)
        ineffective += ["display.fxaa"] * (shot.antialias > 1)
        defaults = {dotted_name: value for dotted_name, _, _, value in Shot().walk()}
        for dotted_name, value in values.items():
            if dotted_name == "technique":
                continue
            if dotted_name == "up" and is_built_in(shot.scene):
                assert resolved_values[dotted_name] == "y"
            elif dotted_name.startswith(tuple(ineffective)):
                assert resolved_values[dotted_name] == defaults[dotted_name], dotted_name
            elif value is not None:
                assert resolved_values[dotted_name] == value, dotted_name
            else:  # None is how an unlimited distance is written; exposure is metered when the frame is drawn
                is_unset = resolved_values[dotted_name] is None
                assert is_unset == (dotted_name in ("reference.max_distance", "display.exposure")), dotted_name


def test_unset_values_are_those_of_the_scene() -> None:
    """Each of another number, so that no two can be exchanged."""
    scene = replace(
        load_scene("nook"),
        environment="half",
        eye=(1.0, 2.0, 3.0),
        target=(4.0, 5.0, 6.0),
        fov=41.0,
        sun=DirectionalLight(12.0, 34.0, irradiance=5.0, color=(0.1, 0.2, 0.3), angular_diameter=0.7),
        background="blurred",
        roll=7.0,
        picture_height=8.0,
    )
    expected: dict[str, Any] = {"environment": "half", "camera.eye": (1.0, 2.0, 3.0), "camera.target": (4.0, 5.0, 6.0)}
    expected |= {"camera.fov": 41.0, "sun.azimuth": 12.0, "sun.elevation": 34.0, "sun.irradiance": 5.0}
    expected |= {"camera.roll": 7.0, "camera.projection": "orthographic", "camera.height": 8.0}
    expected |= {"sun.color": (0.1, 0.2, 0.3), "sun.angular_diameter": 0.7, "background": "blurred", "up": "y"}
    metered = {"display.exposure"}
    assert {*expected, *metered} == {p.name for p in PARAMETERS if not p.technique and p.param.auto_label}
    assert Shot().resolve(scene).values().items() >= expected.items()
    for parameter in PARAMETERS:
        if parameter.technique and parameter.param.fraction is not None:
            shot = Shot().with_values({"technique": parameter.technique}).resolve(scene)
            radius = parameter.param.fraction * scene.bounding_radius
            assert shot.values()[parameter.name] == radius


SCENE_SIZES = tuple(10.0**exponent for exponent in range(-9, 13))  # metres


@pytest.mark.parametrize("name", Technique.known)
def test_lengths_that_follow_the_scene_are_in_range_at_every_size(name: str) -> None:
    """With each parameter that others may follow from unset, or at either end of its range."""
    parameters = [p for p in PARAMETERS if p.technique == name and p.kind is float]
    names = [p.field.name for p in parameters]
    ends = [[*([None] if p.param.auto_label else []), p.param.min, p.param.max] for p in parameters]
    unset_values = dict.fromkeys((p.field.name for p in parameters if p.param.auto_label), None)
    value_sets = [unset_values | {n: v} for n, values in zip(names, ends, strict=True) for v in values] + [unset_values]
    for size, values in itertools.product(SCENE_SIZES, value_sets):
        technique = Technique.by_name(name)(**values)
        resolved = technique.resolve_lengths(size)
        assert type(technique)().with_values({n: getattr(resolved, n) for n in names}) == resolved
        for p in parameters:
            value, length = values.get(p.field.name), getattr(resolved, p.field.name)
            if value is not None:
                assert length == value, p.name
            elif p.param.fraction is not None:
                assert p.param.min is not None and p.param.max is not None
                assert length == min(max(p.param.fraction * size, p.param.min), p.param.max), p.name
            elif p.name == "reference.max_distance":
                assert length is None, "unlimited"
            else:
                assert length is not None and p.param.contains(length), p.name


@pytest.mark.parametrize("name", Technique.known)
def test_scenes_of_every_size_can_be_resolved(name: str) -> None:
    """With a camera of the shot's own, and the same again from the values that an image stores."""
    for size in SCENE_SIZES:
        corners = np.array([(0, 0, 0), (2 * size, 0, 0), (0, 0, 0)], "f4")
        scene = Scene((Mesh(corners, np.array([(0, 1, 2)], "i4")),), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
        assert scene.bounding_radius == pytest.approx(size)
        shot = Shot().with_values({"technique": name}).resolve(scene)
        assert Shot().with_values(parse_toml(format_toml(shot.values()), "text")) == shot
