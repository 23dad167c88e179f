"""A study becomes files: the page, its numbers, and every picture. Each appears under its name when it is complete; the
page comes last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ssdo import __version__
from ssdo.commands.compare import page
from ssdo.commands.compare.study import TRUTH, Entry, Plan, Study
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.render.technique import Technique
from ssdo.scene.files import SCENES
from ssdo.scene.model import Floats

PARTS = ("sampling", "sampling after blur", "blur", "screen space")  # as truth.Parts
PAGE, NUMBERS, SHEET = "index.html", "metrics.json", "sheet.png"


def check(folder: Path, plan: Plan, overwrite: bool) -> None:
    """Raises UserError where a file would be replaced that may not be."""
    names = [
        PAGE,
        NUMBERS,
        SHEET,
        *(f"{name}{suffix}" for name in plan.names for suffix in (".png", ".exr", "-error.png")),
    ]
    images.check_free((folder / name for name in names), overwrite)


def drawn_by(gpu: Gpu) -> dict[str, str]:
    """What drew, and how its times were taken."""
    return {"renderer": gpu.ctx.info["GL_RENDERER"], "timer": "wall clock" if gpu.clock.software else "GPU timer"}


def written(folder: Path, study: Study, told: Mapping[str, Any]) -> list[Path]:
    """Write everything; the files. `told`: what the page says besides: command, renderer, timer. Raises UserError."""
    paths: list[Path] = []
    files: dict[str, dict[str, str]] = {}
    truth = study.entries[-1] if study.entries[-1].name == TRUTH else None
    top = _top(study, truth) if truth else 0.0
    for entry in study.entries:
        values = None if entry is truth else entry.shot.values()  # the truth is a mean of two shots
        files[entry.name] = {"png": f"{entry.name}.png"}
        images.save_png(folder / f"{entry.name}.png", entry.shown, values)
        if find_spec("OpenEXR"):
            files[entry.name]["exr"] = f"{entry.name}.exr"
            images.save_exr(folder / f"{entry.name}.exr", entry.terms["final"], values)
        if truth and entry is not truth and study.surface.any():
            files[entry.name]["error"] = f"{entry.name}-error.png"
            apart = metrics.error_map(entry.terms["final"], truth.terms["final"])
            images.save_png(folder / f"{entry.name}-error.png", metrics.false_colour(apart, top, study.surface))
        paths += [folder / name for name in files[entry.name].values()]
    labelled = [(f"{entry.label}{_error(entry)}", entry.shown) for entry in study.entries]
    images.save_png(folder / SHEET, images.contact_sheet(labelled))
    told = {**_told(study, truth, top, files), **told}
    images.save_json(folder / NUMBERS, told)
    with images.written(folder / PAGE) as file:
        file.write(page.html(told, _layers(study)).encode())
    return [*paths, folder / SHEET, folder / NUMBERS, folder / PAGE]


def _error(entry: Entry) -> str:
    return f"  RMSE {entry.error['rmse']:.4f}" if entry.error else ""


def _top(study: Study, truth: Entry) -> float:
    """The upper end of the error maps' scale, the same for all: what 99 of 100 errors stay below, to one digit."""
    if not study.surface.any():
        return 1.0
    apart = [
        metrics.error_map(e.terms["final"], truth.terms["final"])[study.surface]
        for e in study.entries
        if e is not truth
    ]
    value = max(float(np.percentile(apart, 99)), 1e-6)
    digits = -math.floor(math.log10(value))
    return round(math.ceil(value * 10.0**digits) / 10.0**digits, max(digits, 0))


def _layers(study: Study) -> dict[str, Floats]:
    own = {f"{entry.name}.{term}": values for entry in study.entries for term, values in entry.terms.items()}
    return {"albedo": study.albedo, "unoccluded": study.unoccluded} | own


def _told(study: Study, truth: Entry | None, top: float, files: Mapping[str, Any]) -> dict[str, Any]:
    shot = study.entries[0].shot
    values = shot.values()
    groups = tuple(f"{name}." for name in Technique.known)
    return {
        "title": Path(shot.scene).stem if shot.scene.lower().endswith(SCENES) else shot.scene,
        "made": date.today().isoformat(),
        "version": __version__,
        "width": shot.width,
        "height": shot.height,
        "display": {"exposure": shot.display.exposure, "curve": shot.display.tone_mapper},
        "settings": {
            name: value for name, value in values.items() if name != "technique" and not name.startswith(groups)
        },
        "terms": {"albedo": "albedo", "unoccluded": "unoccluded"},
        "truth": {"entry": TRUTH, "label": truth.label, "noise": study.noise, "file": study.noise is None, "top": top}
        if truth
        else None,
        "entries": [
            {
                "id": entry.name,
                "label": entry.label,
                "technique": entry.shot.technique.group,
                "settings": {}
                if entry is truth and study.noise is None
                else {k: v for k, v in entry.shot.values().items() if k.startswith(groups)},
                "layers": {term: f"{entry.name}.{term}" for term in entry.terms},
                "error": _finite(entry.error),
                "parts": entry.parts and dict(zip(PARTS, entry.parts, strict=True)),
                "cost": {"total": sum(entry.cost.values()), "passes": dict(entry.cost)} if entry.cost else None,
                "files": files[entry.name],
            }
            for entry in study.entries
        ],
    }


def _finite(numbers: Mapping[str, float] | None) -> dict[str, float | None] | None:
    """JSON knows no infinity."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()} if numbers else None
