"""Damaged input for every reader, and whether the fuzzer (tests/tools/fuzz.py) finds faults and names their inputs."""

from __future__ import annotations

import os
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import fuzz
import numpy as np
import pytest
from fuzz import DEFAULT_LIMITS, FORMATS, Format, Limits, make_input, write_files
from fuzz_seeds import Files, Random
from ssdo.measure import images
from ssdo.render.shot_flags import parse_overrides, validate_values
from ssdo.settings import UserError

INPUTS = 20_400  # about 1600 of each format
Reader = Callable[[Path], None]


@pytest.mark.slow
def test_no_input_fails(tmp_path: Path) -> None:
    """Many are valid and many are refused, in every format."""
    tallies = fuzz.run(FORMATS, INPUTS, 1, 600.0, tmp_path)
    failures = [f"{name} {number}: {cause}" for name, tally in tallies.items() for number, cause in tally.failures]
    assert not failures, "\n".join(failures[:5])
    for name, tally in tallies.items():
        assert sum(tally.outcomes.values()) == -(-INPUTS // len(FORMATS)), name
        assert min(tally.outcomes["valid"], tally.outcomes["refused"]) > 150, f"{name}: {tally.outcomes}"


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_undamaged_files_are_valid(name: str, tmp_path: Path) -> None:
    for number in range(20):
        for make_seed in FORMATS[name].seeds:
            FORMATS[name].read(write_files(tmp_path, make_seed(Random(number))))


@pytest.mark.slow
def test_inputs_are_reproducible() -> None:
    for name, form in FORMATS.items():
        inputs, again, others = ([make_input(name, form, seed, number) for number in range(30)] for seed in (5, 5, 6))
        assert inputs == again != others, name
        assert len({str(files) for files in inputs}) > 20


# ---- fault injection: readers with a fault ----


def make_byte(rng: Random) -> Files:
    """A file of one byte, which decides whether a reader fails."""
    return {"a.bin": bytes([rng.randrange(256)])}


def is_fatal(path: Path) -> bool:
    """About one input in a hundred."""
    data = path.read_bytes()
    return len(data) > 0 and data[0] in (77, 78)


def read_unchecked_index(path: Path) -> None:
    if is_fatal(path):
        [][1]


def allocate_unchecked_size(path: Path) -> None:
    if is_fatal(path):
        bytearray(1 << 40)


def allocate_step_by_step(path: Path) -> None:
    while is_fatal(path):
        LEAK.append(bytearray(50 << 20))


LEAK: list[bytearray] = []


def loop_forever(path: Path) -> None:
    while is_fatal(path):
        pass


def loop_in_a_library(path: Path) -> None:
    """Where Python's signal handlers do not run."""
    if is_fatal(path):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
        time.sleep(1e6)


def loop_and_catch(path: Path) -> None:
    """In a reader that turns every Exception into a UserError."""
    try:
        loop_forever(path)
    except Exception:
        raise UserError(f"{path}: odd") from None


def crash(path: Path) -> None:
    if is_fatal(path):
        os.kill(os.getpid(), signal.SIGSEGV)


def exit_process(path: Path) -> None:
    if is_fatal(path):
        os._exit(3)


def raise_two_lines(path: Path) -> None:
    if is_fatal(path):
        raise UserError(f"{path}: one\ntwo")


def raise_long_line(path: Path) -> None:
    if is_fatal(path):
        raise UserError(f"{path}: {'x' * 2000}")


def raise_without_name(path: Path) -> None:
    if is_fatal(path):
        raise UserError("a number is wrong")


CAUSES: dict[Reader, str] = {
    read_unchecked_index: "IndexError",
    allocate_unchecked_size: "MemoryError",
    allocate_step_by_step: "MemoryError",
    loop_and_catch: "not done after 0.5 s",
    loop_in_a_library: "not done after 3 s",
    crash: "died of SIGSEGV",
    exit_process: "died of exit code 3",
    raise_two_lines: "not of one line",
    raise_long_line: "not short",
    raise_without_name: "not with the file's name",
}
LIMITS: dict[Reader, Limits] = {loop_and_catch: Limits(processor=0.5), loop_in_a_library: Limits(wall=3.0)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="resources are not limited on Windows")
@pytest.mark.parametrize("reader", CAUSES, ids=lambda reader: reader.__name__)
def test_faults_are_found(reader: Reader, tmp_path: Path) -> None:
    """With the number of the input; inputs after it are read, too, and its files are saved."""
    form = Format(reader, (make_byte,))
    fatal = [n for n in range(450) if is_fatal(write_files(tmp_path, make_input("fault", form, 4, n)))]
    fatal = fatal[: 1 if "not done" in CAUSES[reader] else 2]
    inputs = fatal[-1] + 2
    folder = tmp_path / "failures"
    tally = fuzz.run({"fault": form}, inputs, 4, 600.0, folder, limits=LIMITS.get(reader, DEFAULT_LIMITS))["fault"]
    assert sorted(number for number, _ in tally.failures) == fatal
    assert all(CAUSES[reader] in cause for _, cause in tally.failures), tally.failures[:1]
    assert tally.outcomes == {"failed": len(fatal), "valid": inputs - len(fatal)}
    for number in fatal:
        saved = folder / f"fault-4-{number}"
        assert is_fatal(saved / "a.bin") and CAUSES[reader] in (saved / "cause.txt").read_text()


# ---- regressions ----


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width = nan", "width = nan: must be a whole number"),
        ("width = inf", "width = inf: must be a whole number"),
        (f"width = {'9' * 5000}", "a number is too long"),
        (f"width = 0x{'f' * 5000}", "width = a number that is too long: must be 1 to 8192 px"),
        (f"width = {'[' * 5000}", "not TOML"),
        ("technique = 5", "technique = 5: must be text"),
        ("technique = ['ssao']", "technique = ('ssao',): must be text"),
        ("ssao = 5", "no parameter ssao"),
        (f"camera.eye = [{'1.0, ' * 1000}]", "must be three numbers X,Y,Z"),
        (f"{'x' * 5000} = 1", "no parameter xxx"),
        ("heigth = 9", "no parameter heigth; did you mean height?"),
    ],
)
def test_broken_presets(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        parse_overrides({"preset": tmp_path / "a.toml"})
    error = str(caught.value)
    assert error.startswith(f"{tmp_path / 'a.toml'}: ") and message in error and "\n" not in error and len(error) < 800


@pytest.mark.parametrize(
    "text",
    [
        "shared = 3",
        "shared = {}\nA = 5",
        "shared = {}\nviewer = 'x'",
        "[shared]\n[viewer]\nexposure = nan",
        "[shared]\n[viewer]\nunlinked = 7",
    ],
)
def test_broken_states(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=r"a\.toml: "):
        fuzz.read_state(tmp_path / "a.toml")


def test_broken_references(tmp_path: Path) -> None:
    """A member that is no array, radiance beyond float32, and no pixels."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("radiance", b"no array")
    np.savez(tmp_path / "b.npz", radiance=np.full((2, 2, 3), 1e300))
    np.savez(tmp_path / "c.npz", radiance=np.zeros((0, 2, 3)))
    for name, message in (
        ("a.npz", "radiance is no array"),
        ("b.npz", "must be finite"),
        ("c.npz", "must be floating point"),
    ):
        with pytest.raises(UserError, match=rf"{name}: .*{message}"):
            images.load_radiance(tmp_path / name)


def test_presets_may_hold_values_of_several_techniques() -> None:
    values = {"technique": "ssao", "ssao.samples": 8, "ssdo.samples": 16}
    assert validate_values(values, Path("a.toml")) == values
