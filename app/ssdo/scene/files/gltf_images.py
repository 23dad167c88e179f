"""Images of a glTF document: measured by their headers, then decoded side by side, and changed where a texture wants
them otherwise.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from ssdo.scene.files import images
from ssdo.scene.files.gltf_document import Document, read_resource, read_view, refusal
from ssdo.scene.files.json_tree import get_entry, get_reference, get_text
from ssdo.scene.files.progress import counted
from ssdo.scene.model import Bytes
from ssdo.settings import UserError


class Picture(NamedTuple):
    """An image of the file, and how it is changed."""

    source: int  # images[source]
    mirrored: tuple[bool, bool] = (False, False)  # in u and v: its mirror image stands beside or below it
    glossiness: float | None = None  # the factor of what is in a, which becomes roughness in g; b (metallic) becomes 1


class Stored(NamedTuple):
    """An image that has been measured but not decoded."""

    image: Image.Image
    where: str


def read_pictures(doc: Document, wanted: Iterable[Picture]) -> dict[Picture, Bytes]:
    """(h, w, 4) 8 bit of every picture, as stored, row 0 on top. The same bytes are decoded once and shared.

    All are measured by their headers before one is decoded. Raises UserError for what is no whole image, or too large.
    """
    wanted = dict.fromkeys(wanted)
    keys = {source: _key(doc, source) for source in dict.fromkeys(p.source for p in wanted)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of size, checked here, and of odd metadata
        firsts = {key: source for source, key in reversed(keys.items())}
        stored = {key: _opened(doc, key, f"images[{source}]") for key, source in reversed(firsts.items())}
        _check_sizes(wanted, {source: stored[key] for source, key in keys.items()})
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            decoded = dict(
                zip(
                    stored,
                    counted("images", pool.map(lambda one: images.unpacked(*one), stored.values()), len(stored)),
                    strict=True,
                )
            )
    plain = {Picture(source): decoded[key] for source, key in keys.items()}
    changed: dict[tuple[int, Picture], Bytes] = {}
    for p in wanted:
        pixels = plain[Picture(p.source)]
        changed.setdefault((id(pixels), p._replace(source=0)), _changed(pixels, p))
    return {p: changed[id(plain[Picture(p.source)]), p._replace(source=0)] for p in wanted}


def _key(doc: Document, i: int) -> int | str:
    """What tells the bytes of one image from another's: its bufferView or its URI."""
    entry, where = get_entry(doc.tree, "images", i), f"images[{i}]"
    if "bufferView" in entry:
        return get_reference(doc.tree, "bufferViews", entry, "bufferView", where)
    if "uri" in entry:
        return get_text(entry, "uri", where)
    raise UserError(f"{where}: must have a uri or a bufferView")


def _opened(doc: Document, key: int | str, where: str) -> Stored:
    data = bytes(read_view(doc, key)[0]) if isinstance(key, int) else read_resource(doc, key, f"{where}.uri")
    if data[:4] == b"\xabKTX":
        raise UserError(f"{where}: {refusal('KHR_texture_basisu')}")
    if data[:4] == b"\x89PNG" and data[24:25] == b"\x10":  # its header gives the bits of a channel there
        doc.note(where, "has 16 bits a channel, of which the upper 8 are used")
    return Stored(images.opened(data, where), where)


def _check_sizes(wanted: Iterable[Picture], stored: dict[int, Stored]) -> None:
    """The limits on one image, its mirror image counted, and on all."""
    spent = images.Spent()
    for key, mirrored in dict.fromkeys((p.source, p.mirrored) for p in wanted):
        image, where = stored[key]
        spent.add(
            image.width << mirrored[0],
            image.height << mirrored[1],
            where,
            " with its mirror image beside it" if any(mirrored) else "",
        )


def _changed(pixels: Bytes, picture: Picture) -> Bytes:
    if picture.glossiness is not None:
        roughness = np.rint(255 - pixels[..., 3] * np.float32(picture.glossiness)).astype(np.uint8)
        pixels = np.stack(
            [np.zeros_like(roughness), roughness, np.full_like(roughness, 255), np.full_like(roughness, 255)], -1
        )
    for axis, mirrored in ((1, picture.mirrored[0]), (0, picture.mirrored[1])):
        if mirrored:
            pixels = np.concatenate([pixels, np.flip(pixels, axis)], axis)
    return pixels
