"""A study as one HTML page: pictures to look at, tables to read. It needs no network and no other file.

Pixels are embedded as float32 whose mantissa is rounded, `FINE` bits for what errors are taken from and `COARSE` for
the rest: no value overflows, and the relative rounding is 2^-(bits + 1), so 1.5e-5 and 4.9e-4. Neighbouring numbers are
subtracted, the bytes sorted by weight, and all is compressed (deflate): 8 to 13 bits for a value. page.js undoes it
with integers, exactly.
"""

from __future__ import annotations

import base64
import html as markup
import inspect
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssdo.measure import metrics
from ssdo.measure.csp import digest
from ssdo.scene.model import Floats

HERE = Path(__file__).parent
FINE, COARSE = 15, 10  # bits of mantissa; float32 has 23, a half float 10

# Name in the table, and which way is better.
METRICS = {
    "rmse": ("RMSE", "lower"),
    "bias": ("bias", "zero"),
    "relmse": ("relMSE", "lower"),
    "psnr": ("PSNR, dB", "higher"),
    "ssim": ("SSIM", "higher"),
    "flip": ("FLIP", "lower"),
    "flip_hdr": ("HDR-FLIP", "lower"),
}


def html(study: Mapping[str, Any], layers: Mapping[str, Floats]) -> str:
    """The page of a study. Layers: linear, (h, w, 3), or (h, w) for shares, row 0 on top, of the study's size and
    finite.

    What a study holds stands in commands/compare/__init__.py. Raises ValueError where the two do not fit: that is not
    the user's mistake.
    """
    size = study["height"], study["width"]
    for name, layer in layers.items():
        if layer.shape[:2] != size or layer.shape[2:] not in ((), (3,)):
            raise ValueError(f"layer {name} of shape {layer.shape}: must be {size} or {(*size, 3)}")
        if not np.isfinite(layer).all():
            raise ValueError(f"layer {name} has values that are not finite")
    entries = study["entries"]
    named = [*study["terms"].values(), *(name for entry in entries for name in entry["layers"].values())]
    if missing := sorted(set(named) - layers.keys()):
        raise ValueError(f"layers that the study names and that are not there: {', '.join(missing)}")

    finals = {entry["layers"].get("final") for entry in entries}
    bits = {name: FINE if name in finals else COARSE for name in named}
    places = {
        name: {"id": f"layer-{i}", "bits": bits[name], "channels": 1 if layers[name].ndim == 2 else 3}
        for i, name in enumerate(bits)
    }
    packed = [
        f'<script type="text/plain" id="{place["id"]}">{pack(layers[name], bits[name])}</script>'
        for name, place in places.items()
    ]
    data = {
        "study": study,
        "layers": places,
        "metrics": {
            name: {"label": label, "better": better, "help": explained(name)}
            for name, (label, better) in METRICS.items()
        },
        "inferno": metrics.INFERNO.tolist(),
        "top": error_top(study, layers),
    }

    style, script = ((HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    parts = {
        # By their hashes: nothing else runs, even if a label of the study came to stand in the page as markup.
        "policy": f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data: blob:; base-uri 'none'; form-action 'none'",
        "title": markup.escape(f"{study['title']} - ssdo compare"),
        "style": style,
        "script": script,
        # A script element ends at its end tag, wherever that stands; JSON can do without the characters that make one.
        "study": re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(data, allow_nan=False)),
        "layers": "\n".join(packed),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], (HERE / "page.html").read_text("utf-8"))


def pack(layer: Floats, bits: int) -> str:
    """An array as base64 text, its mantissa rounded to so many bits (at most 15). page.js `unpack` is the inverse.

    float32 numbers, read as whole numbers, keep their order and lose mantissa by a shift. Red and blue less green, then
    each less its left neighbour: small numbers of either sign, modulo 2^24, folded to 0, -1, 1, -2, ... and sorted by
    channel and by byte.
    """
    drop = 23 - bits
    codes = np.ascontiguousarray(layer, "<f4").view("<u4").astype(np.int64)
    # rounded, but not up to infinity
    codes = np.where(codes & 0x7FFFFFFF < 0x7F800000 - (1 << drop), codes + (1 << (drop - 1)), codes) >> drop
    codes = codes.reshape(*layer.shape[:2], -1).transpose(2, 0, 1).copy()
    if len(codes) == 3:
        codes[::2] -= codes[1]
    codes[:, :, 1:] -= codes[:, :, :-1].copy()
    codes = ((codes & 0xFFFFFF) ^ 0x800000) - 0x800000
    folded = ((codes << 1) ^ (codes >> 63)).astype("<u4")
    planes = np.ascontiguousarray(folded.reshape(-1, 1).view(np.uint8)[:, :3].T)
    return base64.b64encode(zlib.compress(planes.tobytes())).decode("ascii")


def error_top(study: Mapping[str, Any], layers: Mapping[str, Floats]) -> float | None:
    """Where the scale of the error maps ends at first: as the study says, or where 99 of 100 pixels of the worst entry
    lie below; None without a truth.
    """
    finals = {entry["id"]: layers[entry["layers"]["final"]] for entry in study["entries"] if "final" in entry["layers"]}
    truth = finals.get(study["truth"]["entry"]) if study["truth"] else None
    if truth is None:
        return None
    if given := study["truth"].get("top"):
        return float(given)
    return max(float(np.percentile(metrics.error_map(final, truth), 99)) for final in finals.values()) or 1.0


def explained(metric: str) -> str:
    """What a metric says of itself, without what it says to programmers."""
    text = " ".join((inspect.getdoc(getattr(metrics, metric)) or "").split())
    return text.partition(" Raises UserError")[0].replace("`", "")
