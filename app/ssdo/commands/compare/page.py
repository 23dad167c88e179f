"""Renders a comparison as one HTML page, which needs neither a network nor other files.

The page embeds pixels as float32 with a rounded mantissa: FINE_BITS for images that errors are computed from,
COARSE_BITS for the others. The relative error is at most 2^-(bits + 1), and no value overflows. `pack_layer` subtracts
neighbouring numbers, sorts the bytes by significance and deflates; page.js reverses it exactly, with integers.
"""

from __future__ import annotations

import base64
import html
import inspect
import json
import re
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ssdo.arrays import Floats
from ssdo.measure import metrics
from ssdo.measure.csp import csp_hash
from ssdo.render.technique import Technique

FOLDER = Path(__file__).parent
FINE_BITS, COARSE_BITS = 15, 10  # of mantissa; float32 has 23, float16 10

# Label, and which values are better.
METRICS = {
    "rmse": ("RMSE", "lower"),
    "bias": ("bias", "zero"),
    "relmse": ("relMSE", "lower"),
    "psnr": ("PSNR, dB", "higher"),
    "ssim": ("SSIM", "higher"),
    "flip": ("FLIP", "lower"),
    "flip_hdr": ("HDR-FLIP", "lower"),
}


PackedLayers = dict[str, tuple[Floats, int, str]]  # by name: layer, bits, and what `pack_layer` returned


def render_page(
    comparison: Mapping[str, Any], layers: Mapping[str, Floats], packed_layers: PackedLayers | None = None
) -> str:
    """The HTML of a comparison, as report.py summarizes it. A draft says that it is one, and reloads itself.

    `packed_layers`: of an earlier draft. The same arrays are not packed again; others are added.

    Layers: linear and finite, of the comparison's size, row 0 on top; (h, w, 3), or (h, w) for visibility. Raises
    ValueError where they do not fit the comparison.
    """
    entries = comparison["entries"]
    names = [
        *comparison["shared_layers"].values(),
        *(name for entry in entries for name in entry["layers"].values()),
    ]
    _check_layers(layers, names, (comparison["height"], comparison["width"]))
    finals = {entry["layers"].get("final") for entry in entries}
    elements: dict[str, dict[str, Any]] = {
        name: {
            "id": f"layer-{i}",
            "bits": FINE_BITS if name in finals else COARSE_BITS,
            "channels": 1 if layers[name].ndim == 2 else 3,
        }
        for i, name in enumerate(dict.fromkeys(names))
    }
    packed_layers = {} if packed_layers is None else packed_layers
    with ThreadPoolExecutor() as pool:  # zlib lets other threads run
        packing = {
            name: pool.submit(_pack_once, name, layers[name], element["bits"], packed_layers)
            for name, element in elements.items()
        }
        texts = {name: future.result() for name, future in packing.items()}
    packed = [f'<script type="text/plain" id="{elements[name]["id"]}">{text}</script>' for name, text in texts.items()]
    data = {
        "comparison": comparison,
        "layers": elements,
        "metrics": {
            name: {"label": label, "better": better, "help": describe_metric(name)}
            for name, (label, better) in METRICS.items()
        },
        "inferno": metrics.INFERNO.tolist(),
        # by technique: the parameter that is its sample count, empty without samples
        "sample_params": {name: technique.sample_param for name, technique in Technique.known.items()},
        "error_max": choose_error_max(comparison, layers),
    }
    style, script = ((FOLDER / name).read_text("utf-8") for name in ("page.css", "page.js"))
    draft = comparison.get("draft")
    reload_seconds = draft["reload_seconds"] if draft else None
    values = {
        "refresh": f'<meta http-equiv="refresh" content="{reload_seconds}">\n' if reload_seconds else "",
        "draft": f'<p class="notice" id="draft" role="status">{html.escape(draft["text"])}</p>\n' if draft else "",
        "csp": _content_security_policy(style, script),
        "title": html.escape(f"{comparison['title']} - ssdo compare"),
        "style": style,
        "script": script,
        # without the characters of an end tag, which would end the script element
        "data": re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(data, allow_nan=False)),
        "layers": "\n".join(packed),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], (FOLDER / "page.html").read_text("utf-8"))


def _content_security_policy(style: str, script: str) -> str:
    """Permits this style and this script by their hashes: no other script runs, even if a label became markup."""
    sources = f"style-src {csp_hash(style)}; script-src {csp_hash(script)}; img-src data: blob:"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _check_layers(layers: Mapping[str, Floats], names: list[str], size: tuple[int, int]) -> None:
    for name, layer in layers.items():
        if layer.shape[:2] != size or layer.shape[2:] not in ((), (3,)):
            raise ValueError(f"layer {name} of shape {layer.shape}: must be {size} or {(*size, 3)}")
        if not np.isfinite(layer).all():
            raise ValueError(f"layer {name} has values that are not finite")
    if missing := sorted(set(names) - layers.keys()):
        raise ValueError(f"missing layers: {', '.join(missing)}")


def _pack_once(name: str, layer: Floats, bits: int, packed_layers: PackedLayers) -> str:
    known = packed_layers.get(name)
    if known is None or known[0] is not layer or known[1] != bits:
        packed_layers[name] = known = (layer, bits, pack_layer(layer, bits))
    return known[2]


def pack_layer(layer: Floats, bits: int) -> str:
    """An array as base64 text, its mantissa rounded to `bits` (at most 15). `unpackLayer` in page.js is the inverse.

    Float32 numbers keep their order when read as integers, and lose mantissa by a shift. Green is subtracted from red
    and blue, then from each number its left neighbour. The differences, modulo 2^24, are folded to 0, -1, 1, -2, ...
    and sorted by channel and by byte.
    """
    shift = 23 - bits
    codes = np.ascontiguousarray(layer, "<f4").view("<u4").astype(np.int64)
    # rounded, but not up to infinity
    rounds_up = codes & 0x7FFFFFFF < 0x7F800000 - (1 << shift)
    codes = np.where(rounds_up, codes + (1 << (shift - 1)), codes) >> shift
    codes = codes.reshape(*layer.shape[:2], -1).transpose(2, 0, 1).copy()
    if len(codes) == 3:
        codes[::2] -= codes[1]
    codes[:, :, 1:] -= codes[:, :, :-1].copy()
    codes = ((codes & 0xFFFFFF) ^ 0x800000) - 0x800000
    folded = ((codes << 1) ^ (codes >> 63)).astype("<u4")
    planes = np.ascontiguousarray(folded.reshape(-1, 1).view(np.uint8)[:, :3].T)
    return base64.b64encode(zlib.compress(planes.tobytes())).decode("ascii")


def choose_error_max(comparison: Mapping[str, Any], layers: Mapping[str, Floats]) -> float | None:
    """The initial end of the error scale: the comparison's, or the 99th percentile of the worst entry's error map.

    None without a reference.
    """
    finals = {
        entry["id"]: layers[entry["layers"]["final"]] for entry in comparison["entries"] if "final" in entry["layers"]
    }
    reference = finals.get(comparison["reference"]["entry"]) if comparison["reference"] else None
    if reference is None:
        return None
    if error_max := comparison["reference"].get("error_max"):
        return float(error_max)
    percentiles = (np.percentile(metrics.error_map(final, reference), 99) for final in finals.values())
    return float(max(percentiles)) or 1.0


def describe_metric(name: str) -> str:
    """The metric's docstring without what concerns programmers."""
    text = " ".join((inspect.getdoc(getattr(metrics, name)) or "").split())
    return text.partition(" Raises UserError")[0].replace("`", "")
