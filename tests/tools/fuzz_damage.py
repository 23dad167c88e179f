"""Functions that damage files, for fuzz.py: as disks, networks, programs and people do.

Each function takes its choices from `rng` and returns the damaged content. `other` is the content of another file.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import re
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import gltf_files
import tomli_w
from fuzz_seeds import Random, pack_zip

EXTREME_NUMBERS = [
    *(b"0", b"-1", b"1", b"3", b"255", b"256", b"65536", b"2147483647", b"2147483648", b"-2147483648", b"4294967295"),
    *(b"1e39", b"-1e300", b"1e-320", b"nan", b"inf", b"-inf", b"0.5", b"9" * 30, b"9" * 5000),
    *(b"1/2/3", b"", b"x", b"-", b"1_0", b"\xd9\xa3"),
]
EXTREME_WORDS = [
    *(0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000),
    *(0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC),
    *(0x7F800000, 0x7FC00000),  # infinity and NaN
]
UNEXPECTED_VALUES: list[Any] = [
    *(-1, 0, 1, 2, 7, 0.5, 2**31, 2**32, 2**63, 10**40, 1e300, -1e30, math.nan, math.inf, None, True),
    *("", "a\n\ud800", "VEC3", "../a"),
    *([], {}, [[]], [{}], [0, 0, 0], "x" * 5000),
]


def pick_span(rng: Random, data: bytes | bytearray, max_length: int = 64) -> tuple[int, int]:
    """Start and end of a random part."""
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, max_length))


def damage_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """Damage of any file: bits, bytes or spans changed, lost, repeated, moved, or taken from another file."""
    new = bytearray(data or b"\0")
    start, end = pick_span(rng, new)
    match rng.randrange(10):
        case 0:
            new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
        case 1:
            new[rng.randrange(len(new))] = rng.randrange(256)
        case 2:
            del new[rng.randrange(len(new)) :]
        case 3:
            del new[start:end]
        case 4:
            new[start:start] = new[start:end] * rng.choice((1, 1, 2, 100))
        case 5:
            new[start:end] = rng.randbytes(end - start)
        case 6:
            a, b = pick_span(rng, other, 200)
            new[start : end if rng.random() < 0.5 else start] = other[a:b]
        case 7:
            at = rng.randrange(max(len(new) - 3, 1))
            at -= at % 4 if rng.random() < 0.7 else 0
            new[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(EXTREME_WORDS))
        case 8:
            a, b = sorted((start, rng.randrange(len(new) + 1)))
            c = rng.randrange(len(new) + 1)
            new = new[b:c] + new[a:b] + new[:a] + new[max(b, c) :]
        case _:
            new[rng.randrange(min(len(new), 128))] = rng.randrange(256)  # in the header
    return bytes(new)


def damage_text(rng: Random, data: bytes, other: bytes) -> bytes:
    """An extreme number; lines lost, repeated, swapped, shuffled or endless; or another encoding."""
    numbers = list(re.finditer(rb"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", data))
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(10):
        case 0 | 1 | 2 | 3 if numbers:
            at = rng.choice(numbers)
            return data[: at.start()] + rng.choice(EXTREME_NUMBERS) + data[at.end() :]
        case 4:
            del lines[i]
        case 5:
            lines[i:i] = [lines[j]] * rng.choice((1, 1, 3, 500))
        case 6:
            lines[i], lines[j] = lines[j], lines[i]
        case 7:
            lines[i] = b" ".join([lines[i]] * rng.choice((2, 30, 3000)))
        case 8:
            words = lines[i].split()
            rng.shuffle(words)
            lines[i] = b" ".join(words[: rng.randint(0, len(words))])
        case _:
            text = data.decode("latin-1")
            return rng.choice(
                (
                    text.encode("utf-16"),
                    text.encode("utf-8-sig"),
                    data.replace(b"\n", b"\r"),
                    data.replace(b" ", b"\t"),
                    data.upper(),
                )
            )
    return b"\n".join(lines)


def damage_tree(rng: Random, tree: Any) -> None:
    """Replace, remove or repeat a value somewhere in a JSON tree."""
    # A random top-level member first: otherwise long ones, such as accessors, would get most of the damage.
    key = rng.choice(list(tree)) if tree and rng.random() < 0.7 else None
    members = gltf_files.list_members(tree[key]) if key is not None else []
    members = members or gltf_files.list_members(tree)
    if not members:
        return
    container, key = rng.choice(members)
    choice = rng.random()
    if choice < 0.15:
        del container[key]
    elif choice < 0.3 and isinstance(container, list):
        container.insert(rng.randrange(len(container) + 1), container[key])
    elif choice < 0.45:
        other, other_key = rng.choice(members)
        container[key] = json.loads(json.dumps(other[other_key], default=str))
    elif choice < 0.6 and isinstance(container[key], (int, float)):
        # most numbers are indices
        container[key] = rng.randrange(6) if rng.random() < 0.5 else container[key] + rng.choice((-1, 1, 4, -4, 1000))
    else:
        container[key] = copy.deepcopy(rng.choice(UNEXPECTED_VALUES))


def damage_gltf(rng: Random, data: bytes, other: bytes) -> bytes:
    tree = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        damage_tree(rng, tree)
    return json.dumps(tree).encode()


def damage_toml(rng: Random, data: bytes, other: bytes) -> bytes:
    tree = tomllib.loads(data.decode())
    for _ in range(rng.choice((1, 1, 2, 5))):
        damage_tree(rng, tree)
    return tomli_w.dumps(tree).encode()


def damage_glb(rng: Random, data: bytes, other: bytes) -> bytes:
    """The JSON chunk damaged, with the right lengths; or chunks lost, repeated, reordered, of wrong length or type."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        size, kind = struct.unpack_from("<I4s", data, at)
        chunks.append([size, kind, data[at + 8 : at + 8 + size]])
        at += 8 + size
    if rng.random() < 0.7:
        chunks[0][2] = damage_gltf(rng, chunks[0][2], other)
        chunks[0][0] = len(chunks[0][2])
    else:
        i = rng.randrange(len(chunks))
        match rng.randrange(5):
            case 0:
                del chunks[i]
            case 1:
                chunks.insert(rng.randrange(len(chunks) + 1), list(chunks[i]))
            case 2:
                chunks.reverse()
            case 3:
                chunks[i][0] = (
                    rng.choice(EXTREME_WORDS) if rng.random() < 0.5 else max(chunks[i][0] + rng.randint(-9, 9), 0)
                )
            case _:
                chunks[i][1] = rng.choice((b"BIN\0", b"JSON", b"XXXX"))
    body = b"".join(struct.pack("<I4s", size, kind) + content for size, kind, content in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body) + (rng.choice((0, 0, 0, 1, -1, 10**9)))) + body


def damage_png(rng: Random, data: bytes, other: bytes) -> bytes:
    """A chunk damaged, with the right checksum, so that its content is read; or chunks lost or repeated."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    i = rng.randrange(len(chunks))
    kind, content = chunks[i]
    if rng.random() < 0.7:
        if kind == b"IDAT" and rng.random() < 0.5:
            with contextlib.suppress(zlib.error):
                content = zlib.compress(damage_bytes(rng, zlib.decompress(content), other))
        elif kind == b"IHDR" and rng.random() < 0.5:
            content = (
                struct.pack(">II", rng.choice((1, 5, 2**14, 2**14 + 1, 2**31 - 1)), rng.choice((1, 5, 2**12, 2**31)))
                + content[8:]
            )
        else:
            content = damage_bytes(rng, content, other)
        chunks[i] = kind, content
    else:
        j = rng.randrange(len(chunks))
        chunks[i : i + rng.randint(0, 1)] = [chunks[j]] * rng.randint(0, 2)
    packed_chunks = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return data[:8] + b"".join(packed_chunks)


def damage_npz(rng: Random, data: bytes, other: bytes) -> bytes:
    """A member damaged, with the right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    name = rng.choice(list(members))
    members[name] = (damage_text if rng.random() < 0.5 else damage_bytes)(rng, members[name], other)
    return pack_zip(members, rng)


TEXT_SUFFIXES = (".gltf", ".obj", ".mtl", ".toml")
Damage = Callable[[Random, bytes, bytes], bytes]
DAMAGE_BY_SUFFIX: dict[str, Damage] = {
    ".gltf": damage_gltf,
    ".toml": damage_toml,
    ".glb": damage_glb,
    ".png": damage_png,
    ".npz": damage_npz,
}
