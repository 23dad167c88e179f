"""Search parameters with the least error against the path-traced reference at a given cost, and write them as a preset.

Each technique is tuned over scenes, cameras and radii at once. For each radius the reference is one bounce of rays no
longer than that; the radius itself remains the user's choice. Tuned values are written only where they beat the
defaults at the same cost on held-out views. The file begins with the command and the errors. With --evaluate, presets
are measured instead. Needs the package optuna. Ctrl-C writes the best values so far; the same command continues.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ssdo.commands.tune.budget import Budget, require_tunable, tunable_techniques
from ssdo.commands.tune.scoring import RAYS_PER_FRAME, TuningView, compute_score, compute_search_id, prepare_view
from ssdo.commands.tune.search import Dimension, TrialLog, build_search_space, import_optuna, run_search
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure.benchmark_views import HELD_OUT_SCENES, TUNING_SCENES, select_views
from ssdo.measure.output_files import require_absent, save_bytes
from ssdo.measure.reference_cache import ReferenceCache, add_cache_flags
from ssdo.measure.version import program_version
from ssdo.render import presets
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import (
    Overrides,
    add_shot_flags,
    parse_overrides,
    parse_radii,
    read_text,
    validate_values,
    without_antialiasing,
)
from ssdo.render.technique import Technique
from ssdo.settings import UserError, field_type, param_of
from ssdo.toml_text import format_toml, parse_toml

DEFAULT_RADII, DEFAULT_BUDGET, DEFAULT_TRIALS = "0.1,0.3", "128", 32
DEFAULTS = {"width": 128, "height": 72}  # small, as each trial renders every view with every radius
PHYSICAL_PARAMS = ("indirect_intensity",)  # numbers with one correct value, searched only when named
INTERRUPTED_EXIT_CODE = 130


class TuneArguments(NamedTuple):
    """What the flags of `tune` say, without those of the shot."""

    techniques: str | None
    budget: str | None
    search: str | None
    trials: int | None
    evaluate: Sequence[str] | None
    scenes: str
    held_out: str
    radii: str
    reference_frames: int
    output: Path | None
    overwrite: bool
    cache: Path | None


class TuningResult(NamedTuple):
    """Relative RMSE of the default and of the tuned shot, which differ in technique and denoiser."""

    preset: str
    shot: Shot
    default: Shot
    tuning_errors: tuple[float, float]  # default, tuned
    held_out_errors: tuple[float, float]

    @property
    def is_better(self) -> bool:
        """Whether it beats the default on held-out views."""
        default, tuned_error = self.held_out_errors
        return tuned_error < default


@dataclass(frozen=True)
class ViewSets:
    """The views to tune on, and the held-out views, which the search does not see."""

    tuning: Sequence[TuningView]
    held_out: Sequence[TuningView]

    def compare(self, gpu: Gpu, preset: str, shot: Shot, default: Shot) -> TuningResult:
        """Measure a shot's technique and denoiser against the default's on both sets."""
        tuning_errors, held_out_errors = (
            (compute_score(gpu, default, views), compute_score(gpu, shot, views))
            for views in (self.tuning, self.held_out)
        )
        return TuningResult(preset, shot, default, tuning_errors, held_out_errors)


class ViewSettings(NamedTuple):
    """What decides the views and their references."""

    overrides: Overrides
    scenes: Sequence[str]
    held_out_scenes: Sequence[str]
    radius_fractions: Sequence[float]  # of the scene's size
    reference_frames: int
    cache: ReferenceCache


def main(arguments: Sequence[str]) -> int:
    """`tune FLAGS`. Returns the exit code; raises UserError."""
    values = parse_flags(_make_parser(), arguments)
    args = TuneArguments(**{name: values.pop(name) for name in TuneArguments._fields})
    settings = ViewSettings(
        overrides=_check_overrides(without_antialiasing(parse_overrides(values))),
        scenes=args.scenes.split(","),
        held_out_scenes=[scene for scene in args.held_out.split(",") if scene],
        radius_fractions=parse_radii(args.radii),
        reference_frames=args.reference_frames,
        cache=ReferenceCache(args.cache),
    )
    return _evaluate(args, settings) if args.evaluate else _tune(args, settings, arguments)


def _evaluate(args: TuneArguments, settings: ViewSettings) -> int:
    """Measure presets and print a table. Returns the exit code; raises UserError."""
    for name in ("techniques", "budget", "search", "trials", "output"):
        if getattr(args, name) is not None:
            raise UserError(f"--{name} has no effect beside --evaluate; leave it out")
    values_by_preset = _load_presets(args.evaluate or [])
    with Gpu(create_headless_context()) as gpu, _prepare_views(gpu, settings) as views:
        results = evaluate_presets(gpu, settings.overrides, values_by_preset, views)
        print("\n".join([*format_table(results), "", _describe_conditions(gpu, settings)]))
    return 0


def _tune(args: TuneArguments, settings: ViewSettings, arguments: Sequence[str]) -> int:
    """Tune every technique and write the preset. Returns the exit code; raises UserError."""
    output, overrides = args.output, settings.overrides
    if output is None or output.suffix != ".toml":
        raise UserError(
            f"--output {output or 'is missing'}: the preset is written to a .toml file; add --output my.toml"
        )
    require_absent([output], args.overwrite)
    budget = Budget.parse(args.budget or DEFAULT_BUDGET)
    trials = DEFAULT_TRIALS if args.trials is None else args.trials
    if not 1 <= trials <= 100000:
        raise UserError(f"--trials {trials}: must be 1 to 100000")
    import_optuna()
    techniques = args.techniques.split(",") if args.techniques else tunable_techniques()
    overrides.build_shots(techniques)  # raises for flags without effect
    starts = {name: _build_start(overrides, name, budget) for name in techniques}
    spaces = {
        name: build_search_space(start, _choose_params(start, args.search, budget, techniques))
        for name, start in starts.items()
    }
    results: list[TuningResult] = []
    interrupted = False
    with Gpu(create_headless_context()) as gpu, _prepare_views(gpu, settings) as views:
        for name, start in starts.items():
            search = TechniqueSearch(start, spaces[name], budget, trials, overrides.cli.get("seed", 0), settings)
            result, interrupted = tune_technique(gpu, search, views)
            results.append(result._replace(preset=output.stem))
            if interrupted:
                break
        conditions = f"{program_version()}; {_describe_conditions(gpu, settings)}"
    header = [f"ssdo tune {shlex.join(arguments)}", conditions]
    if interrupted:
        header.append("interrupted: the best values so far")
    try:
        write_preset(output, results, spaces, budget, header, args.overwrite)
    finally:
        print("\n".join(format_table(results)))
    print(output.absolute(), file=sys.stderr)
    return INTERRUPTED_EXIT_CODE if interrupted else 0


# ---- flags ----


def _make_parser() -> FlagParser:
    parser = FlagParser("ssdo tune", __doc__)
    add = parser.add_argument
    techniques = ",".join(tunable_techniques())
    add("--techniques", metavar="T,T,...", help=f"techniques to tune [{techniques}]")
    add(
        "--budget",
        metavar="N|Nms",
        help=f"depth fetches per pixel, samples x steps, or milliseconds of the technique's passes [{DEFAULT_BUDGET}]",
    )
    add(
        "--search",
        metavar="P,P,...",
        help="parameters to search [the numbers of each technique that have no unit and do not change the cost]",
    )
    add("--trials", type=int, metavar="N", help=f"trials for each technique [{DEFAULT_TRIALS}]")
    add("--evaluate", nargs="+", metavar="PRESET", help="tune nothing; measure presets, by name or file")
    add(
        "--scenes",
        default=TUNING_SCENES,
        metavar="S,S,...",
        help=f"scenes to tune on; of three or more cameras the last is held out [{TUNING_SCENES}]",
    )
    add(
        "--held-out",
        default=HELD_OUT_SCENES,
        metavar="S,S,...",
        help=f"scenes that are held out with all cameras [{HELD_OUT_SCENES}]",
    )
    add(
        "--radii",
        default=DEFAULT_RADII,
        metavar="V,V,...",
        help=f"radii relative to the scene's size [{DEFAULT_RADII}]",
    )
    add(
        "--reference-frames",
        type=int,
        default=16,
        metavar="N",
        help=f"frames of each reference, {RAYS_PER_FRAME} rays per pixel each [16]",
    )
    add("--output", type=Path, metavar="FILE.toml", help="the preset to write")
    add("--overwrite", action="store_true", help="replace an existing file")
    add_cache_flags(parser)
    add_shot_flags(parser)
    return parser


def _check_overrides(overrides: Overrides) -> Overrides:
    """The overrides over the defaults of `tune`. Raises UserError for parameters that tuning sets itself."""
    radii = [f"{name}.radius" for name in Technique.known]
    for name in ("scene", "technique", "accumulated_frames", "camera.eye", "camera.target", *radii):
        if name in overrides.cli:
            raise UserError(
                f"--{name} has no effect: tune chooses scenes, cameras, radii and techniques itself; leave it out"
            )
    return Overrides({**DEFAULTS, **overrides.preset}, overrides.cli)


def _build_start(overrides: Overrides, technique: str, budget: Budget) -> Shot:
    """The shot from which the search starts, within the budget. Raises UserError."""
    shot = overrides.build_shot(technique)
    require_tunable(shot.technique)
    return replace(shot, technique=budget.fit_fetches(shot.technique))


def _choose_params(shot: Shot, search: str | None, budget: Budget, techniques: Sequence[str]) -> list[str]:
    """The parameters to search: of --search, or the default ones. Raises UserError."""
    technique = shot.technique
    sample_param = f"{technique.group}.{technique.sample_param}"
    params = _default_params(technique) if search is None else _parse_params(search, technique, techniques)
    if budget.fetches:
        if sample_param in params:
            raise UserError(f"--search {sample_param}: it follows from the budget; leave it out")
        return params
    return params if sample_param in params else [*params, sample_param]


def _default_params(technique: Technique) -> list[str]:
    """Numbers without a unit. Steps are left out, as more of them cost time."""
    return [
        f"{technique.group}.{field.name}"
        for field in fields(technique)
        if field_type(type(technique), field.name) is float
        and not param_of(field).unit
        and field.name not in PHYSICAL_PARAMS
    ]


def _parse_params(search: str, technique: Technique, techniques: Sequence[str]) -> list[str]:
    """The parameters of --search that concern a technique. Raises UserError."""
    group = technique.group
    names = search.split(",")
    params = [
        name for name in names if name.partition(".")[0] == group or name.partition(".")[0] not in Technique.known
    ]
    shared = [name for name in params if not name.startswith(f"{group}.")]
    if shared and len(techniques) > 1:
        raise UserError(
            f"--search {shared[0]}: a preset has one for all techniques; tune one of them with --techniques {group}"
        )
    if not params:
        raise UserError(
            f"--search {search[:100]}: no parameter of {group}; add some or leave {group} out of --techniques"
        )
    if f"{group}.radius" in params:
        raise UserError(f"--search {group}.radius: the radii are those of --radii; leave it out")
    return params


def _load_presets(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The values of presets, by preset. Raises UserError."""
    values_by_preset = {}
    for name in names:
        path = presets.preset_path(name)
        values_by_preset[path.stem] = validate_values(parse_toml(read_text(path), str(path)), path)
    return values_by_preset


# ---- measure ----


@contextmanager
def _prepare_views(gpu: Gpu, settings: ViewSettings) -> Iterator[ViewSets]:
    """Both sets of views, drawn, with their references. Raises UserError."""
    base_shot = settings.overrides.build_shot("off")
    view_sets = select_views(base_shot, settings.scenes, settings.held_out_scenes)
    reference_count = sum(map(len, view_sets)) * len(settings.radius_fractions)
    with tqdm(total=reference_count, desc="references", disable=None) as progress:
        tuning, held_out = (
            [
                prepare_view(
                    gpu,
                    view,
                    settings.radius_fractions,
                    settings.reference_frames,
                    settings.cache,
                    callback=progress.update,
                )
                for view in views
            ]
            for views in view_sets
        )
    yield ViewSets(tuning, held_out)


class TechniqueSearch(NamedTuple):
    """What decides the search for one technique."""

    start: Shot
    space: Sequence[Dimension]
    budget: Budget
    trials: int
    seed: int
    settings: ViewSettings

    def build_shot(self, values: Mapping[str, Any]) -> Shot:
        """The shot with searched values, within a budget of fetches."""
        shot = self.start.with_values(values)
        return replace(shot, technique=self.budget.fit_fetches(shot.technique))

    def open_log(self, gpu: Gpu, views: Sequence[TuningView]) -> TrialLog:
        folder = self.settings.cache.folder
        if folder is None:
            return TrialLog(None)
        search_id = compute_search_id(
            gpu, self.start.technique, views, self.settings.reference_frames, str(self.budget)
        )
        return TrialLog(folder / f"tune-{search_id}.jsonl")


def tune_technique(gpu: Gpu, search: TechniqueSearch, views: ViewSets) -> tuple[TuningResult, bool]:
    """The result for a technique, and whether the search was interrupted."""
    inputs = [view.inputs for view in views.tuning]

    def evaluate(values: Mapping[str, Any]) -> float:
        shot = search.build_shot(values)
        if not search.budget.allows(gpu, shot.technique, inputs):
            return float("inf")
        return compute_score(gpu, shot, views.tuning)

    start = search.start
    default = replace(start, technique=search.budget.fit(gpu, start.technique, inputs))
    log = search.open_log(gpu, views.tuning)
    with tqdm(total=search.trials, desc=f"tune {start.technique.group}", disable=None) as progress:

        def report(least_error: float) -> None:
            progress.set_postfix_str(f"error {least_error:.4f}", refresh=False)
            progress.update()

        best = run_search(search.space, default.values(), evaluate, search.trials, search.seed, log, report)
    return views.compare(gpu, "", search.build_shot(best.values), default), best.interrupted


def evaluate_presets(
    gpu: Gpu, overrides: Overrides, values_by_preset: Mapping[str, Mapping[str, Any]], views: ViewSets
) -> list[TuningResult]:
    """Every technique of every preset, against the default with at least as many fetches. Raises UserError."""
    results = []
    for preset, values in values_by_preset.items():
        groups = dict.fromkeys(name.partition(".")[0] for name in values)
        for group in (group for group in groups if group in tunable_techniques()):
            shot = Overrides({**overrides.preset, **values}, overrides.cli).build_shot(group)
            default = overrides.build_shot(group)
            sample_count = -(-shot.technique.fetches // default.technique.fetches_per_sample)  # rounded up
            default = replace(default, technique=default.technique.with_samples(sample_count))
            results.append(views.compare(gpu, preset, shot, default))
    return results


# ---- output ----


def _describe_conditions(gpu: Gpu, settings: ViewSettings) -> str:
    """Image size, radii, reference and renderer, in one line."""
    shot = settings.overrides.build_shot("off")
    radii = ", ".join(f"{fraction:.0%}" for fraction in settings.radius_fractions)
    rays = RAYS_PER_FRAME * settings.reference_frames
    return (
        f"{shot.width} x {shot.height}, radii {radii}, reference {rays} rays a pixel, "
        f"{gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"
    )


def describe_samples(technique: Technique) -> str:
    """`16 samples x 8`: samples, and fetches for each."""
    count, name = technique.sample_count, technique.sample_param
    return f"{count} {name if count > 1 else name[:-1]} x {technique.fetches_per_sample}"


def format_table(results: Sequence[TuningResult]) -> list[str]:
    """A Markdown table of errors relative to the reference's mean."""
    columns = ["preset", "technique", "default", "tuned"]
    columns += [f"{shot}, {views}" for views in ("tuning views", "held-out views") for shot in ("default", "tuned")]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for result in results:
        cells = [
            result.preset,
            result.shot.technique.group,
            describe_samples(result.default.technique),
            describe_samples(result.shot.technique),
            *(f"{error:.2%}" for error in (*result.tuning_errors, *result.held_out_errors)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write_preset(
    path: Path,
    results: Sequence[TuningResult],
    spaces: Mapping[str, Sequence[Dimension]],
    budget: Budget,
    header: Sequence[str],
    overwrite: bool = False,
) -> None:
    """Write the preset under a comment with its errors.

    A technique that does not beat the default on held-out views gets the default's values. Raises UserError.
    """
    lines = [
        f"At most {budget}; the radius is the user's choice.",
        *header,
        "RMSE of radiance relative to the reference's mean, over scenes, cameras and radii:",
        *format_table(results),
    ]
    values: dict[str, Any] = {}
    for result in results:
        group = result.shot.technique.group
        if not result.is_better:
            lines.append(f"{group}: no better than the default on held-out views, so these are the default's values")
        shot = result.shot if result.is_better else result.default
        technique = shot.technique
        searched = {dimension.name for dimension in spaces[group]}
        cost_params = {f"{group}.steps", f"{group}.{technique.sample_param}"}
        changed = {name for name, _, field, value in technique.walk(f"{group}.") if value != field.default}
        preset_names = searched | cost_params | changed
        values |= {name: value for name, value in shot.values().items() if name in preset_names}
    text = "".join(f"# {line}\n" for line in lines) + "\n" + format_toml(values)
    save_bytes(path, text.encode(), overwrite)
