"""What the window says about its images: labels, legends, errors that settle, signed differences, the pixel's card."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ssdo.arrays import Doubles
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.settings import UserError
from ssdo.srgb import decode_srgb, encode_srgb
from ssdo.viewer import controls
from ssdo.viewer.color_maps import SLOT_RGB
from ssdo.viewer.display_state import GAIN_RANGE
from ssdo.viewer.frame_metrics import SETTLED_NOISE, ErrorEstimate
from ssdo.viewer.image_labels import describe_missing, describe_shown, list_labels, shorten_label
from ssdo.viewer.legend import BAR_STEPS, Legend, bar_colors, list_legends
from ssdo.viewer.pixel_card import COLOR_KEY, make_cards, place_card
from ssdo.viewer.pixel_values import PixelValues
from ssdo.viewer.render_scheduler import PAIR
from ssdo.viewer.saved_state import format_state, load_state
from ssdo.viewer.session import Session
from test_viewer import SessionRunner, free_targets
from test_viewer_session import get_result, open_view, run_steps

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
BACKGROUND = 1e30  # depth


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    """SSAO in A and SSDO in B."""
    yield SessionRunner(gpu, scene="corner", technique="ssdo")
    free_targets(gpu, "A", "B", "reference", "unoccluded A", "unoccluded B")


# ---- differences ----


def write_radiance(runner: SessionRunner) -> Doubles:
    """Random radiance in A and B, equal in the upper half. Returns A - B."""
    rng = np.random.default_rng(5)
    a, b = (rng.random((36, 64, 4)).astype("f4") for _ in PAIR)
    b[:18] = a[:18]
    for slot, values in zip(PAIR, (a, b), strict=True):
        runner.gpu.write(get_result(runner.session, slot).radiance, values)
    difference: Doubles = (a.astype("f8") - b)[..., :3]
    return difference


@pytest.mark.parametrize("gain", [0.5, 3.7])
def test_a_signed_difference_shows_which_slot_is_brighter(runner: SessionRunner, gain: float) -> None:
    """In the colour of that slot, its light proportional to the luminance; black where both are equal."""
    session = open_view(runner, "difference")
    session.display.is_signed, session.display.gain = True, gain
    brightness = np.clip(write_radiance(runner) @ LUMINANCE * gain, -1, 1)[..., None]
    view = runner.read_view()
    a, b = (decode_srgb(np.array(SLOT_RGB[slot])) for slot in PAIR)
    expected = encode_srgb(np.where(brightness > 0, brightness * a, -brightness * b))
    # stops of the map are exact, and lines between them lie within 2 of 255; the target rounds
    assert np.abs(view / 255 - expected).max() < 2.6 / 255
    assert (view[:18] == 0).all() and view[18:].any()


def test_the_gain_of_a_difference_is_continuous(runner: SessionRunner) -> None:
    session = open_view(runner, "difference")
    difference = np.abs(write_radiance(runner))
    session.display.gain = 3.7
    expected = encode_srgb(np.clip(difference * 3.7, 1e-9, 1))
    assert np.abs(runner.read_view() / 255 - expected).max() < 0.6 / 255
    gains = []
    for _ in range(4):
        session.choose_view("difference")
        gains.append(session.display.gain)
    assert gains == [10, 100, 1, 10], "the key goes on from a gain in between"


def test_the_difference_settings_are_saved(runner: SessionRunner) -> None:
    session = runner.session
    session.display = replace(session.display, view="difference", gain=3.7, is_signed=True)
    text = format_state(session)
    session.display = replace(session.display, gain=1.0, is_signed=False)
    load_state(session, text, "state")
    assert session.display.gain == 3.7 and session.display.is_signed
    load_state(session, text.replace("gain = 3.7", "gain = 10"), "state")
    assert session.display.gain == 10
    for gain in (0, GAIN_RANGE[1] + 1, -1.0):
        with pytest.raises(UserError, match=r"viewer\.gain = .*: must be 0\.1 to 1000"):
            load_state(session, text.replace("gain = 3.7", f"gain = {gain}"), "state")
    with pytest.raises(UserError, match=r"viewer\.view = 'C': must be one of A, B"):
        load_state(session, text.replace('view = "difference"', 'view = "C"'), "state")


# ---- legends ----


def read_ends(legend: Legend) -> tuple[float, float]:
    """The numbers at the ends of a legend's bar."""
    low, high = (float(text.strip("AB +")) for position, text in legend.ticks if position in (0, 1))
    return low, high


def find_legend(session: Session) -> Legend:
    (legend,) = list_legends(session)
    return legend


@pytest.mark.parametrize("buffer", ["direct light", "depth", "A - B"])
def test_the_numbers_of_a_legend_are_those_of_the_pixels(runner: SessionRunner, buffer: str) -> None:
    """A ramp between the numbers at the ends of the bar has the colours of the bar."""
    session = open_view(runner, "difference")
    runner.render_idle(BAR_STEPS)
    session.display.view = "difference" if buffer == "A - B" else "B"
    session.display.exposure, session.display.gain = 1.5, 8.0
    result, other = get_result(session, "B"), get_result(session, "A")
    ramp = np.repeat(np.linspace(0, 1, BAR_STEPS)[None], 36, 0)[..., None]
    channels = np.ones(4)
    if buffer == "depth":
        depth = 4 + 2 * ramp  # 0.5 % beyond each end have the end's colour
        runner.gpu.write(result.inputs.gbuffer.depth, depth.astype("f4"))
        session.renders["B"].result = result._replace(shot=result.shot)  # the range of the old depth is cached
        session.display.buffer = buffer
        low, high = read_ends(find_legend(session))
        assert (low, high) == pytest.approx((4, 6), abs=0.011), "metres, with three digits"
    elif buffer == "direct light":
        session.display.buffer = buffer
        low, high = read_ends(find_legend(session))
        assert (low, high) == pytest.approx((0, 2**-1.5), rel=2e-3)
        runner.gpu.write(result.lighting.direct, (math.pi * high * ramp * channels).astype("f4"))
    else:
        low, high = read_ends(find_legend(session))
        assert (low, high) == (0, 0.125)
        runner.gpu.write(result.radiance, (ramp * channels).astype("f4") * np.float32(0))
        runner.gpu.write(other.radiance, (high * ramp * channels).astype("f4"))
    bar = np.array(find_legend(session).colors)
    # half floats, three digits, and the rounding of both
    assert np.abs(runner.read_view()[18].astype(int) - bar).max() <= 2


def test_the_legend_of_a_signed_difference(runner: SessionRunner) -> None:
    session = open_view(runner, "difference")
    session.display.is_signed, session.display.gain = True, 20.0
    legend = find_legend(session)
    assert [text for _, text in legend.ticks] == ["B +0.05", "0.025", "0", "0.025", "A +0.05"]
    colors = np.array(legend.colors) / 255
    assert colors[0] == pytest.approx(SLOT_RGB["B"], abs=0.003) and colors[-1] == pytest.approx(
        SLOT_RGB["A"], abs=0.003
    )
    assert (colors[BAR_STEPS // 2] == 0).all()


def test_the_legend_of_the_error_tells_exposure_and_noise(runner: SessionRunner) -> None:
    session = open_view(runner, "error")
    session.change({"display.exposure": 1.5})
    runner.render_idle()
    run_steps(runner, 6)
    legend = find_legend(session)
    assert legend.title == "visible error (FLIP) at exposure +1.5 EV"
    assert [position for position, _ in legend.ticks] == [0, 0.25, 0.5, 0.75, 1]
    assert legend.ticks[0][1].startswith("0:") and legend.ticks[-1][1].startswith("1:")
    convergence = session.renders["reference"].convergence
    assert convergence.noise is not None and convergence.frame_count > 3
    assert legend.notes == (f"reference: {convergence.frame_count} frames, noise {convergence.noise:.2g} radiance",)
    positions = np.linspace(0, 1, BAR_STEPS, dtype="f4")
    assert np.abs(np.array(legend.colors) - metrics.false_colour(positions[None], 1.0)[0]).max() <= 1


def test_only_colours_with_numbers_have_a_legend(runner: SessionRunner) -> None:
    session = open_view(runner, "split")
    has_legend = {}
    for name in session.view_renderer.buffers("B"):
        session.display.buffer = name
        has_legend[name] = len(list_legends(session)) == 1
    assert has_legend["depth"] and has_legend["indirect light"] and has_legend["RGB visibility"]
    assert not any(has_legend[name] for name in ("final image", "normals", "ambient visibility"))


def test_sides_with_different_depths_have_a_legend_each(runner: SessionRunner) -> None:
    session = open_view(runner, "split")
    session.display.buffer = "depth"
    assert len(list_legends(session)) == 1
    result = get_result(session, "A")
    depth = runner.gpu.read(result.inputs.gbuffer.depth)
    runner.gpu.write(result.inputs.gbuffer.depth, np.where(depth < BACKGROUND, 2 * depth, depth))
    session.renders["A"].result = result._replace(shot=result.shot)
    legends = list_legends(session)
    assert [read_ends(legend)[0] for legend in legends] == pytest.approx(
        [2 * read_ends(legends[1])[0], read_ends(legends[1])[0]], rel=0.01
    )


def test_bars_have_the_colours_of_their_maps() -> None:
    assert bar_colors("linear")[0] == (0, 0, 0) and bar_colors("linear")[-1] == (255, 255, 255)
    assert bar_colors("linear")[BAR_STEPS // 2] == (188, 188, 188), "half of the light"
    assert bar_colors("depth")[0] == (255, 255, 255) and bar_colors("depth")[-1] == (26, 26, 26)


# ---- labels ----


def test_every_view_has_labels_of_its_slots(runner: SessionRunner) -> None:
    session = runner.session
    shown = {}
    for view in ("A", "B", "split", "side by side"):
        open_view(runner, view)
        session.display.buffer = "direct light"
        shown[view] = [label.texts[0] for label in list_labels(session)]
        session.display.buffer = "final image"
    a, b = "A: SSAO, 4 directions, direct light", "B: SSDO, 4 directions, direct light"
    assert shown == {"A": [a], "B": [b], "split": [a, b], "side by side": [a, b]}
    assert [label.texts for label in list_labels(session)] == [
        ("A: SSAO, 4 directions", "A: SSAO"),
        ("B: SSDO, 4 directions", "B: SSDO"),
    ]
    session.display.is_flipped = True
    assert [label.slots for label in list_labels(session)] == [("B",), ("A",)], "from the left"
    session.display.is_flipped = False
    open_view(runner, "difference")
    session.display.gain = 2.5
    (label,) = list_labels(session)
    assert label.texts[0] == "|A - B| x2.5, A: SSAO, 4 directions, B: SSDO, 4 directions"
    session.display.is_signed = True
    assert list_labels(session)[0].texts[-1] == "A - B x2.5\nSSAO, SSDO"


def test_labels_tell_what_is_shown_of_a_slot(runner: SessionRunner) -> None:
    """Also where one slot has no such buffer: then its final image is seen."""
    session = open_view(runner)
    only_b = next(name for name in session.view_renderer.buffers("B") if name.startswith("ssdo.direct"))
    session.display.buffer, session.display.divider = only_b, 1.0
    assert describe_shown(session, "A") == f"A: SSAO, 4 directions, final image (no {only_b.removesuffix(' *')})"
    assert describe_shown(session, "B") == f"B: SSDO, 4 directions, {only_b.removesuffix(' *')}"
    final_image = images.read_display(get_result(session, "A"))
    assert (runner.read_view()[:, :60] == final_image[:, :60]).all()
    session.display.buffer, session.display.show_alpha = "direct light", True
    assert describe_shown(session, "A").endswith(", direct light, alpha")
    session.renders["A"].result = None
    assert describe_shown(session, "A").endswith(", not rendered yet")


LABELS = [
    ("A: SSAO, 16 directions, direct light", "A: SSAO, direct light", "A: SSAO\ndirect light"),
    ("B: SSDO direct, 8 directions", "B: SSDO direct"),
]


@pytest.mark.parametrize("texts", LABELS)
def test_labels_are_shortened_to_any_width(texts: tuple[str, ...]) -> None:
    """The technique is kept longest: letters of the buffer are never seen beside a technique without its slot."""

    def measure(text: str) -> int:
        return max(map(len, text.split("\n")))

    shortened = [shorten_label(texts, lambda text, width=width: measure(text) <= width) for width in range(1, 50)]  # type: ignore[misc]
    assert all(measure(text) <= width and text for width, text in enumerate(shortened, 1))
    assert all(text.startswith(texts[0][0]) for text in shortened)
    assert shortened[-1] == texts[0] and set(texts) <= set(shortened)
    name_length = len(texts[-1].partition("\n")[0])
    assert all(texts[-1].partition("\n")[0] in text for text in shortened[name_length - 1 :])
    assert [len(text) for text in shortened] == sorted(len(text) for text in shortened) or "\n" in texts[-1]
    assert shorten_label(texts, lambda text: False) == ""


def test_a_shortened_label_fills_its_width() -> None:
    assert shorten_label(LABELS[1], lambda text: len(text) <= 12) == "B: SSDO d..."
    assert shorten_label(LABELS[0], lambda text: len(text.split("\n")[-1]) <= 9) == "A: SSAO\ndirect..."


# ---- errors ----


def test_an_error_is_shown_once_the_noise_is_well_below_it() -> None:
    assert SETTLED_NOISE == 0.5
    assert ErrorEstimate(0.1, 0.05, 8, True).text == "RMSE 0.1"
    assert ErrorEstimate(0.1, 0.051, 8, True).text == "settling, 8 frames"
    assert ErrorEstimate(0.0, 0.01, 1, True).text == "settling, 1 frame"
    assert ErrorEstimate(None, None, 0, True).text == "settling, 0 frames"
    assert ErrorEstimate(0.00012345, 1e-5, 8, True).text == "RMSE 0.000123"
    assert ErrorEstimate(0.0, 0.0, 8, True).text == "RMSE 0"
    assert ErrorEstimate(0.001, 0.01, 65536, False).text == "below the noise, 0.01"
    assert ErrorEstimate(math.nan, 0.01, 8, True).text == "RMSE undefined"


def test_labels_of_the_error_view_settle(runner: SessionRunner) -> None:
    """A equals the reference, which never settles. B is far from it."""
    session = runner.session
    session.choose_mode("B", "off")
    open_view(runner, "error")
    run_steps(runner, 4)
    radiance = runner.gpu.read(get_result(session, "reference").radiance)
    result = get_result(session, "A")
    runner.gpu.write(result.radiance, radiance)
    session.renders["A"].result = result._replace(shot=result.shot)  # nothing of the old radiance is cached
    a, b = (session.metrics.estimate_error(slot) for slot in PAIR)
    assert not a.is_settled and b.is_settled and b.rmse and b.noise and b.noise < b.rmse / 2
    frames = session.renders["reference"].convergence.frame_count
    assert describe_shown(session, "A").endswith(f", error: settling, {frames} frames")
    assert describe_shown(session, "B") == f"B: off, error: RMSE {b.rmse:.3g}"
    assert list_labels(session)[1].texts[-1] == f"B: off\n{b.rmse:.3g}", "the number is kept longest"


def test_errors_need_a_reference_of_the_same_view(runner: SessionRunner) -> None:
    """Else the final images are shown, and a line over them says so."""
    session = runner.session
    session.choose_view("error")
    session.step((64, 36))
    assert describe_missing(session)[0].startswith("No reference of this view yet")
    assert describe_shown(session, "A") == "A: SSAO, 4 directions, final image" and not list_legends(session)
    session.display.divider = 1.0
    assert (runner.read_view()[:, :60] == images.read_display(get_result(session, "A"))[:, :60]).all()
    run_steps(runner, 6)
    assert describe_missing(session) == () and len(list_legends(session)) == 1
    errors = runner.read_view()
    session.move_camera(controls.orbit(session.pose, 15.0, 0.0))
    for _ in range(2):
        session.step((64, 36), is_interacting=True)
    assert describe_missing(session) and not list_legends(session)
    moved = runner.read_view()
    assert (moved[:, :60] == images.read_display(get_result(session, "A"))[:, :60]).all(), "not of the old reference"
    assert not np.array_equal(errors, moved)
    session.toggle_reference()
    assert "T renders one" in describe_missing(session)[0]
    session.reference_enabled, session.renders["reference"].failed_shot = True, session.shot("reference")
    assert describe_missing(session)[0].startswith("The reference cannot be rendered")
    session.choose_view("split")
    assert describe_missing(session) == ()


# ---- the pixel's card ----


VALUES = PixelValues(
    (12, 34),
    (0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    {
        "A": {"radiance": (0.1, 0.2, 0.3), "direct": (1.0, 2.0, 3.0), "indirect": (0.0,) * 3, "visibility": (0.25,)},
        "B": {"radiance": (0.4, 0.5, 600.0), "direct": (4.0, 5.0, 6.0), "indirect": (0.0,) * 3, "visibility": (0.75,)},
    },
)


def test_cards_hold_the_values_of_both_slots_and_the_key() -> None:
    wide, narrow, tiny = make_cards(VALUES, "final image", has_samples=True, is_pinned=True)
    assert [line.text for line in wide[:3]] == [
        "pixel 12, 34 (pinned): radiance",
        "A  0.100 0.200 0.300   visibility 0.250",
        "B  0.400 0.500 600   visibility 0.750",
    ]
    for card in (wide, narrow):
        assert [line.slot for line in card if line.slot] == ["A", "B"]
        assert [state for line in card for state in line.key] == list(COLOR_KEY)
    assert [line.text for line in tiny] == ["A  0.100 0.200 0.300", "B  0.400 0.500 600"]
    (title, a, b), *_ = make_cards(VALUES, "direct light", has_samples=False, is_pinned=False)
    assert title.text == "pixel 12, 34: direct" and a.text.startswith("A  1.000") and b.text.startswith("B  4.000")
    visibility, *_ = make_cards(VALUES, "ambient visibility", has_samples=False, is_pinned=False)
    assert visibility[1].text == "A  0.250"
    background, *_ = make_cards(VALUES._replace(position=None), "depth", has_samples=False, is_pinned=False)
    assert background[0].text == "pixel 12, 34: background"


def overlaps(a: Any, b: Any) -> bool:
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def test_a_card_lies_beside_its_pixel_in_the_viewport() -> None:
    """Everywhere in it, side by side too; it covers no label, and is left out only if there is no room."""
    bounds, gap = (2, 2, 98, 58), 3
    for size in ((30, 12), (60, 30), (94, 40)):
        for x in range(0, 100, 9):
            for y in range(0, 60, 7):
                for pixels in ([(x, y)], [(x / 2, y), (x / 2 + 50, y)]):
                    for obstacles in ([], [(2, 2, 40, 12), (2, 40, 60, 58)], [(2, 2, 98, 12), (2, 26, 98, 58)]):
                        check_card(size, pixels, gap, bounds, obstacles)


def check_card(size: Any, pixels: Any, gap: int, bounds: Any, obstacles: Any) -> None:
    place = place_card(size, pixels, gap, bounds, obstacles)
    covered = [(x - gap, y - gap, x + gap, y + gap) for x, y in pixels] + obstacles
    if place is None:
        for left in range(bounds[0], bounds[2] - size[0] + 1, 2):
            for top in range(bounds[1], bounds[3] - size[1] + 1, 2):
                rect = left, top, left + size[0], top + size[1]
                assert any(overlaps(rect, other) for other in covered), (size, pixels, rect)
        return
    assert (place[2] - place[0], place[3] - place[1]) == pytest.approx(size)
    assert bounds[0] <= place[0] and bounds[1] <= place[1] and place[2] <= bounds[2] and place[3] <= bounds[3]
    assert not any(overlaps(place, other) for other in covered), (size, pixels, place)


def test_a_card_is_near_its_pixel() -> None:
    left, top, right, _ = place_card((30, 12), [(50, 20)], 3, (0, 0, 200, 100)) or (0.0,) * 4
    assert top == 23 and left <= 50 <= right
