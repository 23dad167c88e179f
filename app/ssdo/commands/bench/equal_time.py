"""Who takes part in `bench equal`, with what, and who wins: nothing here draws."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any, NamedTuple

from ssdo.render.half_resolution import LightingResolution
from ssdo.render.probe_grid import ProbeSettings
from ssdo.render.shot import Shot
from ssdo.render.technique import HemisphereTechnique, Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo

QUANTITIES = {"radiance": "final light", "direct": "direct light"}  # what is held against the truth
SSAO, PUBLISHED = "SSAO", "SSDO as published"  # whom all are compared with
RIVALS = (SSAO, PUBLISHED)
# shares of an error that are asked for: of either rival's in the same time, of SSAO's where time is unlimited
HALF, LESS = 0.5, 0.4
MARCHED = ((2, 4), (4, 4), (4, 8), (8, 8), (16, 8), (16, 16), (32, 16))  # directions, and points along each
HIDDEN = ((4, 8), (16, 8))  # the same with two intervals, whose time is that of what is hidden
SINGLE = (4, 16, 64)  # directions of one point each
SLICED = ((1, 4), (1, 8), (2, 8), (2, 16), (4, 16))  # slices, and points along each side
# points along a direction where time is unlimited; directions, or slices and their points, are those of screen truth
PATIENT = 32
UNLIMITED = "unlimited"
NOTHING, PROBES, MORE = ProbeSettings(), ProbeSettings(enabled=True), ProbeSettings(enabled=True, grid_size=16)


@dataclass(frozen=True)
class Contender:
    """A technique in the forms that it may take, and what it is told of what the screen does not show."""

    name: str
    forms: tuple[Technique, ...]
    far: ProbeSettings = NOTHING


@dataclass(frozen=True)
class Candidate:
    """One way in which a contender may light a picture."""

    contender: str
    technique: Technique  # its radius is `share` of the scene's size
    share: float
    resolution: str = "full"
    far: ProbeSettings = NOTHING

    def shot(self, shot: Shot, size: float) -> Shot:
        """The shot of a scene of that size, lit this way."""
        changed: Any = self.technique
        technique = replace(changed, radius=self.share * size).resolve_lengths(size)
        return replace(shot, technique=technique, probes=self.far, lighting=LightingResolution(self.resolution))

    @property
    def scope(self) -> str:
        """Of its targets: candidates of one scope need them in the same sizes, and the same probes."""
        return f"{self.resolution} {self.far.grid_size if self.far.enabled else 'open'}"

    def label(self) -> str:
        """What is chosen, in words."""
        technique: Any = self.technique
        if isinstance(technique, HemisphereTechnique):
            tried = (
                f"{technique.samples} x {technique.steps}"
                if technique.visibility == "ray-march"
                else f"{technique.samples} points"
            )
        else:
            tried = f"{technique.slices} x 2 x {technique.steps}"
        return ", ".join([tried, f"{self.share:.0%}", *["half"] * (self.resolution == "half")])


def _march(technique: Ssao | Ssdo, counts: Sequence[tuple[int, int]] = MARCHED) -> tuple[Technique, ...]:
    return tuple(replace(technique, visibility="ray-march", samples=samples, steps=steps) for samples, steps in counts)


def _points(technique: Ssao | Ssdo) -> tuple[Technique, ...]:
    return tuple(replace(technique, visibility="single-sample", samples=samples) for samples in SINGLE)


def _slices(technique: Gtao | Bitmask) -> tuple[Technique, ...]:
    return tuple(replace(technique, slices=slices, steps=steps) for slices, steps in SLICED)


CONTENDERS = (
    Contender(SSAO, _march(Ssao()) + _points(Ssao())),
    Contender("GTAO", _slices(Gtao())),
    Contender(PUBLISHED, _points(Ssdo(bounce_estimator="form-factor"))),
    Contender("SSDO", _march(Ssdo())),
    Contender("SSDO, two intervals", _march(Ssdo(depth_layers="2"), HIDDEN)),
    Contender("bitmask", _slices(Bitmask())),
    Contender("SSDO, probes", _march(Ssdo()), PROBES),
    Contender("SSDO, more probes", _march(Ssdo()), MORE),
    Contender("bitmask, probes", _slices(Bitmask()), PROBES),
)
DEFAULT = Candidate("", Ssao(), 0.15)  # what budgets are multiples of


def candidates(shares: Sequence[float]) -> list[Candidate]:
    """All of them, with each of these radii as shares of the scene's size, at full resolution and at half."""
    return [
        Candidate(one.name, technique, share, resolution, one.far)
        for one in CONTENDERS
        for resolution in ("full", "half")
        for technique in one.forms
        for share in shares
    ]


def unlimited(shares: Sequence[float]) -> list[Candidate]:
    """The same where time does not matter: as many points along each direction as find what there is."""
    found = (
        Candidate(one.name, replace(technique, steps=PATIENT).as_converged(), share, far=one.far)  # type: ignore[call-arg]
        for one in CONTENDERS
        for technique in one.forms
        for share in shares
    )
    return list(dict.fromkeys(found))


class Figures(NamedTuple):
    """What one candidate takes and misses, in each of some views."""

    candidate: Candidate
    ms: tuple[float, ...]  # none: time is unlimited
    errors: Mapping[str, tuple[float, ...]]  # by quantity: RMSE

    @property
    def time(self) -> float:
        """Mean over the views."""
        return mean(self.ms)

    def error(self, quantity: str) -> float:
        """Mean over the views."""
        return mean(self.errors[quantity])


class Key(NamedTuple):
    """Of what is chosen."""

    quantity: str
    budget: str  # in words
    contender: str


class Outcome(NamedTuple):
    """All that was found."""

    places: tuple[list[str], list[str]]  # names of the views tuned on, and of those held out
    budgets: dict[str, float]  # in words: milliseconds; infinite: time is unlimited
    tuned: list[Figures]  # of all candidates
    held: dict[Key, Figures]  # of those that were chosen
    off: dict[str, float]  # by quantity: the error of no occlusion, mean over all views
    probes: dict[int, list[float]]  # by columns: seconds, in each scene
    trees: list[float]  # seconds, in each scene

    def halves(self, key: Key) -> tuple[Figures, Figures]:
        """Of what was chosen: its figures in the views tuned on, and in those held out."""
        held = self.held[key]
        return next(f for f in self.tuned if f.candidate == held.candidate and bool(f.ms) == bool(held.ms)), held

    def ratios(self, key: Key, rival: str) -> tuple[float, float] | None:
        """Error to the rival's in the same time: of all views, and of those held out."""
        other = key._replace(contender=rival)
        if not {key, other} <= self.held.keys():
            return None
        (tuned, held), (its_tuned, its_held) = self.halves(key), self.halves(other)
        errors = [(joined([tuned, held]), joined([its_tuned, its_held])), (held, its_held)]
        mine, its = zip(*((f.error(key.quantity), g.error(key.quantity)) for f, g in errors), strict=True)
        return (mine[0] / its[0], mine[1] / its[1]) if min(its) > 0 else None

    def first(self, quantity: str, budget: str) -> str | None:
        """Who errs least on the views tuned on."""
        able = [key for key in self.held if key[:2] == (quantity, budget)]
        return min(able, key=lambda key: self.halves(key)[0].error(quantity)).contender if able else None


def joined(parts: Iterable[Figures]) -> Figures:
    """The same candidate's figures in all the views of these."""
    found = list(parts)
    errors = {name: tuple(e for part in found for e in part.errors[name]) for name in found[0].errors}
    return Figures(found[0].candidate, tuple(ms for part in found for ms in part.ms), errors)


def best(found: Iterable[Figures], contender: str, quantity: str, budget: float) -> Candidate | None:
    """The contender's candidate with the least mean error of those that take no longer than the budget; None: none
    does.
    """
    within = [f for f in found if f.candidate.contender == contender and (not f.ms or f.time <= budget)]
    return min(within, key=lambda f: f.error(quantity)).candidate if within else None


def chosen(found: Collection[Figures], budgets: Mapping[str, float]) -> dict[Key, Candidate]:
    """By the views tuned on: for each quantity, as settings that suit final light may suit direct light less."""
    keys = [Key(quantity, budget, one.name) for quantity in QUANTITIES for budget in budgets for one in CONTENDERS]
    picks = {key: best(found, key.contender, key.quantity, budgets[key.budget]) for key in keys}
    return {key: one for key, one in picks.items() if one}


# ---- what it says ----


def report(outcome: Outcome) -> list[str]:
    """Markdown, to be pasted as it is: a table for each quantity, one by scenes, and what was reached."""
    lines = []
    for quantity, title in QUANTITIES.items():
        lines += [f"{title.capitalize()}:", "", *table(outcome, quantity), ""]
    lines += ["By scene, all views:", "", *by_scene(outcome), ""]
    off = " and ".join(f"{outcome.off[quantity]:.3f} ({title})" for quantity, title in QUANTITIES.items())
    said = [verdict(outcome, quantity, budget) for quantity in QUANTITIES for budget in outcome.budgets]
    return lines + [f"- {text}" for text in (*said, f"No occlusion at all, all views: {off}.", one_off(outcome))]


def table(outcome: Outcome, quantity: str) -> list[str]:
    """A row for each budget and contender."""
    head = [
        "time",
        "contender",
        "chosen",
        "ms, held out",
        "tuned on",
        "held out",
        "all",
        *(f"to {rival}, held out" for rival in RIVALS),
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for budget, ms in outcome.budgets.items():
        keys = [Key(quantity, budget, one.name) for one in CONTENDERS]
        time = budget if budget == UNLIMITED else f"{budget}, {ms:.1f} ms"
        for key in keys:
            if key in outcome.held:
                tuned, held = outcome.halves(key)
                cells = [
                    time,
                    key.contender,
                    held.candidate.label(),
                    f"{tuned.time:.1f}, {held.time:.1f}" if held.ms else "",
                ]
                cells += [f"{part.error(quantity):.3f}" for part in (tuned, held, joined([tuned, held]))]
                ratios = (outcome.ratios(key, rival) if rival != key.contender else None for rival in RIVALS)
                lines.append(
                    f"| {' | '.join([*cells, *(f'{both[0]:.2f}, {both[1]:.2f}' if both else '' for both in ratios)])} |"
                )
        if slow := [key.contender for key in keys if key not in outcome.held]:
            lines.append(f"| {' | '.join([time, '; '.join(slow), 'none is as fast', *[''] * 6])} |")
    return lines


def by_scene(outcome: Outcome) -> list[str]:
    """How the rivals, and whoever did best on the views tuned on, do in each scene, in the time in the middle."""
    budget = list(outcome.budgets)[(len(outcome.budgets) - 1) // 2]
    columns = [
        Key(quantity, budget, name)
        for quantity in QUANTITIES
        if (first := outcome.first(quantity, budget))
        for name in (*RIVALS, first)
    ]
    head = ["scene", *(f"{key.contender}, {QUANTITIES[key.quantity]}, {budget}" for key in columns)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    scenes = [name.rpartition(" ")[0] for half in outcome.places for name in half]
    for scene in dict.fromkeys(scenes):
        cells = [scene]
        for key in columns:
            errors = joined(outcome.halves(key)).errors[key.quantity] if key in outcome.held else ()
            here = [e for e, of in zip(errors, scenes, strict=False) if of == scene]
            cells.append(f"{mean(here):.3f}" if here else "")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def verdict(outcome: Outcome, quantity: str, budget: str) -> str:
    """How much less than the rivals whoever errs least on the views tuned on errs, and whether that is as much as is
    asked for.
    """
    said = f"{QUANTITIES[quantity].capitalize()}, {budget}"
    first = outcome.first(quantity, budget)
    if first is None:
        return f"{said}: nothing is as fast."
    if first in RIVALS:
        return f"{said}: nothing errs less than {first}."
    asked, of = (LESS, RIVALS[:1]) if budget == UNLIMITED else (HALF, RIVALS)
    found = {rival: outcome.ratios(Key(quantity, budget, first), rival) for rival in of}
    words = " and ".join(
        f"{both[0]:.2f} of {rival} (held out {both[1]:.2f})" if both else f"{rival} is not as fast"
        for rival, both in found.items()
    )
    if budget == UNLIMITED and quantity != "direct":  # what is asked for there is of direct light alone
        return f"{said}: {first} errs by {words}."
    short = any(max(both) > asked for both in found.values() if both)
    return f"{said}: {first} errs by {words}; at most {asked} is asked for: {'no' if short else 'yes'}."


def one_off(outcome: Outcome) -> str:
    """What the probes cost, once for a scene and its light."""
    columns = ", ".join(f"{_range(seconds)} with {count} columns" for count, seconds in outcome.probes.items())
    return f"Probes, once for a scene and its light and not in these times: {columns}; the tree of triangles that they are drawn with {_range(outcome.trees)}."


def _range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.2f} to {max(seconds):.2f} s"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """All figures."""
    held = {(f.candidate, bool(f.ms)): f for f in outcome.held.values()}
    rows = []
    for f in outcome.tuned:
        beside = held.get((f.candidate, bool(f.ms)))
        about = {
            "contender": f.candidate.contender,
            "settings": f.candidate.label(),
            "time": "limited" if f.ms else UNLIMITED,
        }
        rows.append(
            about
            | {"tuned on": {"ms": f.ms, **f.errors}}
            | ({"held out": {"ms": beside.ms, **beside.errors}} if beside else {})
        )
    return {
        "views": dict(zip(("tuned on", "held out"), outcome.places, strict=True)),
        "budgets": {word: ms for word, ms in outcome.budgets.items() if word != UNLIMITED},
        "chosen": [{**key._asdict(), "settings": f.candidate.label()} for key, f in outcome.held.items()],
        "rows": rows,
        "off": outcome.off,
        "seconds": {"probes": outcome.probes, "trees": outcome.trees},
    }
