"""One declaration of a parameter gives its check, flag, TOML key, GLSL member and table row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ssdo.commands.parameters import table_rows
from ssdo.flags import FlagParser, add_flags, parse_flags
from ssdo.gpu.glsl import compile_time_values, glsl_struct
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import add_shot_flags, parse_overrides, read_text
from ssdo.render.technique import Technique
from ssdo.settings import Settings, UserError, param
from ssdo.toml_text import format_toml, parse_toml


@dataclass(frozen=True)
class Kettle(Settings):
    """Boils."""

    heat: float = param(50.0, 0.0, 100.0, "how hot", unit="C")
    cups: int = param(2, 1, 8, "how many", step=1)
    lid: bool = param(True, help="closed")
    kind: str = param("steel", help="of what", choices=("steel", "glass-ware"))
    place: tuple[float, float, float] | None = param(None, help="where", auto_label="the stove")
    depth: float | None = param(None, 0.0, 10.0, "of water", unit="m", fraction=0.25)


def flags(*arguments: str) -> dict[str, Any]:
    parser = FlagParser("x")
    add_flags(parser, Kettle())
    return parse_flags(parser, arguments)


def test_flags_say_what_they_say() -> None:
    given = flags(
        "--kettle.heat",
        "70",
        "--kettle.place",
        "-1,.5,2",
        "--kettle.depth",
        "auto",
        "--no-kettle.lid",
        "--kettle.kind=glass-ware",
    )
    assert given == {
        "kettle.heat": 70.0,
        "kettle.place": (-1.0, 0.5, 2.0),
        "kettle.depth": None,
        "kettle.lid": False,
        "kettle.kind": "glass-ware",
    }
    assert flags("--kettle.lid", "off")["kettle.lid"] is False
    assert flags("--kettle.lid")["kettle.lid"] is True
    assert flags("--kettle.place", "-.5,0,0")["kettle.place"] == (-0.5, 0.0, 0.0)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--kettle.heat", "hot"], "--kettle.heat hot: must be a number, 0 to 100 C"),
        (["--kettle.cups", "2.5"], "--kettle.cups 2.5: must be a whole number, 1 to 8"),
        (["--kettle.lid", "perhaps"], "--kettle.lid perhaps: must be true or false"),
        (["--kettle.place", "1,2,x"], "--kettle.place 1,2,x: must be three numbers X,Y,Z"),
        (["--kettle.haet", "1"], "unknown flag --kettle.haet; did you mean --kettle.heat?"),
        (["--kettle.heat"], "argument --kettle.heat: expected one argument; x --help lists the flags"),
    ],
)
def test_wrong_flags_give_one_line(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError) as error:
        flags(*arguments)
    assert str(error.value) == words


@pytest.mark.parametrize(
    "values, words",
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
def test_a_wrong_value_cannot_be_built(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as error:
        Kettle().with_values(values)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_whole_numbers_serve_as_numbers() -> None:
    assert Kettle().with_values({"heat": 70, "place": [1, 2, 3]}) == Kettle(heat=70.0, place=(1.0, 2.0, 3.0))
    assert isinstance(Kettle(heat=70).heat, float)


def test_lengths_follow_the_scene() -> None:
    assert Kettle().resolve_lengths(8.0).depth == 2.0
    assert Kettle(depth=1.0).resolve_lengths(8.0).depth == 1.0


def test_glsl_is_made_from_the_declaration() -> None:
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


def test_a_choice_is_a_constant_and_a_program_of_its_own() -> None:
    plain, glass = Kettle(place=(0.0, 0.0, 0.0), depth=1.0), Kettle(place=(0.0, 0.0, 0.0), depth=1.0, kind="glass-ware")
    assert (
        "const int KETTLE_KIND = 1;" in glsl_struct(glass, "kettle").splitlines()
        and "const int KETTLE_KIND = 0;" in glsl_struct(plain, "kettle").splitlines()
    )
    assert "int kind;" not in glsl_struct(plain, "kettle")
    assert compile_time_values(glass) == ("glass-ware",) != compile_time_values(plain)


def test_a_number_is_declared_by_its_type_not_its_value() -> None:
    @dataclass(frozen=True)
    class Loose:
        share: float

    assert "    float share;" in glsl_struct(Loose(3), "loose")


def test_table_names_default_range_and_meaning() -> None:
    rows = table_rows(Kettle())
    assert "| `kettle.heat` | 50 | 0 to 100 C | how hot |" in rows
    assert "| `kettle.depth` | 25% of the scene's size | 0 to 10 m | of water |" in rows
    assert "| `kettle.place` | the stove |  | where |" in rows


def every_shot() -> list[Shot]:
    return [
        Shot().with_values({"technique": name, "camera.eye": (1.0, -2.0, 3.0), "denoise.radius": 4})
        for name in Technique.known
    ]


@pytest.mark.parametrize("shot", every_shot(), ids=lambda s: s.technique.group)
def test_a_shot_survives_its_text(shot: Shot) -> None:
    assert Shot().with_values(parse_toml(format_toml(shot.values()), "text")) == shot


def test_a_preset_and_flags_over_it(tmp_path: Path) -> None:
    preset = tmp_path / "p.toml"
    preset.write_text(
        'technique = "ssao"\nwidth = 320\n[ssao]\nradius = 0.8\n[ssdo]\nsamples = 4\n[camera]\neye = [1, 2, 3]\n'
    )
    parser = FlagParser("x")
    add_shot_flags(parser)
    (shot,) = parse_overrides(parse_flags(parser, ["--preset", str(preset), "--ssao.samples", "9", "--width", "64"])).build_shots()
    assert shot == Shot().with_values(
        {"technique": "ssao", "ssao.radius": 0.8, "ssao.samples": 9, "width": 64, "camera.eye": (1.0, 2.0, 3.0)}
    )


@pytest.mark.parametrize("text", ["width = ", "a = 1\na = 2", "[ssao"])
def test_a_broken_preset_is_one_line(text: str) -> None:
    with pytest.raises(UserError) as error:
        parse_toml(text, "p.toml")
    assert str(error.value).startswith("p.toml: not TOML")
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "none", tmp_path / "binary"):
        with pytest.raises(UserError):
            read_text(path)


def test_what_has_no_effect_is_refused() -> None:
    with pytest.raises(UserError, match=r"ssao.radius has no effect: the technique is off"):
        Shot().with_values({"technique": "off", "ssao.radius": 1.0})
    with pytest.raises(UserError, match=r"no parameter ssdo.raduis; did you mean ssdo.radius\?"):
        Shot().with_values({"ssdo.raduis": 1.0})
    with pytest.raises(UserError, match=r"no technique sdo; did you mean ssdo\?"):
        Shot().with_values({"technique": "sdo"})
