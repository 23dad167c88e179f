"""Fuzz testing of every file reader: valid files, damaged as disks, networks, programs and people damage them.

python tests/tools/fuzz.py --inputs 20000 --seed 1             all formats
python tests/tools/fuzz.py --format obj --seconds 600          one, as many inputs as there is time for
python tests/tools/fuzz.py --repeat DIR                        a failure once more, with its traceback

A process reads inputs with 5 s of processor time for each, and 1 GiB of memory above its own. Reading must end with a
valid scene, image or shot, or with a UserError of one line that names the file. Anything else is a failure: another
exception, a crash, a hang. Input N of a format and a seed is always the same; the files of failures are saved.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import _checkout
import fuzz_seeds as seeds
import numpy as np
from fuzz_damage import DAMAGE_BY_SUFFIX, TEXT_SUFFIXES, Damage, damage_bytes, damage_text
from fuzz_seeds import Files, Random
from ssdo.arrays import Floats
from ssdo.measure import images
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import parse_overrides, read_text, validate_values
from ssdo.scene import loader
from ssdo.scene.files import exr, gltf, hdr
from ssdo.scene.files import images as file_images
from ssdo.scene.model import Material, Mesh, Scene
from ssdo.settings import UserError
from ssdo.viewer.display_state import DisplayState
from ssdo.viewer.saved_state import load_state

MAX_EXTRA_BYTES = 1 << 30  # of memory for one input, above that of the process
BATCH_SIZE = 200  # inputs between two reports
FAILURE_FOLDER = Path(tempfile.gettempdir()) / "ssdo-fuzz"
MAX_MESSAGE_LENGTH = 1000  # characters of a UserError


class Limits(NamedTuple):
    """Time in seconds for one input."""

    processor: float = 5.0
    wall: float = 60.0  # on a busy machine


DEFAULT_LIMITS = Limits()


class Format(NamedTuple):
    """How a kind of file is read, and what makes valid ones."""

    read: Callable[[Path], None]  # raises UserError, or AssertionError where the result is not valid
    seeds: Sequence[Callable[[Random], Files]]


# ---- readers ----


def check_scene(scene: Scene) -> None:
    """What everything that draws a scene relies on."""
    assert scene.meshes and all(0 < x < math.inf for x in (scene.bounding_radius, scene.fov))
    for mesh in scene.meshes:
        check_mesh(mesh)
        check_material(mesh.material)
    assert all("\n" not in warning for warning in scene.warnings)


def check_mesh(mesh: Mesh) -> None:
    count = len(mesh.positions)
    check_attribute(mesh.positions, count, 3)
    assert mesh.triangles.dtype == np.int32 and mesh.triangles.shape[1:] == (3,) and mesh.triangles.size
    assert mesh.triangles.min() >= 0 and mesh.triangles.max() < count
    for values, width in ((mesh.normals, 3), (mesh.uvs, 2), (mesh.uvs2, 2), (mesh.colors, 4), (mesh.tangents, 4)):
        if values is not None:
            check_attribute(values, count, width)
    if mesh.normals is not None:
        assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)


def check_attribute(values: Any, count: int, width: int) -> None:
    assert values.dtype == np.float32 and values.shape == (count, width) and np.isfinite(values).all()


def check_material(material: Material) -> None:
    m = material
    fractions = [*m.albedo, m.metallic, m.roughness, m.opacity]
    assert all(0 <= x <= 1 for x in fractions) and min(m.emission) >= 0
    assert np.isfinite([*m.emission, *m.f0, m.alpha_cutoff, m.normal_scale, m.occlusion_strength]).all()
    colors = (m.albedo_texture, m.emission_texture)
    for texture in (*colors, m.metallic_roughness_texture, m.normal_texture, m.occlusion_texture):
        if texture is not None:
            pixels = texture.pixels
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 4 and pixels.size
            assert np.isfinite(texture.transform).all()


def read_gltf(path: Path) -> None:
    check_scene(gltf.read_gltf(path))


def read_mesh(path: Path) -> None:
    check_scene(loader.read_scene_file(path))


def read_hdr(path: Path) -> None:
    check_radiance(path, hdr.read_hdr)


def read_exr(path: Path) -> None:
    check_radiance(path, exr.read_exr)


def check_radiance(path: Path, read: Callable[[Path, list[str]], Floats]) -> None:
    notes: list[str] = []
    radiance = read(path, notes)
    assert radiance.dtype == np.float32 and radiance.shape[2:] == (3,) and radiance.size
    assert np.isfinite(radiance).all() and radiance.min() >= 0
    assert all("\n" not in note and len(note) < MAX_MESSAGE_LENGTH for note in notes)


def read_image(path: Path) -> None:
    try:
        pixels = file_images.decode_image(
            path.read_bytes(), str(path), file_images.ImageLimits(), file_images.MESH_FORMATS
        )
    except MemoryError:
        raise UserError(f"{path}: needs more memory than there is") from None
    assert pixels.dtype == np.uint8 and pixels.shape[2:] == (4,)


def read_preset(path: Path) -> None:
    overrides = parse_overrides({"preset": path})
    assert overrides.build_shot(overrides.technique).values()


def read_state(path: Path) -> None:
    """As the viewer reads a file that is dropped on it, without a window."""
    base = Shot()

    def change(values: dict[str, Any], slot: str = "B") -> bool:
        try:
            base.with_values(values)
        except UserError as problem:
            session.error = str(problem)
        return not session.error

    slots = SimpleNamespace(shared=base, techniques={"B": base.technique}, restore=lambda _: None, state=lambda: None)
    session = SimpleNamespace(slots=slots, display=DisplayState(), error="", change=change)
    load_state(cast(Any, session), read_text(path), str(path))
    assert math.isfinite(session.display.exposure) and math.isfinite(session.display.show_alpha)


def read_shot(path: Path) -> None:
    overrides = parse_overrides({}, validate_values(images.load_shot_values(path), path))
    assert overrides.build_shot(overrides.technique).values()


def read_reference(path: Path) -> None:
    radiance = images.load_radiance(path)
    assert radiance.dtype == np.float32 and radiance.ndim == 3 and radiance.shape[2] == 3


# ---- formats and inputs ----

FORMATS = {
    "glb": Format(
        read_gltf,
        (
            seeds.make_plain_glb,
            seeds.make_full_glb,
            seeds.make_feature_glb,
            seeds.make_feature_glb,
            seeds.make_draco_glb,
            seeds.make_meshopt_glb,
            seeds.make_ktx2_glb,
            seeds.make_detailed_glb,
        ),
    ),
    "gltf": Format(
        read_gltf,
        (
            seeds.make_textured_gltf,
            seeds.make_full_gltf,
            seeds.make_feature_gltf,
            seeds.make_feature_gltf,
            seeds.make_hierarchy_gltf,
        ),
    ),
    "obj": Format(read_mesh, (seeds.make_obj_grid, seeds.make_obj_grid, seeds.make_obj_star)),
    "ply": Format(read_mesh, (seeds.make_ply,)),
    "stl": Format(read_mesh, (seeds.make_binary_stl, seeds.make_text_stl)),
    "hdr": Format(read_hdr, (seeds.make_hdr, seeds.make_colored_hdr)),
    "image": Format(
        read_image,
        (seeds.make_png, seeds.make_jpeg, seeds.make_webp, seeds.make_bmp_or_tga, seeds.make_tiff_or_gif),
    ),
    "preset": Format(read_preset, (seeds.make_preset, seeds.make_preset_of_several)),
    "state": Format(read_state, (seeds.make_state, seeds.make_preset)),
    "shot": Format(read_shot, (seeds.make_shot_png,)),
    "npz": Format(read_reference, (seeds.make_npz,)),
    "exr": Format(read_reference, (seeds.make_exr,)),
    "environment": Format(read_exr, (seeds.make_exr, seeds.make_exr_parts, seeds.make_exr_parts)),
}


def make_input(name: str, form: Format, seed: int, number: int) -> Files:
    """Input `number`. One in ten is valid; the others are damaged up to four times, sometimes in a second file."""
    rng = random.Random(f"{seed} {name} {number}")
    files = rng.choice(form.seeds)(rng)
    if rng.random() < 0.1:
        return files
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        file = next(iter(files)) if rng.random() < 0.8 else rng.choice(list(files))
        suffix, data, other = Path(file).suffix, files[file], rng.choice(list(files.values()))
        text = suffix in TEXT_SUFFIXES or (suffix in (".ply", ".stl", ".hdr") and rng.random() < 0.5)
        damage: Damage = damage_text if text and rng.random() < 0.7 else damage_bytes
        if suffix in DAMAGE_BY_SUFFIX and rng.random() < 0.6:
            damage = DAMAGE_BY_SUFFIX[suffix]
        with contextlib.suppress(Exception):  # a file that is already damaged may not be parsable
            files[file] = damage(rng, data, other)
    return files


# ---- reading process ----


class OutOfTime(BaseException):
    """The processor time of an input is spent. Not an Exception: readers turn those into a UserError."""


@dataclass
class Tally:
    """Results of the inputs of a format."""

    outcomes: Counter[str] = field(default_factory=Counter)  # valid, refused, too large, failed
    failures: list[tuple[int, str]] = field(default_factory=list)  # number of the input, and its cause


def try_read(read_file: Callable[[Path], None], path: Path, max_processor_seconds: float = math.inf) -> tuple[str, str]:
    """The outcome of reading a file (valid, refused, too large for the memory, failed), and the cause of a failure."""
    try:
        read_file(path)
        return "valid", ""
    except UserError as error:
        text = str(error)
        rules = {
            "of one line": len(text.splitlines()) == 1,
            "short": len(text) <= MAX_MESSAGE_LENGTH,
            "with the file's name": path.name in text,
        }
        broken_rules = ", ".join(rule for rule, is_kept in rules.items() if not is_kept)
        if broken_rules:
            return "failed", f"a UserError that is not {broken_rules}: {ascii(text)[:300]}"
        return "too large" if "more memory than there is" in text else "refused", ""
    except OutOfTime:
        cause = f"not done after {max_processor_seconds:g} s of processor time"
        return "failed", f"{cause}\n{traceback.format_exc(limit=-6)}"
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {ascii(str(error))[:200]}\n{traceback.format_exc(limit=-6)}"


def limit_resources() -> None:
    """Limit memory to MAX_EXTRA_BYTES above the present, and raise OutOfTime when the timer ends."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit alone
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGPROF, stop)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(
            resource.RLIMIT_AS, (pages * resource.getpagesize() + MAX_EXTRA_BYTES, resource.RLIM_INFINITY)
        )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def silence_output() -> None:
    """Discard all output: C libraries print errors of their own."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)


def set_timer(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def read_inputs(
    name: str, form: Format, seed: int, numbers: range, doing: Any, results: Any, max_processor_seconds: float
) -> None:
    """Read inputs in this process. `doing`: which, and since when; `results` receives a Tally for each batch."""
    warm_up = random.Random(0)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as temporary:
        folder = Path(temporary)
        for make_seed in form.seeds:  # loads all libraries before memory is limited
            try_read(form.read, write_files(folder, make_seed(warm_up)))
        silence_output()
        limit_resources()
        for batch in (numbers[at : at + BATCH_SIZE] for at in range(0, len(numbers), BATCH_SIZE)):
            tally = Tally()
            for number in batch:
                files = make_input(name, form, seed, number)
                path = write_files(folder, files)
                doing[:] = number, time.monotonic()
                set_timer(max_processor_seconds)
                outcome, cause = try_read(form.read, path, max_processor_seconds)
                set_timer(0)
                doing[:] = number, 0.0
                tally.outcomes[outcome] += 1
                if outcome == "failed":
                    tally.failures.append((number, cause))
            results.send(tally)
    results.send(None)


def write_files(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / next(iter(files))


# ---- supervising process ----


def supervise(
    name: str, form: Format, seed: int, numbers: range, until: float, limits: Limits = DEFAULT_LIMITS
) -> Tally:
    """Read inputs of a format in another process. When it dies or hangs, its input has failed, and a new one starts."""
    context, total = multiprocessing.get_context("spawn"), Tally()
    while numbers:
        doing = context.Array("d", [numbers.start, 0.0], lock=False)
        receiver, sender = context.Pipe(duplex=False)
        arguments = (name, form, seed, numbers, doing, sender, limits.processor)
        process = context.Process(target=read_inputs, args=arguments, daemon=True)
        process.start()
        sender.close()
        cause, count = follow_process(process, receiver, doing, total, until, limits.wall)
        last = int(doing[0])
        if process.is_alive():
            process.kill()
        process.join()
        if not cause:
            break
        total.outcomes["failed"] += 1
        if cause == "died":
            cause = f"the process died of {describe_exit(process.exitcode)}"
        total.failures.append((last, cause))
        # The tally of its last batch is lost with the process: inputs before the failure are read again.
        unreported_numbers = numbers[count : last - numbers.start]
        if unreported_numbers:
            repeated_tally = supervise(name, form, seed, unreported_numbers, until, limits)
            total.outcomes += repeated_tally.outcomes
            total.failures += repeated_tally.failures
        numbers = numbers[last - numbers.start + 1 :]
    return total


def follow_process(
    process: Any, results: Any, doing: Any, total: Tally, until: float, max_wall_seconds: float
) -> tuple[str, int]:
    """Add the reports of a process to `total`. Returns why it ended early, or "", and how many inputs it reported."""
    count = 0
    while True:
        try:
            if results.poll(0.2):
                tally = results.recv()
                if tally is None:
                    return "", count
                total.outcomes += tally.outcomes
                total.failures += tally.failures
                count += sum(tally.outcomes.values())
                if time.monotonic() > until:
                    return "", count
            elif not process.is_alive() and not results.poll():
                return "died", count
            elif doing[1] and time.monotonic() - doing[1] > max_wall_seconds:
                return f"not done after {max_wall_seconds:g} s", count
        except EOFError:
            process.join()
            return "died", count


def describe_exit(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def save_failures(name: str, form: Format, seed: int, tally: Tally, folder: Path) -> list[Path]:
    """Write the files of each failure into a folder of its own, beside a text with the cause."""
    paths = []
    for number, cause in tally.failures:
        into = folder / f"{name}-{seed}-{number}"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        paths.append(write_files(into, make_input(name, form, seed, number)))
        (into / "cause.txt").write_text(cause, "utf-8")
    return paths


def run(
    formats: dict[str, Format],
    inputs: int,
    seed: int,
    seconds: float,
    folder: Path,
    jobs: int = 2,
    limits: Limits = DEFAULT_LIMITS,
) -> dict[str, Tally]:
    """Read `inputs` of all formats together, each format in a process of its own, `jobs` at a time.

    Files of failures are saved in `folder`.
    """
    inputs_per_format = -(-inputs // len(formats))
    seconds_per_format = seconds * jobs / len(formats)

    def supervise_format(name: str) -> Tally:
        until = time.monotonic() + seconds_per_format
        return supervise(name, formats[name], seed, range(inputs_per_format), until, limits)

    with ThreadPoolExecutor(jobs) as pool:
        tallies = dict(zip(formats, pool.map(supervise_format, formats), strict=True))
    for name, tally in tallies.items():
        save_failures(name, formats[name], seed, tally, folder)
    return tallies


def repeat_failure(folder: Path) -> int:
    """Read a saved failure without limits, so that its traceback is shown."""
    form = FORMATS[folder.name.partition("-")[0]]
    files = list(folder.iterdir())
    (path,) = [
        file
        for file in files
        if file.stem == "a" and file.suffix not in (".bin", ".mtl") and (file.suffix != ".png" or len(files) == 2)
    ]
    try:
        form.read(path)
        print("valid")
    except UserError as error:
        print(f"refused: {error}")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code: 1 where an input failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, metavar="N", help="of all formats together [20000]")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="seed of all inputs [1]")
    parser.add_argument("--format", choices=FORMATS, action="append", help="only this format, or these [all]")
    parser.add_argument(
        "--seconds", type=float, default=math.inf, metavar="T", help="stop after about that long [when all are read]"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes at a time [one for each core]"
    )
    parser.add_argument(
        "--output", type=Path, default=FAILURE_FOLDER, metavar="DIR", help=f"folder of failures [{FAILURE_FOLDER}]"
    )
    parser.add_argument("--repeat", type=Path, metavar="DIR", help="read the failure in this folder")
    flags = parser.parse_args(arguments)
    if flags.repeat:
        return repeat_failure(flags.repeat)
    formats = {name: FORMATS[name] for name in flags.format or FORMATS}
    start = time.monotonic()
    tallies = run(formats, flags.inputs, flags.seed, flags.seconds, flags.output, flags.jobs)
    print_tallies(tallies, flags.output, flags.seed)
    inputs = sum(sum(tally.outcomes.values()) for tally in tallies.values())
    print(f"{inputs} inputs in {time.monotonic() - start:.0f} s")
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def print_tallies(tallies: dict[str, Tally], folder: Path, seed: int) -> None:
    outcomes = ("refused", "valid", "too large", "failed")
    print(f"{'format':12} {'inputs':>9}" + "".join(f" {outcome:>9}" for outcome in outcomes))
    for name, tally in tallies.items():
        counts = "".join(f" {tally.outcomes[outcome]:9}" for outcome in outcomes)
        print(f"{name:12} {sum(tally.outcomes.values()):9}{counts}")
        for number, cause in tally.failures[:9]:
            print(f"    {folder / f'{name}-{seed}-{number}'}: {cause.splitlines()[0]}")


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
