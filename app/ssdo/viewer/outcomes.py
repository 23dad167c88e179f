"""What the curves of an experiment say, in sentences. Pure functions of the curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ssdo.viewer.render_scheduler import PAIR, Slot

Points = Sequence[tuple[float, float]]
CONSTANT_ERROR_RATIO = 0.1  # an error that changes by less than this fraction counts as constant
CONSTANT_LIGHT_RATIO = 0.02  # a fraction of light that changes by less than this part of it counts as constant
MAX_NOISE_OF_BIAS = 0.5  # an error is mostly bias if the noise is less than this part of it


def list_names(labels: Mapping[Slot, str]) -> dict[Slot, str]:
    """The names of A and B in sentences: their techniques, with the slot where these are equal."""
    if labels["A"] == labels["B"]:
        return {slot: f"{slot} ({labels[slot]})" for slot in PAIR}
    return {slot: labels[slot] for slot in PAIR}


def describe_samples(
    labels: Mapping[Slot, str], errors: Mapping[Slot, Points], noise: Mapping[Slot, Points], hint: str = ""
) -> str:
    """How errors and noise change with samples, and whether more samples help. `hint`: what reduces the bias."""
    names, sentences, has_bias = list_names(labels), [], False
    for slot in PAIR:
        error, own_noise = _ends(errors[slot]), _ends(noise[slot])
        if error is None:
            continue
        sentences.append(f"{names[slot]}'s error {_describe_change(*error)}.")
        if own_noise is None:
            continue
        ratio = own_noise[1] / error[1] if error[1] else math.inf
        if ratio < MAX_NOISE_OF_BIAS:
            has_bias = True
            sentences.append(
                f"Its noise {_describe_change(*own_noise)}; the rest is bias, which more samples do not remove."
            )
        else:
            sentences.append(f"Its noise {_describe_change(*own_noise)}, most of the error: more samples help.")
    if has_bias and hint:
        sentences.append(hint)
    return " ".join(sentences)


def describe_radius(labels: Mapping[Slot, str], errors: Mapping[Slot, Points]) -> str:
    """The radius of the smallest error, and whether the radius matters."""
    names, sentences = list_names(labels), []
    for slot in PAIR:
        points = _finite(errors[slot])
        if len(points) < 2:
            continue
        best_x, best = min(points, key=lambda point: point[1])
        worst = max(y for _, y in points)
        if worst - best <= CONSTANT_ERROR_RATIO * worst:
            sentences.append(f"{names[slot]}'s error is about {best:.3g} at every radius.")
            continue
        end = {points[0][0]: ", the smallest radius tried", points[-1][0]: ", the largest radius tried"}.get(best_x, "")
        sentences.append(
            f"{names[slot]} has its smallest error, {best:.3g}, at {best_x:.3g} m{end}; the largest is {worst:.3g}."
        )
    return " ".join(sentences)


def describe_rotation(labels: Mapping[Slot, str], fractions: Mapping[Slot, Points]) -> str:
    """Which technique's light depends on where the environment's light comes from."""
    names, sentences, varying_slots = list_names(labels), [], []
    for slot in PAIR:
        values = [y for _, y in _finite(fractions[slot])]
        if len(values) < 2:
            continue
        low, high = min(values), max(values)
        if high - low > CONSTANT_LIGHT_RATIO * high:
            varying_slots.append(slot)
            sentences.append(f"{names[slot]} lets {_percent(low)} to {_percent(high)} of the light through.")
        else:
            sentences.append(f"{names[slot]} lets {_percent(high)} through at every angle.")
    if len(sentences) < 2:
        return " ".join(sentences)
    if not varying_slots:
        return " ".join([*sentences, "Neither depends on the direction of this environment's light."])
    if len(varying_slots) == 1:
        return " ".join([*sentences, f"Only {names[varying_slots[0]]} depends on where the light comes from."])
    return " ".join([*sentences, "Both depend on where the light comes from."])


def _describe_change(first: float, last: float) -> str:
    """`falls from 0.14 to 0.03`, `stays at 0.05`."""
    if abs(last - first) <= CONSTANT_ERROR_RATIO * max(first, last):
        return f"stays at {last:.3g}"
    return f"{'falls' if last < first else 'rises'} from {first:.3g} to {last:.3g}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(y)]


def _ends(points: Points) -> tuple[float, float] | None:
    """The first and the last value; None with fewer than two."""
    values = [y for _, y in _finite(points)]
    return (values[0], values[-1]) if len(values) > 1 else None
