"""Writes a comparison to disk: images, numbers and the page. The page comes last, so that it is never incomplete.

A draft and the complete comparison have the same files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ssdo import __version__
from ssdo.arrays import Floats
from ssdo.commands.compare import page
from ssdo.commands.compare.comparison import Comparison, ComparisonEntry, ComparisonPlan, Draft
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


class ReportWriter:
    """Writes a comparison and its drafts into a folder. `run`: command, renderer and timer."""

    def __init__(self, folder: Path, run: Mapping[str, str], overwrite: bool = False) -> None:
        self.folder, self.run = folder, run
        self.last: Comparison | None = None  # that was written completely
        self._overwrite = overwrite
        self._saved: dict[str, object] = {}  # by name: what the files hold
        self._packed_layers: page.PackedLayers = {}

    @property
    def page(self) -> Path:
        """The page's absolute path."""
        return (self.folder / PAGE).absolute()

    def write(self, comparison: Comparison) -> list[Path]:
        """Write all files, but for images that are there already; returns their paths. Raises UserError."""
        error_max = _choose_error_max(comparison)
        files = {entry.name: self._write_images(comparison, entry, error_max) for entry in comparison.all_entries}
        labelled = [(_caption(entry), entry.pixels) for entry in comparison.all_entries]
        sheet = images.make_contact_sheet(labelled)
        self._save(CONTACT_SHEET, sheet, lambda path, overwrite: images.save_png(path, sheet, overwrite=overwrite))
        summary = {**_summarize(comparison, error_max, files), **self.run}
        html = page.render_page(summary, _collect_layers(comparison), self._packed_layers).encode()
        self._save(NUMBERS, summary, lambda path, overwrite: images.save_json(path, summary, overwrite=overwrite))
        self._save(PAGE, html, lambda path, overwrite: save_bytes(path, html, overwrite))
        self.last = comparison
        names = [name for entry_files in files.values() for name in entry_files.values()]
        return [self.folder / name for name in (*names, CONTACT_SHEET, NUMBERS, PAGE)]

    def stop(self) -> Draft | None:
        """Make the last draft a page that no other follows. Returns that draft; None: there is none."""
        if self.last is None or self.last.draft is None:
            return None
        draft = replace(self.last.draft, is_stopped=True)
        self.write(replace(self.last, draft=draft))
        return draft

    def _write_images(self, comparison: Comparison, entry: ComparisonEntry, error_max: float) -> dict[str, str]:
        """The image of an entry as PNG and EXR, and its error map; file names by kind."""
        reference, final = comparison.reference, entry.components["final"]
        values = None if entry is reference else entry.shot.values()  # the reference is the mean of two shots
        files = {"png": f"{entry.name}.png"}
        self._save(
            files["png"],
            entry.pixels,
            lambda path, overwrite: images.save_png(path, entry.pixels, values, overwrite=overwrite),
        )
        if find_spec("OpenEXR"):
            files["exr"] = f"{entry.name}.exr"
            exr_values = replace(entry.shot, antialias=1).values() if values else None
            self._save(
                files["exr"],
                final,
                lambda path, overwrite: images.save_exr(path, final, exr_values, overwrite=overwrite),
            )
        if reference and entry is not reference and comparison.surface_mask.any():
            files["error"] = f"{entry.name}-error.png"
            error_map = metrics.error_map(entry.components["final"], reference.components["final"])
            pixels = metrics.false_colour(error_map, error_max, comparison.surface_mask)
            self._save(
                files["error"], pixels, lambda path, overwrite: images.save_png(path, pixels, overwrite=overwrite)
            )
        return files

    def _save(self, name: str, content: object, write: Callable[[Path, bool], None]) -> None:
        """Save a file by `write`, unless it holds this content. Only files of earlier drafts are replaced unasked."""
        if name not in self._saved or self._saved[name] is not content:
            write(self.folder / name, self._overwrite or name in self._saved)
            self._saved[name] = content


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
        **_summarize_draft(comparison),
    }


def _summarize_draft(comparison: Comparison) -> dict[str, Any]:
    """What a draft says about itself; nothing if the comparison is complete."""
    draft = comparison.draft
    if draft is None:
        return {}
    return {
        "draft": {
            "text": describe_draft(draft, comparison.reference_noise),
            "frames": draft.frames,
            "missing": list(draft.missing),
            "stopped": draft.is_stopped,
            "reload_seconds": None if draft.is_stopped else min(max(math.ceil(draft.seconds_to_next) + 2, 5), 60),
        }
    }


def describe_draft(draft: Draft, noise: float | None) -> str:
    """How far the comparison is: `Draft: reference of 2 frames of 256, noise 0.03. ...`"""
    parts = []
    if draft.planned_frames:
        reference = f"reference of {draft.frames} of {draft.planned_frames} frames" if draft.frames else "no reference"
        parts.append(reference + ("" if noise is None else f", noise {noise:.2g}"))
    if draft.missing:
        parts.append(("without " if draft.is_stopped else "not yet: ") + ", ".join(draft.missing))
    title = "Stopped early" if draft.is_stopped else "Draft"
    return f"{title}: {'; '.join(parts)}." + ("" if draft.is_stopped else " This page reloads itself.")


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
