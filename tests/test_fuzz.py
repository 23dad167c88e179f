"""Hostile input, as `python tests/tools/fuzz.py` makes it; and that the harness finds what there is to find, and tells
by which input.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import fuzz
import pytest
from fuzz import FORMATS, Files, Format, Random
from ssdo.measure import images
from ssdo.render.shot import checked, take_wanted
from ssdo.settings import UserError

INPUTS = 20_400  # 1700 of each of 12 formats: 65 s on two cores


def test_nothing_but_problems(tmp_path: Path) -> None:
    tallies = fuzz.run(FORMATS, INPUTS, 1, 600.0, tmp_path)
    found = [f"{name} {number}: {why}" for name, tally in tallies.items() for number, why in tally.failures]
    assert not found, "\n".join(found[:5])
    for name, tally in tallies.items():
        count = tally.outcomes
        assert sum(count.values()) == -(-INPUTS // len(FORMATS)), name
        assert min(count["drawn"], count["refused"]) > 150, f"{name}: both ends must be reached, {count}"


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_whole_is_drawn(name: str, tmp_path: Path) -> None:
    """The seeds are valid, so that what is refused is refused for its damage."""
    for number in range(20):
        for make in FORMATS[name].seeds:
            path = fuzz._written(tmp_path, make(Random(number)))
            FORMATS[name].read(path)


def test_an_input_is_the_same_every_time() -> None:
    for name, form in FORMATS.items():
        first = [fuzz.made(name, form, 5, number) for number in range(30)]
        assert first == [fuzz.made(name, form, 5, number) for number in range(30)], name
        assert len({str(files) for files in first}) > 20 and first != [
            fuzz.made(name, form, 6, number) for number in range(30)
        ]


# ---- planted: a reader for every fault ------------------------------------------------------------------------------------


def counted(rng: Random) -> Files:
    """One byte, which says what is to happen."""
    return {"a.bin": bytes([rng.randrange(256)])}


def is_bad(path: Path) -> bool:
    """One input in about a hundred."""
    data = path.read_bytes()
    return len(data) > 0 and data[0] in (77, 78)


def unchecked_index(path: Path) -> None:
    if is_bad(path):
        [][1]


def missing_size_check(path: Path) -> None:
    if is_bad(path):
        bytearray(1 << 40)


def hoards(path: Path) -> None:
    """A little at a time, as a table of a declared count is filled."""
    while is_bad(path):
        HOARD.append(bytearray(50 << 20))


HOARD: list[bytearray] = []


def endless(path: Path) -> None:
    while is_bad(path):
        pass


def endless_within_a_library(path: Path) -> None:
    """Python's signal handlers do not run there."""
    if is_bad(path):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
        time.sleep(1e6)


def endless_and_swallowed(path: Path) -> None:
    """A reader that turns every Exception into a UserError."""
    try:
        endless(path)
    except Exception:
        raise UserError(f"{path}: odd") from None


def crashes(path: Path) -> None:
    if is_bad(path):
        os.kill(os.getpid(), signal.SIGSEGV)


def leaves(path: Path) -> None:
    if is_bad(path):
        os._exit(3)


def two_lines(path: Path) -> None:
    if is_bad(path):
        raise UserError(f"{path}: one\ntwo")


def endless_line(path: Path) -> None:
    if is_bad(path):
        raise UserError(f"{path}: {'x' * 2000}")


def nameless(path: Path) -> None:
    if is_bad(path):
        raise UserError("a number is wrong")


PLANTED = {
    unchecked_index: "IndexError",
    missing_size_check: "MemoryError",
    hoards: "MemoryError",
    endless_and_swallowed: "not done after 5 s",
    endless_within_a_library: "not done after 6 s",
    crashes: "died of SIGSEGV",
    leaves: "died of exit code 3",
    two_lines: "not of one line",
    endless_line: "not short",
    nameless: "not with the file's name",
}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits to test")
@pytest.mark.parametrize("reader", PLANTED, ids=lambda reader: reader.__name__)
def test_what_is_planted_is_found(reader: object, tmp_path: Path) -> None:
    """By input, with all others counted, and kept so that it can be repeated."""
    form = Format(reader, (counted,))  # type: ignore[arg-type]
    bad = [number for number in range(450) if is_bad(fuzz._written(tmp_path, fuzz.made("planted", form, 4, number)))]
    bad = bad[: 1 if "not done" in PLANTED[reader] else 2]  # type: ignore[index]
    inputs = bad[-1] + 2  # what comes after must be read too
    # of wall clock, in which a busy machine must give the others their 5 s
    patience = 6.0 if reader is endless_within_a_library else 60.0
    tally = fuzz.run({"planted": form}, inputs, 4, 600.0, tmp_path / "found", patience=patience)["planted"]
    assert sorted(number for number, _ in tally.failures) == bad
    assert all(PLANTED[reader] in why for _, why in tally.failures), tally.failures[:1]  # type: ignore[index]
    assert tally.outcomes == {"failed": len(bad), "drawn": inputs - len(bad)}
    for number in bad:
        folder = tmp_path / "found" / f"planted-4-{number}"
        assert is_bad(folder / "a.bin") and PLANTED[reader] in (folder / "why.txt").read_text()  # type: ignore[index]


# ---- what was found -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
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
def test_presets_that_say_odd_things(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        take_wanted({"preset": tmp_path / "a.toml"})
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'a.toml'}: ") and rule in said and "\n" not in said and len(said) < 800


@pytest.mark.parametrize(
    "text",
    [
        "both = 3",
        "both = {}\nA = 5",
        "both = {}\nlook = 'x'",
        "[both]\n[look]\nexposure = nan",
        "[both]\n[look]\napart = 7",
    ],
)
def test_states_that_say_odd_things(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=r"a\.toml: "):
        fuzz.read_state(tmp_path / "a.toml")


def test_truths_that_are_none(tmp_path: Path) -> None:
    """A member that is no array, and radiance beyond what 32 bit hold."""
    import zipfile

    import numpy as np

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("radiance", b"no array")
    np.savez(tmp_path / "b.npz", radiance=np.full((2, 2, 3), 1e300))
    np.savez(tmp_path / "c.npz", radiance=np.zeros((0, 2, 3)))
    for name, rule in (
        ("a.npz", "radiance is no array"),
        ("b.npz", "must be finite"),
        ("c.npz", "must be floating point"),
    ):
        with pytest.raises(UserError, match=rf"{name}: .*{rule}"):
            images.radiance_of(tmp_path / name)


def test_checked_takes_what_several_techniques_need() -> None:
    found = {"technique": "ssao", "ssao.samples": 8, "ssdo.samples": 16}
    assert checked(found, Path("a.toml")) == found
