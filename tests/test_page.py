"""The page of `compare` in Chromium: images, controls and tables, without network requests or console messages."""

from __future__ import annotations

import base64
import math
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssdo.arrays import Bytes, Floats
from ssdo.commands.compare import page
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.render.display import Display
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique

pytestmark = pytest.mark.browser

try:
    from page_browser import Browser, Layers, clear_logs, list_requests, read_log, start_chromium
    from selenium.webdriver import ActionChains, Chrome, Keys
    from selenium.webdriver.support.wait import WebDriverWait
except ImportError:
    Chrome = None  # type: ignore[assignment, misc]

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
TONE_MAPPERS = ("neutral", "aces", "reinhard", "none")


# ---- comparisons ----


def make_light(seed: int, size: tuple[int, int] = (18, 32)) -> Floats:
    """Radiance from deep shade to far above white."""
    return np.exp(np.random.default_rng(seed).normal(-1.5, 1.5, (*size, 3))).astype(np.float32)


def make_constant(*rgb: float, size: tuple[int, int] = (18, 32)) -> Floats:
    return np.broadcast_to(np.array(rgb, np.float32), (*size, 3)).copy()


def make_entry(name: str, **values: Any) -> dict[str, Any]:
    """An entry named technique-samples, with a final image."""
    technique = name.partition("-")[0]
    sample_param = Technique.known[technique].sample_param if technique in Technique.known else "samples"
    samples = {f"{technique}.{sample_param}": int(name.partition("-")[2])} if "-" in name else {}
    return {
        "id": name,
        "label": name,
        "technique": technique,
        "settings": samples,
        "layers": {"final": f"{name}.final"},
        "errors": None,
        "error_breakdown": None,
        "cost": None,
        "files": {"png": f"{name}.png"},
        **values,
    }


def make_comparison(entries: list[dict[str, Any]], size: tuple[int, int] = (18, 32), **values: Any) -> dict[str, Any]:
    """An entry named `reference` is the reference."""
    reference = {"entry": "reference", "label": "reference, 8 frames", "noise": 0.0031, "from_file": False}
    has_reference = "reference" in [entry["id"] for entry in entries]
    return {
        "title": "courtyard",
        "date": "2026-11-24",
        "version": "0.1.0",
        "command": "ssdo compare --scene courtyard",
        "height": size[0],
        "width": size[1],
        "renderer": "llvmpipe",
        "timer": "wall clock",
        "display": {"exposure": 0.0, "tone_mapper": "neutral"},
        "settings": {"scene": "courtyard", "camera.eye": [0.0, 1.6, 4.0], "sun.angular_diameter": 0.5},
        "shared_layers": {},
        "reference": reference if has_reference else None,
        "entries": entries,
        **values,
    }


def make_full_comparison() -> tuple[dict[str, Any], Layers]:
    """Three entries with all components, and the reference."""
    names = ["ssao-16", "ssdo-4", "ssdo-16", "reference"]
    layers: Layers = {"albedo": np.clip(make_light(90), 0, 1), "unoccluded": make_light(91)}
    entries = []
    for i, name in enumerate(names):
        components = {
            "final": make_light(4 * i),
            "direct": make_light(4 * i + 1),
            "indirect": make_light(4 * i + 2),
            "visibility": np.clip(make_light(4 * i + 3)[..., 0], 0, 1),
        }
        layers |= {f"{name}.{component}": values for component, values in components.items()}
        errors = None
        if name != "reference":
            metric_values = metrics.compute_metrics(components["final"], make_light(12))
            errors = {metric: value if math.isfinite(value) else None for metric, value in metric_values.items()}
        names_of_layers = {component: f"{name}.{component}" for component in components}
        entries.append(make_entry(name, layers=names_of_layers, errors=errors))
    causes = ("sampling", "sampling, denoised", "denoising", "screen space")
    entries[0]["error_breakdown"] = dict(zip(causes, (0.04, 0.01, 0.005, 0.03), strict=True))
    entries[1]["cost"] = {"total": 12.5, "passes": {"ssdo:direct": 9.5, "denoise:x": 3.0}}
    return make_comparison(entries, shared_layers={"albedo": "albedo", "unoccluded": "unoccluded"}), layers


def make_comparison_of(**finals: Floats) -> tuple[dict[str, Any], Layers]:
    """With these final images alone. Underscores in names stand for hyphens."""
    images_by_name = {name.replace("_", "-"): values for name, values in finals.items()}
    size = next(iter(finals.values())).shape[:2]
    return make_comparison([make_entry(name) for name in images_by_name], (size[0], size[1])), {
        f"{name}.final": values for name, values in images_by_name.items()
    }


# ---- expected pixels ----


def encode_srgb(c: Any) -> Any:
    c = np.clip(c, 0, 1)
    return 255 * np.where(c > 0.0031308, 1.055 * np.maximum(c, 0.0031308) ** (1 / 2.4) - 0.055, 12.92 * c)


def tone_map(radiance: Floats, exposure: float = 0.0, tone_mapper: str = "neutral") -> Any:
    """The formulas of shaders/passes/display.frag without dither: 0 to 255, not rounded."""
    c = radiance.astype(np.float64) * 2**exposure
    if tone_mapper == "reinhard":
        c = c / (1 + c @ LUMINANCE)[..., None]
    elif tone_mapper == "aces":
        c = c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14)
    elif tone_mapper == "neutral":
        minimum = c.min(-1, keepdims=True)
        c = c - np.where(minimum < 0.08, minimum - 6.25 * minimum**2, 0.04)
        peak = np.maximum(c.max(-1, keepdims=True), 1e-9)
        start, d = 0.76, 0.24
        new_peak = 1 - d * d / np.maximum(peak + d - start, d)
        weight = 1 - 1 / (0.15 * (peak - new_peak) + 1)
        c = np.where(peak < start, c, c * new_peak / peak * (1 - weight) + new_peak * weight)
    return encode_srgb(c)


def is_close(pixels: Bytes, expected: Any, tolerance: float = 1.0) -> bool:
    return bool(np.abs(pixels.astype(np.float64) - expected).max() <= tolerance)


# ---- browser ----


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    if Chrome is None:
        pytest.skip("selenium is not installed (the extra test)")
    if not BROWSER or not DRIVER:
        pytest.skip("no browser: Chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    driver = start_chromium(BROWSER, DRIVER)
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: Chrome, tmp_path: Path) -> Iterator[Browser]:
    """After the test, the page must have logged nothing, and requested nothing but itself."""
    clear_logs(driver)
    yield Browser(driver, tmp_path)
    assert read_log(driver) == []
    assert list_requests(driver, tmp_path) == []


def test_messages_and_requests_are_noticed(driver: Chrome, tmp_path: Path) -> None:
    clear_logs(driver)
    (tmp_path / "index.html").write_text("<img src='beside.png'><script>console.error('no')</script>")
    driver.get((tmp_path / "index.html").as_uri())
    assert list_requests(driver, tmp_path) == [(tmp_path / "beside.png").as_uri()]
    assert any('"no"' in line for line in read_log(driver))


# ---- pixels ----


def unpack_layer(text: str, shape: tuple[int, ...], bits: int) -> Floats:
    """The inverse of page.pack_layer, as page.js has it."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).astype(np.int64).reshape(3, -1)
    zigzag_codes = planes[0] | planes[1] << 8 | planes[2] << 16
    codes = ((zigzag_codes >> 1) ^ -(zigzag_codes & 1)).reshape(-1, *shape[:2]).cumsum(-1)
    if len(codes) == 3:
        codes[::2] += codes[1]
    floats: Floats = ((codes & 0xFFFFFF) << (23 - bits)).astype("<u4").view("<f4").transpose(1, 2, 0).reshape(shape)
    return floats


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
    st.sampled_from([page.FINE_BITS, page.COARSE_BITS]),
)
@settings(max_examples=300, deadline=None)
def test_packed_numbers_are_rounded_and_never_overflow(numbers: list[float], bits: int) -> None:
    layer = np.array(numbers, np.float32).reshape(2, 1, 3)
    unpacked_layer = unpack_layer(page.pack_layer(layer, bits), layer.shape, bits)
    assert np.isfinite(unpacked_layer).all()
    # Half a step of the mantissa. Near the largest float twice that, as it is truncated. Below 1.2e-38 steps do not
    # shrink.
    tolerance = np.abs(layer.astype(np.float64)) * np.where(np.abs(layer) > 3.4e38, 2.0**-bits, 2.0 ** -(bits + 1))
    assert (np.abs(unpacked_layer.astype(np.float64) - layer) <= np.maximum(tolerance, 2.0 ** -(126 + bits + 1))).all()


def test_layers_must_fit_the_comparison() -> None:
    comparison, layers = make_comparison_of(ssao=make_light(1))
    with pytest.raises(ValueError, match=r"layer ssao.final of shape \(9, 9, 3\)"):
        page.render_page(comparison, {"ssao.final": make_light(1, (9, 9))})
    with pytest.raises(ValueError, match="not finite"):
        page.render_page(comparison, {"ssao.final": layers["ssao.final"] * np.float32(np.nan)})
    with pytest.raises(ValueError, match=r"missing layers: ssao\.final"):
        page.render_page(comparison, {})


@pytest.mark.parametrize("tone_mapper", TONE_MAPPERS)
def test_canvases_follow_the_formulas(browser: Browser, tone_mapper: str) -> None:
    a, b = make_light(1), make_light(2)
    comparison, layers = make_comparison_of(ssao=a, ssdo=b)
    browser.open(comparison | {"display": {"exposure": -0.5, "tone_mapper": tone_mapper}}, layers)
    assert browser.get_value("tone-mapper") == tone_mapper
    # within 1 of 255: 0.5 from rounding, 0.06 from the packed numbers, 0.04 from the sRGB table
    assert is_close(browser.read_canvas("left-pixels"), tone_map(a, -0.5, tone_mapper))
    assert is_close(browser.read_canvas("right-pixels"), tone_map(b, -0.5, tone_mapper))
    browser.set_control("exposure", 1.5)
    assert is_close(browser.read_canvas("right-pixels"), tone_map(b, 1.5, tone_mapper))
    assert not is_close(browser.read_canvas("right-pixels"), tone_map(a, 1.5, tone_mapper), 50)


@pytest.mark.parametrize("tone_mapper", TONE_MAPPERS)
def test_canvases_equal_the_shader(browser: Browser, gpu: Gpu, tone_mapper: str) -> None:
    values = make_light(5, (1, 4096))  # a row of gpu.texels
    texture = gpu.upload.texel_list(np.concatenate([values[0], np.ones((4096, 1), np.float32)], 1))
    expected = images.read_rgb8(Display(exposure=0.5, tone_mapper=tone_mapper, dither=False).draw(gpu, texture))
    comparison, layers = make_comparison_of(ssdo=values)
    browser.open(comparison | {"display": {"exposure": 0.5, "tone_mapper": tone_mapper}}, layers)
    assert is_close(browser.read_canvas("left-pixels"), expected)


def test_canvases_equal_the_png(browser: Browser, gpu: Gpu) -> None:
    """Except for its dither, which moves a value by at most half a step."""
    result = render_frame(gpu, Shot().with_values({"scene": "cornell", "technique": "ssdo", "width": 64, "height": 36}))
    comparison, layers = make_comparison_of(ssdo=images.read_arrays(gpu, result)["radiance"])
    browser.open(comparison, layers)
    assert is_close(browser.read_canvas("left-pixels"), images.read_display(result))


def test_components_of_both_sides(browser: Browser) -> None:
    comparison, layers = make_full_comparison()
    browser.open(comparison, layers)
    browser["linked"].click()
    for component in ("unoccluded", "direct", "indirect", "final"):
        browser.set_control("right-component", component)
        layer = layers[component if component == "unoccluded" else f"ssdo-16.{component}"]
        assert is_close(browser.read_canvas("right-pixels"), tone_map(layer)), component
    browser.set_control("left-component", "visibility")
    assert is_close(browser.read_canvas("left-pixels"), 255 * layers["ssao-16.visibility"][..., None])
    browser.set_control("left-component", "albedo")
    assert is_close(browser.read_canvas("left-pixels"), encode_srgb(layers["albedo"]))
    assert browser.get_value("right-component") == "final", "the sides are still linked"
    browser.set_control("left-entry", 1)
    browser.set_control("left-component", "indirect")
    assert is_close(browser.read_canvas("left-pixels"), tone_map(layers["ssdo-4.indirect"]))


def test_error_maps(browser: Browser) -> None:
    comparison, layers = make_full_comparison()
    browser.open(comparison, layers)
    browser.set_control("right-component", "error")
    maximum = page.choose_error_max(comparison, layers)
    assert maximum is not None
    assert browser.get_text("#error-max-value") == f"{maximum:#.3g} radiance"
    left, right = (
        metrics.error_map(layers[f"{name}.final"], layers["reference.final"]) for name in ("ssao-16", "ssdo-16")
    )
    assert is_close(browser.read_canvas("right-pixels"), metrics.false_colour(right, maximum).astype(float))
    assert is_close(browser.read_canvas("left-pixels"), metrics.false_colour(left, maximum).astype(float))
    browser.set_control("error-max", -0.3)
    assert browser.get_text("#error-max-value") == "0.500 radiance"
    assert is_close(browser.read_canvas("right-pixels"), metrics.false_colour(right, 0.5).astype(float))
    scale = metrics.false_colour(np.linspace(0, 1, 256, dtype=np.float32)[None], 1.0)
    assert is_close(browser.read_canvas("error-scale"), scale.astype(float))
    browser.set_control("right-entry", 3)
    assert (browser.read_canvas("right-pixels") == metrics.INFERNO[0]).all(), "the reference differs from itself"


def test_differences(browser: Browser) -> None:
    a = make_light(1)
    b = a + (0.02 * np.random.default_rng(3).normal(0, 1, a.shape)).astype(np.float32)
    browser.open(*make_comparison_of(ssao=a, ssdo=b))
    browser.choose_view("difference")
    difference = b.astype(np.float64) - a
    tolerance = (np.abs(a) + np.abs(b)) * 2.0**-16  # of the packed numbers
    for gain in (10, 100, 1):
        browser.click(f"input[name=gain][value='{gain}']")
        pixels = browser.read_canvas("difference-pixels").astype(float)
        assert (pixels >= encode_srgb((np.abs(difference) - tolerance) * gain) - 1).all()
        assert (pixels <= encode_srgb((np.abs(difference) + tolerance) * gain) + 1).all()
    assert pixels.max() > 20
    browser.click("#signed")
    assert is_close(browser.read_canvas("difference-pixels"), np.clip(127.5 + 127.5 * difference, 0, 255), 1.0)
    browser.press("x")
    assert is_close(browser.read_canvas("difference-pixels"), np.clip(127.5 - 127.5 * difference, 0, 255), 1.0)


# ---- stage ----


RED, BLUE = make_constant(0.5, 0, 0), make_constant(0, 0, 0.5)


def read_color(browser: Browser, x: float, y: float = 0.6) -> str:
    """`red`, `blue` or `neither`, at a fraction of the stage's width and height."""
    screenshot = browser.read_stage()
    red, _, blue = map(int, screenshot[int(y * screenshot.shape[0]), int(x * screenshot.shape[1])])
    return "red" if red > blue + 40 else "blue" if blue > red + 40 else "neither"


def test_the_divider(browser: Browser) -> None:
    browser.open(*make_comparison_of(ssao=RED, ssdo=BLUE))
    assert [read_color(browser, x) for x in (0.2, 0.45, 0.55, 0.8)] == ["red", "red", "blue", "blue"]
    width, height = browser.stage_size
    browser.drag(width / 2, height / 3, 0.25 * width)
    assert browser["divider"].get_attribute("aria-valuenow") == "75"
    assert [read_color(browser, x) for x in (0.7, 0.8)] == ["red", "blue"]
    browser.press(*[Keys.ARROW_LEFT] * 5)
    assert browser["divider"].get_attribute("aria-valuenow") == "70"
    browser.press(Keys.PAGE_DOWN)
    assert browser["divider"].get_attribute("aria-valuenow") == "60"
    browser.press(Keys.HOME)
    assert [read_color(browser, x) for x in (0.05, 0.9)] == ["blue", "blue"]
    browser.press(Keys.END)
    assert [read_color(browser, x) for x in (0.05, 0.9)] == ["red", "red"]


def test_flip_while_held(browser: Browser) -> None:
    browser.open(*make_comparison_of(ssao=RED, ssdo=BLUE))
    browser["stage"].click()
    browser.press(Keys.ESCAPE)  # closes the loupe, which the click has opened
    browser.choose_view("flip")
    assert read_color(browser, 0.3) == "blue"
    for key in ("f", " "):
        ActionChains(browser.driver, duration=10).key_down(key).perform()
        assert read_color(browser, 0.3) == "red", key
        ActionChains(browser.driver, duration=10).key_up(key).perform()
        assert read_color(browser, 0.3) == "blue", key
    ActionChains(browser.driver, duration=10).click_and_hold(browser["hold"]).perform()
    assert read_color(browser, 0.3) == "red"
    ActionChains(browser.driver, duration=10).release().perform()
    assert read_color(browser, 0.3) == "blue"
    browser["auto-flip"].click()
    colors: set[str] = set()

    def has_flipped(_: object) -> bool:
        colors.add(read_color(browser, 0.3))
        return colors == {"red", "blue"}

    WebDriverWait(browser.driver, 20, 0.1).until(has_flipped)
    browser["auto-flip"].click()
    browser.wait_until_idle()
    assert read_color(browser, 0.3) == "blue"


def test_side_by_side_and_all(browser: Browser) -> None:
    browser.open(*make_comparison_of(ssao=RED, ssdo=BLUE, off=make_constant(0, 0.5, 0)))
    browser.choose_view("side")
    assert [read_color(browser, x, 0.5) for x in (0.1, 0.4, 0.6, 0.9)] == ["red", "red", "blue", "blue"]
    browser.choose_view("all")
    assert browser.run_script("return document.querySelectorAll('.pane canvas').length") == 3
    colors = [browser.read_canvas(f".pane:nth-child({i + 1}) canvas")[1, 1] for i in range(3)]
    assert [int(np.argmax(color)) for color in colors] == [0, 2, 1]
    browser.click(".pane:nth-child(3) .side-button.left")
    assert browser.get_value("left-entry") == "2"
    browser.choose_view("slider")
    assert is_close(browser.read_canvas("left-pixels"), tone_map(make_constant(0, 0.5, 0)))


def test_zoom_and_pan(browser: Browser) -> None:
    """On a checkerboard of single pixels: the pixel under the pointer keeps its place, and edges are sharp."""
    board = np.zeros((36, 64, 3), np.float32)
    board[::2, ::2] = board[1::2, 1::2] = 1
    browser.open(*make_comparison_of(ssdo=board))
    browser.choose_view("flip")
    width, height = browser.stage_size
    fit = min(width / 64, height / 36)
    left, top = (width - 64 * fit) / 2, (height - 36 * fit) / 2
    px, py = left + 10.5 * fit, top + 4.5 * fit
    browser.move_pointer(px, py).perform()
    assert browser.get_text("#zoom") == f"{round(100 * fit)} %"
    for _ in range(2):  # from the whole image, and from a part of it
        browser.scroll(browser.move_pointer(px, py), px, py, -120).perform()
    browser.wait_until_idle()
    assert browser.get_text("#zoom") == f"{round(200 * fit)} %"
    white = int(tone_map(board)[0, 0, 0].round())
    screenshot = browser.read_stage()
    for dx, dy in ((0, 0), (2 * fit, 0), (0, 2 * fit), (-2 * fit, 2 * fit)):  # the pixel and its neighbours
        value = screenshot[int(py + dy), int(px + dx), 0]
        even = (round(dx / fit / 2) + round(dy / fit / 2)) % 2 == 0
        assert value == (white if even else 0), (dx, dy)
    row = screenshot[int(py), int(px - 2 * fit) : int(px + 2 * fit), 0]
    assert set(np.unique(row)) <= {0, white}, "edges are blurred"
    browser.drag(px, py, 2 * fit)
    assert browser.read_stage()[int(py), int(px + 2 * fit), 0] > 0, "the pixel did not follow the pointer"
    assert browser.read_stage()[int(py), int(px), 0] == 0
    browser.press("z")
    assert browser.get_text("#zoom") == "100 %"
    browser.press("0")
    assert browser.get_text("#zoom") == f"{round(100 * fit)} %"
    browser.press("+")
    assert browser.get_text("#zoom") == f"{round(150 * fit)} %"
    chain = browser.move_pointer(px, py)
    for _ in range(6):
        browser.scroll(chain, px, py, 120)
    chain.perform()
    browser.wait_until_idle()
    assert browser.get_text("#zoom") == f"{round(100 * fit)} %"


# ---- loupe ----


def read_loupe(browser: Browser) -> list[list[float]]:
    """Left, right and their difference, a row for each channel."""
    rows = browser.get_cells("#loupe-values tr:not(:first-child)", "cell.textContent")
    return [[float(text.replace("\u2212", "-")) for text in row] for row in rows]


def test_the_loupe(browser: Browser) -> None:
    a, b = make_light(1), make_light(2)
    browser.open(*make_comparison_of(ssao=a, ssdo=b))
    browser.press("l")
    width, height = browser.stage_size
    fit = min(width / 32, height / 18)

    def point_at(x: int, y: int) -> ActionChains:
        return browser.move_pointer((width - 32 * fit) / 2 + (x + 0.5) * fit, (height - 18 * fit) / 2 + (y + 0.5) * fit)

    def check(x: int, y: int) -> None:
        assert browser.get_text("#loupe-position").startswith(f"x {x}, y {y} ")
        for row, left, right in zip(read_loupe(browser), a[y, x], b[y, x], strict=True):
            expected, magnitudes = (left, right, right - left), (left, right, left + right)
            for value, true_value, magnitude in zip(row, expected, magnitudes, strict=True):
                # half a unit of the third digit, and the rounding of packed numbers
                assert value == pytest.approx(true_value, rel=5.1e-3, abs=float(magnitude) * 2**-16)
        loupe_pixels = browser.read_canvas("loupe-left")
        assert is_close(loupe_pixels[loupe_pixels.shape[0] // 2, loupe_pixels.shape[1] // 2], tone_map(a)[y, x])

    for x, y in ((7, 3), (0, 0), (31, 17)):
        point_at(x, y).perform()
        check(x, y)
    point_at(5, 9).click().perform()
    browser.wait_until_idle()
    assert "pinned" in browser.get_text("#loupe-position")
    point_at(20, 2).perform()
    check(5, 9)
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_UP, shift=True)
    check(6, 8)
    point_at(6, 8).click().perform()
    point_at(20, 2).perform()
    check(20, 2)
    browser.press(Keys.ESCAPE)
    assert not browser["loupe"].is_displayed()


def test_values_beyond_the_range_of_half_floats(browser: Browser) -> None:
    values = np.array([70000, 3.4e38, 1e-40, -0.5, 0.0, 123456], np.float32).reshape(1, 2, 3)
    browser.open(*make_comparison_of(ssao=values, ssdo=values))
    browser.press(Keys.ARROW_LEFT, shift=True)  # opens the loupe in the middle
    values_left = [row[0] for row in read_loupe(browser)]
    assert values_left == [-0.5, 0, 123000]
    browser.press(Keys.ARROW_LEFT, shift=True)
    values_left = [row[0] for row in read_loupe(browser)]
    assert values_left[:2] == [70000, 3.4e38]
    assert values_left[2] == pytest.approx(1e-40, abs=2.0**-142)


# ---- keys ----


def test_keys(browser: Browser) -> None:
    comparison, layers = make_full_comparison()
    browser.open(comparison, layers)

    def read_sides() -> list[str]:
        controls = ("left-entry", "right-entry", "left-component", "right-component")
        return [browser.get_value(name) for name in controls]

    assert read_sides() == ["0", "2", "final", "final"], "SSAO left, SSDO right"
    browser.press("2")
    browser.press("4", shift=True)
    assert read_sides() == ["3", "1", "final", "final"]
    browser.press("9")  # there is no such entry
    browser.press("x", "t")
    assert read_sides() == ["1", "3", "error", "error"]
    browser.press("t")
    assert read_sides()[2:] == ["albedo", "albedo"]
    browser.press("t", shift=True)
    browser.press("t", shift=True)
    assert read_sides()[2:] == ["final", "final"]
    view = "return document.querySelector('input[name=view]:checked').value"
    for name in ("flip", "side", "difference", "all", "slider"):
        browser.press("v")
        assert browser.run_script(view) == name
    browser.press("v", shift=True)
    assert browser.run_script(view) == "all"
    browser.press("d", "d")
    assert browser.run_script(view) == "difference"
    assert browser.run_script("return document.querySelector('input[name=gain]:checked').value") == "100"
    browser.press("e", "e", "e")
    assert browser.get_text("#exposure-value") == "+1.0 EV"
    browser.press("e", shift=True)
    assert browser.get_text("#exposure-value") == "+0.7 EV"
    browser.press("?")
    assert browser["help"].is_displayed()
    assert "swap sides" in browser["help"].text
    browser.press("v", Keys.ESCAPE)
    assert not browser["help"].is_displayed()
    assert browser.run_script(view) == "difference", "a key reached the page behind the help"


def test_the_first_pair_has_equal_samples(browser: Browser) -> None:
    comparison, layers = make_comparison_of(ssao_4=RED, ssao_16=RED, ssao_64=RED, ssdo_4=BLUE, ssdo_16=BLUE)
    browser.open(comparison, layers)
    assert [browser.get_value(name) for name in ("left-entry", "right-entry")] == ["1", "4"]
    comparison, layers = make_comparison_of(off=RED, ssao_16=RED, reference=BLUE)
    browser.open(comparison, layers)
    assert [browser.get_value(name) for name in ("left-entry", "right-entry")] == ["0", "1"]


def test_tab_reaches_all_controls(browser: Browser) -> None:
    comparison, layers = make_full_comparison()
    browser.open(comparison, layers)
    focused_controls = set()
    for _ in range(60):
        ActionChains(browser.driver, duration=1).send_keys(Keys.TAB).perform()
        script = "const e = document.activeElement; return e.id || e.name || e.className || e.tagName"
        focused_controls.add(browser.run_script(script))
    expected = {
        "left-entry",
        "left-component",
        "swap",
        "linked",
        "right-entry",
        "right-component",
        "stage",
        "divider",
        "view",
        "fit",
        "one-to-one",
        "loupe-toggle",
        "help-toggle",
    }
    expected |= {"exposure", "tone-mapper", "side-button left", "side-button right", "SUMMARY"}
    assert expected <= focused_controls
    without_name = browser.run_script("""
        const hasName = e =>
            (e.tagName === 'BUTTON' && e.textContent.trim()) || e.labels?.length || e.getAttribute('aria-label');
        return [...document.querySelectorAll('button, select, input')].filter(e => !hasName(e)).map(e => e.outerHTML);
    """)
    assert without_name == []


# ---- tables and texts ----


def read_error_cells(browser: Browser) -> list[list[str]]:
    return browser.get_cells(".errors tbody tr", "cell.firstChild.textContent")


def test_tables(browser: Browser) -> None:
    comparison, layers = make_full_comparison()
    browser.open(comparison, layers)
    names = list(comparison["entries"][0]["errors"])
    rows = read_error_cells(browser)
    assert len(rows) == 4, "three entries and the reference"
    for row, entry in zip(rows[:3], comparison["entries"], strict=False):
        for name, text in zip(names, row, strict=True):
            tolerance = 0.051 if name == "psnr" else 0
            expected = pytest.approx(entry["errors"][name], rel=5.1e-3, abs=tolerance)
            assert float(text.replace("\u2212", "-")) == expected, name
    best_cells = browser.get_cells(".errors tbody tr", "cell.classList.contains('best')")
    for column, name in enumerate(names):
        values = [entry["errors"][name] for entry in comparison["entries"][:3]]
        ranks = [-v if name in ("psnr", "ssim") else abs(v) for v in values]
        assert [row[column] for row in best_cells[:3]] == [rank == min(ranks) for rank in ranks], name
    assert "The noise of the reference is an RMSE of 0.00310" in browser.get_text("#errors")
    assert "Rousselle" in browser.run_script(
        "return [...document.querySelectorAll('.errors abbr')].find(e => e.textContent === 'relMSE').title"
    )
    assert browser.get_texts(".error-breakdown tbody td") == ["0.0400", "0.0100", "0.00500", "0.0300"]
    assert browser.get_texts(".costs thead th") == ["entry", "total", "ssdo:direct", "denoise:x"]
    assert browser.get_texts(".costs tbody td") == ["12.5", "9.50", "3.00"]
    assert "wall clock" in browser.get_text("#cost")
    assert browser.get_texts(".settings .differs code") == ["ssdo.samples"]
    assert browser.get_texts("#settings details:last-child td") == ["courtyard", "0, 1.6, 4", "0.5"]
    assert browser.get_text("#command code") == comparison["command"]
    assert browser.run_script("return document.title") == "courtyard - ssdo compare"


def read_labelled_cells(browser: Browser, table: str) -> dict[str, dict[str, str]]:
    """The text of each cell by the labels of its row and of its column."""
    script = """
        const table = document.querySelector(arguments[0]);
        const text = element => element.firstChild.textContent;
        const columns = [...table.querySelectorAll('thead tr:first-child th')].slice(1).map(text);
        const rows = [...table.querySelectorAll('tbody tr')].filter(row => row.cells.length === columns.length + 1);
        return rows.map(row => [
            row.querySelector('th .entry > :last-child').textContent,
            Object.fromEntries([...row.querySelectorAll('td')].map((cell, i) => [columns[i], text(cell)])),
        ]);"""
    return dict(browser.run_script(script, table))


def test_cells_are_of_the_entry_and_the_column_that_they_stand_with(browser: Browser) -> None:
    """Each number occurs once; entries lack some of them. Menus show the image of the entry that they name."""
    comparison, layers = make_full_comparison()
    causes = ("sampling", "sampling, denoised", "denoising", "screen space")
    passes = [("ssao", "denoise:x"), ("ssdo:direct", "ssdo:indirect", "denoise:x"), ("ssdo:direct", "denoise:x")]
    names = [name for name in page.METRICS if name != "psnr"]
    for k, entry in enumerate(comparison["entries"][:3], 1):
        entry["label"] = f"label of {entry['id']}"
        entry["errors"] = {name: k + n / 100 for n, name in enumerate(names[k - 1 :], 1)}
        entry["error_breakdown"] = {name: 10 * k + n / 10 for n, name in enumerate(causes, 1)}
        times = {name: 100.0 * k + n for n, name in enumerate(passes[k - 1], 1)}
        entry["cost"] = {"total": 500.0 + k, "passes": times}
    browser.open(comparison, layers)
    expected: dict[str, dict[str, dict[str, float]]] = {".errors": {}, ".error-breakdown": {}, ".costs": {}}
    for entry in comparison["entries"][:3]:
        label = entry["label"]
        expected[".errors"][label] = {page.METRICS[name][0]: value for name, value in entry["errors"].items()}
        expected[".error-breakdown"][label] = entry["error_breakdown"]
        expected[".costs"][label] = {"total": entry["cost"]["total"], **entry["cost"]["passes"]}
    for table, rows in expected.items():
        cells = read_labelled_cells(browser, table)
        assert cells.keys() == rows.keys()
        for label, row in rows.items():
            numbers = {name: float(text) for name, text in cells[label].items() if text[-1].isdigit()}
            assert numbers == pytest.approx(row, rel=5.1e-3), (table, label)
    for number, entry in enumerate(comparison["entries"]):
        browser.set_control("left-entry", number)
        option = browser.run_script("return document.getElementById('left-entry').selectedOptions[0].textContent")
        assert option.endswith(entry["label"])
        browser.set_control("left-component", "final")
        assert is_close(browser.read_canvas("left-pixels"), tone_map(layers[f"{entry['id']}.final"]))


def test_several_sample_counts_are_a_chart(browser: Browser) -> None:
    comparison, layers = make_full_comparison()
    browser.open(comparison, layers)
    titles = browser.get_texts(".plot title")
    assert [t.partition(":")[0] for t in titles] == ["ssao-16", "ssdo-4", "ssdo-16"]
    polyline = "document.querySelector('.plot .series-1 polyline')"
    points = browser.run_script(f"return {polyline}.getAttribute('points')").split()
    (x4, y4), (x16, y16) = (map(float, p.split(",")) for p in points)
    errors = [entry["errors"]["rmse"] for entry in comparison["entries"][:3]]
    assert x4 < x16
    assert (y4 < y16) == (errors[1] > errors[2])
    browser.click("input[name=chart-x][value=cost]")
    assert browser.get_texts(".plot title") == [t for t in titles if t.startswith("ssdo-4")]
    browser.open(*make_comparison_of(ssao=make_light(1), ssdo=make_light(2)))
    assert not browser.driver.find_elements("id", "chart")


def test_every_technique_with_samples_is_a_curve(browser: Browser) -> None:
    names = [name for name, technique in Technique.known.items() if technique.sample_param]
    entries = [f"{name}-{count}" for name in names for count in (4, 16)]
    comparison, layers = make_comparison_of(**{entry.replace("-", "_"): make_light(1) for entry in entries})
    for number, entry in enumerate(comparison["entries"], 1):
        entry["errors"] = {"rmse": 1.0 / number}
    browser.open(comparison, layers)
    assert len(browser.get_texts(".plot title")) == len(entries)
    polylines = "[...document.querySelectorAll('.plot polyline')].map(p => p.getAttribute('points').split(' ').length)"
    assert browser.run_script(f"return {polylines}") == [2] * len(names)


def test_a_minimal_comparison(browser: Browser) -> None:
    """One entry of one pixel, nothing measured."""
    browser.open(*make_comparison_of(ssdo=make_constant(0.25, 0.5, 0.75, size=(1, 1))))
    assert is_close(browser.read_canvas("left-pixels"), tone_map(make_constant(0.25, 0.5, 0.75, size=(1, 1))))
    for view in ("flip", "side", "difference", "all", "slider"):
        browser.choose_view(view)
    browser.press("l", "0", "z", "+", "t")
    assert "nothing to measure against" in browser.get_text("#errors")
    assert not browser.driver.find_elements("css selector", "#error-breakdown, #chart, #cost")
    options = browser.driver.find_elements("css selector", "#left-component option")
    assert [option.get_attribute("value") for option in options] == ["final"]


def test_missing_values(browser: Browser) -> None:
    """Infinite PSNR, a missing metric, missing passes, and a reference from a file, without components."""
    comparison, layers = make_full_comparison()
    comparison["reference"] |= {"from_file": True, "noise": None}
    comparison["entries"][0]["errors"] = {"rmse": 0.0, "psnr": None}
    comparison["entries"][0]["error_breakdown"] = {"sampling": 0.02}
    comparison["entries"][1]["cost"] = {"total": 12.5, "passes": {}}
    comparison["entries"][3]["layers"] = {"final": "reference.final"}
    browser.open(comparison, layers)
    cells = read_error_cells(browser)
    assert cells[0][0] == "0"
    assert cells[0][3] == "\u221e"
    assert cells[0][4] == "\u2013"
    assert browser.get_cells(".errors tbody tr", "cell.classList.contains('best')")[0][3], "infinite PSNR is the best"
    assert "its noise is not known" in browser.get_text("#errors")
    browser.set_control("right-entry", 3)
    browser.set_control("right-component", "indirect")
    assert browser.get_text("#message") == "reference has no indirect light."
    browser.choose_view("difference")
    browser.press("l")
    browser.set_control("right-component", "final")
    assert browser.get_text("#message") == ""


@pytest.mark.slow
def test_a_draft_reloads_itself_and_keeps_the_view(browser: Browser) -> None:
    """Until it is complete. What follows is announced, and nothing of it is left on the complete page."""
    comparison, layers = make_full_comparison()
    for entry in comparison["entries"]:
        entry |= {"cost": None, "error_breakdown": None}
    text = "Draft: reference of 2 of 8 frames; not yet: cost."
    values = {"text": text, "frames": 2, "missing": ["cost"], "stopped": False, "reload_seconds": 1}
    browser.open(comparison | {"draft": values}, layers)
    browser.choose_view("difference")
    browser.set_control("left-entry", 3)
    browser.press("e")
    assert browser.get_text("#draft") == text
    assert "Not yet measured: a later draft has it." in browser.get_text("#cost")
    assert not browser.driver.find_elements("css selector", "#error-breakdown")
    exposure = browser.get_text("#exposure-value")
    browser.path.write_text(page.render_page(comparison, layers), "utf-8")
    WebDriverWait(browser.driver, 20, 0.05).until(lambda d: not d.find_elements("id", "draft"))
    browser.wait_until_idle()
    assert browser["left-entry"].get_attribute("value") == "3" and browser.get_text("#exposure-value") == exposure
    assert browser.driver.find_element("css selector", "#views input:checked").get_attribute("value") == "difference"
    assert not browser.driver.find_elements("css selector", "#cost")
    stopped = values | {"stopped": True, "reload_seconds": None}
    assert 'http-equiv="refresh"' not in page.render_page(comparison | {"draft": stopped}, layers)
    browser.open(comparison | {"draft": stopped}, layers)
    assert "Not measured: the comparison was stopped." in browser.get_text("#cost")


def test_text_is_never_markup(browser: Browser) -> None:
    evil = "</script><script>window.evil = 1</script><img src=x onerror=evil()> {{style}} & \"'` \u2028 <!-- \U0001f3db"
    comparison, layers = make_full_comparison()
    comparison |= {"title": evil, "command": evil, "renderer": evil, "settings": {evil: evil}}
    comparison["reference"]["label"] = evil
    for entry in comparison["entries"]:
        entry |= {"label": evil, "settings": {evil: [evil]}, "files": {"png": "javascript:evil()"}}
        entry["cost"] = {"total": 1.0, "passes": {evil: 1.0}}
        entry["error_breakdown"] = {evil: 1.0}
    browser.open(comparison, layers)
    browser.choose_view("all")
    assert browser.run_script("return window.evil") is None
    assert browser.run_script("return document.title") == f"{evil} - ssdo compare"
    for css in ("#title", "#command code", ".label.entry span:last-child"):
        assert browser.get_text(css) == evil
    assert browser.get_text("#left-entry option:nth-child(2)") == f"2  {evil}"
    assert not browser.driver.find_elements("css selector", "img, body script:not([type]):not(:last-child)")
    assert browser.run_script("return [...document.links].every(a => a.protocol === 'file:')")


def test_the_page_fits_its_window(browser: Browser) -> None:
    """In a wide window and in one of 800 pixels, in both colour schemes."""
    comparison, layers = make_full_comparison()
    for entry in comparison["entries"]:
        entry["label"] = (
            f"{entry['id'].upper()}, 16 samples, radius 1.8 m, march 8, thickness 1.8 m, and more than that"
        )
    backgrounds = set()
    for width, dark in ((1400, False), (800, True)):
        browser.open(comparison, layers, width, 900, dark)
        assert browser.run_script("return document.documentElement.scrollWidth") <= width
        backgrounds.add(browser.run_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


def test_old_browsers_get_a_message(browser: Browser) -> None:
    script = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.DecompressionStream"}
    )
    try:
        browser.open(*make_full_comparison())
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert "cannot unpack" in browser.get_text("#message")
    assert len(browser.get_texts(".errors tbody tr")) == 4


def test_packed_pixels_are_small() -> None:
    """Of noise, the worst case: less than 3 base64 bytes for a value of COARSE_BITS, less than 4 for FINE_BITS."""
    comparison, layers = make_comparison_of(ssdo=make_light(1, (90, 160)))
    source = sum(len((page.FOLDER / f"page.{suffix}").read_text("utf-8")) for suffix in ("html", "css", "js"))
    packed_size = len(page.render_page(comparison, layers)) - source
    assert packed_size / layers["ssdo.final"].size < 4
    assert len(page.pack_layer(make_light(1, (90, 160)), page.COARSE_BITS)) / layers["ssdo.final"].size < 3
