"""Writes a comparison to disk: images, numbers and the page. The page comes last, so that it is never incomplete."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ssdo import __version__
from ssdo.arrays import Floats
from ssdo.commands.compare import page
from ssdo.commands.compare.comparison import Comparison, ComparisonEntry, ComparisonPlan
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.measure.output_files import require_absent, save_bytes
from ssdo.render.technique import Technique
from ssdo.scene.loader import SCENE_SUFFIXES

BREAKDOWN_LABELS = (
    "sampling",
    "sampling, denoised",
    "denoising",
    "screen space",
)  # fields of references.ErrorBreakdown
PAGE, NUMBERS, CONTACT_SHEET = "index.html", "metrics.json", "sheet.png"
SUFFIXES = (".png", ".exr", "-error.png")


def require_free_names(folder: Path, plan: ComparisonPlan, overwrite: bool) -> None:
    """Raises UserError where a file would be overwritten without permission."""
    names = [PAGE, NUMBERS, CONTACT_SHEET, *(f"{name}{suffix}" for name in plan.names for suffix in SUFFIXES)]
    require_absent((folder / name for name in names), overwrite)


def describe_renderer(gpu: Gpu) -> dict[str, str]:
    """The renderer, and how its times are measured."""
    timer = "wall clock" if gpu.is_software_renderer else "GPU timer"
    return {"renderer": gpu.ctx.info["GL_RENDERER"], "timer": timer}


def write_report(folder: Path, comparison: Comparison, run: Mapping[str, str], overwrite: bool = False) -> list[Path]:
    """Write all files; returns their paths. `run`: command, renderer and timer. Raises UserError."""
    error_max = _choose_error_max(comparison)
    files = {
        entry.name: _write_images(folder, comparison, entry, error_max, overwrite) for entry in comparison.all_entries
    }
    labelled = [(_caption(entry), entry.pixels) for entry in comparison.all_entries]
    images.save_png(folder / CONTACT_SHEET, images.make_contact_sheet(labelled), overwrite=overwrite)
    summary = {**_summarize(comparison, error_max, files), **run}
    images.save_json(folder / NUMBERS, summary, overwrite=overwrite)
    save_bytes(folder / PAGE, page.render_page(summary, _collect_layers(comparison)).encode(), overwrite)
    names = [name for entry_files in files.values() for name in entry_files.values()]
    return [folder / name for name in (*names, CONTACT_SHEET, NUMBERS, PAGE)]


def _write_images(
    folder: Path, comparison: Comparison, entry: ComparisonEntry, error_max: float, overwrite: bool
) -> dict[str, str]:
    """The image of an entry as PNG and EXR, and its error map; file names by kind."""
    reference = comparison.reference
    values = None if entry is reference else entry.shot.values()  # the reference is the mean of two shots
    files = {"png": f"{entry.name}.png"}
    images.save_png(folder / files["png"], entry.pixels, values, overwrite=overwrite)
    if find_spec("OpenEXR"):
        files["exr"] = f"{entry.name}.exr"
        if values:
            values = replace(entry.shot, antialias=1).values()
        images.save_exr(folder / files["exr"], entry.components["final"], values, overwrite=overwrite)
    if reference and entry is not reference and comparison.surface_mask.any():
        files["error"] = f"{entry.name}-error.png"
        error_map = metrics.error_map(entry.components["final"], reference.components["final"])
        pixels = metrics.false_colour(error_map, error_max, comparison.surface_mask)
        images.save_png(folder / files["error"], pixels, overwrite=overwrite)
    return files


def _caption(entry: ComparisonEntry) -> str:
    return entry.label + (f"  RMSE {entry.errors['rmse']:.4f}" if entry.errors else "")


def _choose_error_max(comparison: Comparison) -> float:
    """The upper end of the scale of all error maps: the 99th percentile of their pixels, rounded up to one digit."""
    reference, mask = comparison.reference, comparison.surface_mask
    if reference is None or not mask.any():
        return 1.0
    final = reference.components["final"]
    errors = [metrics.error_map(entry.components["final"], final)[mask] for entry in comparison.entries]
    percentile = max(float(np.percentile(errors, 99)), 1e-6)
    digits = -math.floor(math.log10(percentile))
    return round(math.ceil(percentile * 10.0**digits) / 10.0**digits, max(digits, 0))


def _collect_layers(comparison: Comparison) -> dict[str, Floats]:
    """The arrays that the page embeds, by the names under which `_summarize` refers to them."""
    layers = {"albedo": comparison.albedo, "unoccluded": comparison.unoccluded}
    for entry in comparison.all_entries:
        layers |= {f"{entry.name}.{component}": values for component, values in _list_layers(entry).items()}
    return layers


def _list_layers(entry: ComparisonEntry) -> dict[str, Floats]:
    """The components of an entry, and its antialiased radiance if it has one."""
    picture = {} if entry.picture is None else {"picture": entry.picture}
    return {**entry.components, **picture}


def _summarize(comparison: Comparison, error_max: float, files: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The content of metrics.json and of the page: see page.py for what reads it."""
    shot = comparison.entries[0].shot
    technique_prefixes = tuple(f"{name}." for name in Technique.known)
    settings = {
        name: value
        for name, value in shot.values().items()
        if name != "technique" and not name.startswith(technique_prefixes)
    }
    return {
        "title": Path(shot.scene).stem if shot.scene.lower().endswith(SCENE_SUFFIXES) else shot.scene,
        "date": date.today().isoformat(),
        "version": __version__,
        "width": shot.width,
        "height": shot.height,
        "display": {"exposure": shot.display.exposure, "tone_mapper": shot.display.tone_mapper},
        "settings": settings,
        "shared_layers": {"albedo": "albedo", "unoccluded": "unoccluded"},
        "reference": _summarize_reference(comparison, error_max),
        "entries": [_summarize_entry(comparison, entry, files[entry.name]) for entry in comparison.all_entries],
    }


def _summarize_reference(comparison: Comparison, error_max: float) -> dict[str, Any] | None:
    if comparison.reference is None:
        return None
    return {
        "entry": comparison.reference.name,
        "label": comparison.reference.label,
        "noise": comparison.reference_noise,
        "from_file": comparison.reference_noise is None,
        "error_max": error_max,
    }


def _summarize_entry(comparison: Comparison, entry: ComparisonEntry, files: Mapping[str, str]) -> dict[str, Any]:
    is_from_file = entry is comparison.reference and comparison.reference_noise is None
    technique_prefixes = tuple(f"{name}." for name in Technique.known)
    settings = {name: value for name, value in entry.shot.values().items() if name.startswith(technique_prefixes)}
    breakdown = entry.error_breakdown
    return {
        "id": entry.name,
        "label": entry.label,
        "technique": entry.shot.technique.group,
        "settings": {} if is_from_file else settings,
        "layers": {component: f"{entry.name}.{component}" for component in _list_layers(entry)},
        "errors": _replace_infinities(entry.errors) if entry.errors else None,
        "error_breakdown": dict(zip(BREAKDOWN_LABELS, breakdown, strict=True)) if breakdown else None,
        "cost": {"total": sum(entry.cost.values()), "passes": dict(entry.cost)} if entry.cost else None,
        "files": dict(files),
    }


def _replace_infinities(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """None for infinity, which JSON does not have."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
