"""The page of a study in a real browser: what it shows, says and answers, without a network and without a complaint."""

from __future__ import annotations

import base64
import io
import json
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
from PIL import Image
from ssdo.arrays import Bytes, Floats
from ssdo.commands.compare import page
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.render.display import Display
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot

try:
    from selenium.webdriver import ActionChains, Chrome, ChromeOptions, Keys
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.remote.webelement import WebElement
    from selenium.webdriver.support.wait import WebDriverWait
except ImportError:
    Chrome = None  # type: ignore[assignment, misc]

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
CURVES = ("neutral", "aces", "reinhard", "none")
Layers = dict[str, Floats]


# ---- studies ------------------------------------------------------------------------------------------------------------


def light(seed: int, size: tuple[int, int] = (18, 32)) -> Floats:
    """Radiance from deep shade to far above white."""
    return np.exp(np.random.default_rng(seed).normal(-1.5, 1.5, (*size, 3))).astype(np.float32)


def flat(*rgb: float, size: tuple[int, int] = (18, 32)) -> Floats:
    return np.broadcast_to(np.array(rgb, np.float32), (*size, 3)).copy()


def entry(name: str, **more: Any) -> dict[str, Any]:
    technique = name.partition("-")[0]
    samples = {f"{technique}.samples": int(name.partition("-")[2])} if "-" in name else {}
    return {
        "id": name,
        "label": name,
        "technique": technique,
        "settings": samples,
        "layers": {"final": f"{name}.final"},
        "errors": None,
    } | {
        "error_breakdown": None,
        "cost": None,
        "files": {"png": f"{name}.png"},
        **more,
    }


def study(entries: list[dict[str, Any]], size: tuple[int, int] = (18, 32), **more: Any) -> dict[str, Any]:
    names = [e["id"] for e in entries]
    truth = (
        {"entry": "reference", "label": "reference, 8 frames", "noise": 0.0031, "from_file": False}
        if "reference" in names
        else None
    )
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
        "reference": truth,
        "entries": entries,
        **more,
    }


def usual() -> tuple[dict[str, Any], Layers]:
    """Three entries in all their terms, and the truth."""
    names = ["ssao-16", "ssdo-4", "ssdo-16", "reference"]
    layers: Layers = {"albedo": np.clip(light(90), 0, 1), "unoccluded": light(91)}
    entries = []
    for i, name in enumerate(names):
        own = {
            "final": light(4 * i),
            "direct": light(4 * i + 1),
            "indirect": light(4 * i + 2),
            "visibility": np.clip(light(4 * i + 3)[..., 0], 0, 1),
        }
        layers |= {f"{name}.{term}": values for term, values in own.items()}
        error = (
            {n: v if math.isfinite(v) else None for n, v in metrics.measured(own["final"], light(12)).items()}
            if name != "reference"
            else None
        )
        entries.append(entry(name, layers={term: f"{name}.{term}" for term in own}, errors=error))
    entries[0]["error_breakdown"] = {"sampling": 0.04, "sampling, denoised": 0.01, "denoising": 0.005, "screen space": 0.03}
    entries[1]["cost"] = {"total": 12.5, "passes": {"ssdo:direct": 9.5, "denoise:x": 3.0}}
    return study(entries, shared_layers={"albedo": "albedo", "unoccluded": "unoccluded"}), layers


def of(**finals: Floats) -> tuple[dict[str, Any], Layers]:
    """A study with these final pictures only; underscores in names stand for hyphens."""
    named = {name.replace("_", "-"): values for name, values in finals.items()}
    size = next(iter(finals.values())).shape[:2]
    return study([entry(name) for name in named], (size[0], size[1])), {
        f"{name}.final": values for name, values in named.items()
    }


# ---- what is expected ---------------------------------------------------------------------------------------------------


def srgb(c: Any) -> Any:
    c = np.clip(c, 0, 1)
    return 255 * np.where(c > 0.0031308, 1.055 * np.maximum(c, 0.0031308) ** (1 / 2.4) - 0.055, 12.92 * c)


def displayed(radiance: Floats, exposure: float = 0.0, curve: str = "neutral") -> Any:
    """shaders/passes/display.frag by its formulas, without dither, 0 to 255, not rounded."""
    c = radiance.astype(np.float64) * 2**exposure
    if curve == "reinhard":
        c = c / (1 + c @ LUMINANCE)[..., None]
    elif curve == "aces":
        c = c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14)
    elif curve == "neutral":
        least = c.min(-1, keepdims=True)
        c = c - np.where(least < 0.08, least - 6.25 * least**2, 0.04)
        peak = np.maximum(c.max(-1, keepdims=True), 1e-9)
        start, d = 0.76, 0.24
        new = 1 - d * d / np.maximum(peak + d - start, d)
        share = 1 - 1 / (0.15 * (peak - new) + 1)
        c = np.where(peak < start, c, c * new / peak * (1 - share) + new * share)
    return srgb(c)


def close(shown: Bytes, expected: Any, within: float = 1.0) -> bool:
    return bool(np.abs(shown.astype(np.float64) - expected).max() <= within)


# ---- the browser --------------------------------------------------------------------------------------------------------


class Browser:
    """A page and what a reader can do with it."""

    def __init__(self, driver: Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(
        self, told: dict[str, Any], layers: Layers, width: int = 1000, height: int = 1000, dark: bool = False
    ) -> None:
        path = self.folder / "index.html"
        path.write_text(page.render_page(told, layers), "utf-8")
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(path.as_uri())
        self.settled()

    def settled(self) -> None:
        WebDriverWait(self.driver, 20, 0.03).until(lambda _: self["stage"].get_attribute("aria-busy") == "false")

    def __getitem__(self, name: str) -> WebElement:
        return self.driver.find_element("id", name)

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def text(self, css: str) -> str:
        """As it is in the document, seen or not."""
        return str(self.js("return document.querySelector(arguments[0]).textContent", css))

    def texts(self, css: str) -> list[str]:
        return [
            str(t) for t in self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)
        ]

    def pixels(self, canvas: str) -> Bytes:
        """(h, w, 3) of a canvas, by its id or a selector, in its own pixels."""
        script = """
            const c = document.querySelector(arguments[0]), copy = new OffscreenCanvas(c.width, c.height).getContext('2d', {willReadFrequently: true});
            copy.drawImage(c, 0, 0);  // Chromium warns of reading a page's canvas often
            const bytes = copy.getImageData(0, 0, c.width, c.height).data;
            let text = '';
            for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
            return [c.width, c.height, btoa(text)];"""
        width, height, text = self.js(script, canvas if " " in canvas else f"#{canvas}")
        rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
        assert (rgba[..., 3] == 255).all(), f"{canvas} is not filled"
        return rgba[..., :3]

    def screen(self) -> Bytes:
        """The stage as it is seen."""
        with Image.open(io.BytesIO(self["stage"].screenshot_as_png)) as image:
            return np.asarray(image.convert("RGB"))

    def choose(self, name: str, value: object) -> None:
        """Set a control as a reader would."""
        self.js(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1]; for (const k of ['input', 'change']) e.dispatchEvent(new Event(k))",
            name,
            value,
        )
        self.settled()

    def view(self, name: str) -> None:
        self.driver.find_element("css selector", f"input[name=view][value={name}]").click()
        self.settled()

    def press(self, *keys: str, shift: bool = False) -> None:
        chain = ActionChains(self.driver, duration=10)
        for key in keys:
            chain = chain.key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT) if shift else chain.send_keys(key)
        chain.perform()
        self.settled()

    def value(self, name: str) -> str:
        return str(self.js("return document.getElementById(arguments[0]).value", name))

    def move(self, x: float, y: float) -> ActionChains:
        """The pointer at a place of the stage, from its top left."""
        box = self.js("const b = document.getElementById('stage').getBoundingClientRect(); return [b.left, b.top]")
        chain = ActionChains(self.driver, duration=10)
        pointer: Any = chain.w3c_actions.pointer_action  # untyped
        pointer.move_to_location(round(box[0] + x), round(box[1] + y))
        return chain

    def drag(self, x: float, y: float, right: float) -> None:
        """From a place of the stage so many pixels to the right."""
        chain = self.move(x, y)
        pointer: Any = chain.w3c_actions.pointer_action
        pointer.pointer_down()
        pointer.move_by(round(right), 0)
        pointer.release()
        chain.perform()
        self.settled()

    @property
    def size(self) -> tuple[float, float]:
        """Of the stage."""
        width, height = self.js(
            "const b = document.getElementById('stage').getBoundingClientRect(); return [b.width, b.height]"
        )
        return float(width), float(height)


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    if Chrome is None:
        pytest.skip("selenium is not installed (the extra test)")
    if not BROWSER or not DRIVER:
        pytest.skip("no browser: Chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = ChromeOptions()
    options.binary_location = BROWSER
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1000,1000",
        "--force-color-profile=srgb",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    driver.execute_cdp_cmd("Network.enable", {})
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: Chrome, tmp_path: Path) -> Iterator[Browser]:
    """Afterwards the page must have said nothing to the console, and asked for nothing but itself."""
    forget(driver)
    yield Browser(driver, tmp_path)
    assert said(driver) == []
    assert asked(driver, tmp_path) == []


def forget(driver: Chrome) -> None:
    driver.get("about:blank")
    said(driver)
    said(driver, "performance")


def said(driver: Chrome, log: str = "browser") -> list[str]:
    """What a log holds since it was last asked."""
    return [entry["message"] for entry in driver.get_log(log)]  # type: ignore[no-untyped-call]


def asked(driver: Chrome, folder: Path) -> list[str]:
    """Every request but that for the page itself, and for what it holds (data:)."""
    events = [json.loads(line)["message"] for line in said(driver, "performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    own = (folder / "index.html").as_uri()
    assert own in urls, "requests are not logged"
    return [url for url in urls if url not in (own, "about:blank") and not url.startswith("data:")]


def test_the_watch_over_console_and_network_sees_both(driver: Chrome, tmp_path: Path) -> None:
    forget(driver)
    (tmp_path / "index.html").write_text("<img src='beside.png'><script>console.error('no')</script>")
    driver.get((tmp_path / "index.html").as_uri())
    assert asked(driver, tmp_path) == [(tmp_path / "beside.png").as_uri()]
    assert any('"no"' in line for line in said(driver))


# ---- pixels -------------------------------------------------------------------------------------------------------------


def unpacked(text: str, shape: tuple[int, ...], bits: int) -> Floats:
    """The inverse of page.pack_layer, as page.js has it."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).astype(np.int64).reshape(3, -1)
    folded = planes[0] | planes[1] << 8 | planes[2] << 16
    codes = ((folded >> 1) ^ -(folded & 1)).reshape(-1, *shape[:2]).cumsum(-1)
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
    back = unpacked(page.pack_layer(layer, bits), layer.shape, bits)
    assert np.isfinite(back).all()
    # half a step of the mantissa; twice that next to the largest float, which is cut, not rounded; below 1.2e-38 steps
    # do not shrink
    near = np.abs(layer.astype(np.float64)) * np.where(np.abs(layer) > 3.4e38, 2.0**-bits, 2.0 ** -(bits + 1))
    assert (np.abs(back.astype(np.float64) - layer) <= np.maximum(near, 2.0 ** -(126 + bits + 1))).all()


def test_what_does_not_fit_is_refused() -> None:
    told, layers = of(ssao=light(1))
    with pytest.raises(ValueError, match=r"layer ssao.final of shape \(9, 9, 3\)"):
        page.render_page(told, {"ssao.final": light(1, (9, 9))})
    with pytest.raises(ValueError, match="not finite"):
        page.render_page(told, {"ssao.final": layers["ssao.final"] * np.float32(np.nan)})
    with pytest.raises(ValueError, match=r"missing layers: ssao\.final"):
        page.render_page(told, {})


@pytest.mark.parametrize("curve", CURVES)
def test_the_canvas_shows_what_the_display_would(browser: Browser, curve: str) -> None:
    a, b = light(1), light(2)
    told, layers = of(ssao=a, ssdo=b)
    browser.open(told | {"display": {"exposure": -0.5, "tone_mapper": curve}}, layers)
    assert browser.value("tone-mapper") == curve
    # 1 of 255: half from rounding, 0.06 from the numbers' own rounding, 0.04 from the table of the curve
    assert close(browser.pixels("left-pixels"), displayed(a, -0.5, curve))
    assert close(browser.pixels("right-pixels"), displayed(b, -0.5, curve))
    browser.choose("exposure", 1.5)
    assert close(browser.pixels("right-pixels"), displayed(b, 1.5, curve))
    assert not close(browser.pixels("right-pixels"), displayed(a, 1.5, curve), 50)


@pytest.mark.parametrize("curve", CURVES)
def test_the_canvas_equals_the_shader(browser: Browser, gpu: Gpu, curve: str) -> None:
    values = light(5, (1, 4096))  # a row of gpu.texels
    texture = gpu.upload.texel_list(np.concatenate([values[0], np.ones((4096, 1), np.float32)], 1))
    shown = images.shown(gpu, Display(exposure=0.5, tone_mapper=curve, dither=False).draw(gpu, texture))
    told, layers = of(ssdo=values)
    browser.open(told | {"display": {"exposure": 0.5, "tone_mapper": curve}}, layers)
    assert close(browser.pixels("left-pixels"), shown)


def test_the_canvas_equals_the_png(browser: Browser, gpu: Gpu) -> None:
    """Whose dither moves a value by half a step at most, so that they round to neighbours."""
    picture = render_frame(
        gpu, Shot().with_values({"scene": "cornell", "technique": "ssdo", "width": 64, "height": 36})
    )
    told, layers = of(ssdo=images.arrays(gpu, picture)["radiance"])
    browser.open(told, layers)
    assert close(browser.pixels("left-pixels"), images.pixels(gpu, picture))


def test_every_term_of_both_sides(browser: Browser) -> None:
    told, layers = usual()
    browser.open(told, layers)
    browser["linked"].click()
    for term in ("unoccluded", "direct", "indirect", "final"):
        browser.choose("right-component", term)
        assert close(
            browser.pixels("right-pixels"), displayed(layers[term if term == "unoccluded" else f"ssdo-16.{term}"])
        ), term
    browser.choose("left-component", "visibility")
    assert close(browser.pixels("left-pixels"), 255 * layers["ssao-16.visibility"][..., None])
    browser.choose("left-component", "albedo")
    assert close(browser.pixels("left-pixels"), srgb(layers["albedo"]))
    assert browser.value("right-component") == "final", "linked, though it was switched off"
    browser.choose("left-entry", 1)
    browser.choose("left-component", "indirect")
    assert close(browser.pixels("left-pixels"), displayed(layers["ssdo-4.indirect"]))


def test_the_error_in_false_colour(browser: Browser) -> None:
    told, layers = usual()
    browser.open(told, layers)
    browser.choose("right-component", "error")
    apart = metrics.error_map(layers["ssdo-16.final"], layers["reference.final"])
    top = page.choose_error_max(told, layers)
    assert top is not None
    assert browser.text("#error-max-value") == f"{top:#.3g} radiance"
    assert close(browser.pixels("right-pixels"), metrics.false_colour(apart, top).astype(float))
    assert close(
        browser.pixels("left-pixels"),
        metrics.false_colour(metrics.error_map(layers["ssao-16.final"], layers["reference.final"]), top).astype(float),
    )
    browser.choose("error-max", -0.3)
    assert browser.text("#error-max-value") == "0.500 radiance"
    assert close(browser.pixels("right-pixels"), metrics.false_colour(apart, 0.5).astype(float))
    bar = metrics.false_colour(np.linspace(0, 1, 256, dtype=np.float32)[None], 1.0)
    assert close(browser.pixels("error-scale"), bar.astype(float))
    browser.choose("right-entry", 3)
    assert (browser.pixels("right-pixels") == metrics.INFERNO[0]).all(), "the reference differs from itself"


def test_the_difference_and_its_gain(browser: Browser) -> None:
    a = light(1)
    b = a + (0.02 * np.random.default_rng(3).normal(0, 1, a.shape)).astype(np.float32)
    browser.open(*of(ssao=a, ssdo=b))
    browser.view("difference")
    # rounded numbers are 2^-16 of a value of about 1 apart each, so times the gain what the difference may be off
    apart, off = b.astype(np.float64) - a, (np.abs(a) + np.abs(b)) * 2.0**-16
    for gain in (10, 100, 1):
        browser.driver.find_element("css selector", f"input[name=gain][value='{gain}']").click()
        browser.settled()
        shown = browser.pixels("difference-pixels").astype(float)
        assert (shown >= srgb((np.abs(apart) - off) * gain) - 1).all()
        assert (shown <= srgb((np.abs(apart) + off) * gain) + 1).all()
    assert shown.max() > 20
    browser["signed"].click()
    browser.settled()
    assert close(browser.pixels("difference-pixels"), np.clip(127.5 + 127.5 * apart, 0, 255), 1.0)
    browser.press("x")
    assert close(browser.pixels("difference-pixels"), np.clip(127.5 - 127.5 * apart, 0, 255), 1.0)


# ---- the stage ----------------------------------------------------------------------------------------------------------


RED, BLUE = flat(0.5, 0, 0), flat(0, 0, 0.5)


def seen(screen: Bytes, x: float, y: float = 0.6) -> str:
    """The colour at a share of the stage's width and height."""
    red, _, blue = map(int, screen[int(y * screen.shape[0]), int(x * screen.shape[1])])
    return "red" if red > blue + 40 else "blue" if blue > red + 40 else "neither"


def test_the_divider_by_mouse_and_by_keys(browser: Browser) -> None:
    browser.open(*of(ssao=RED, ssdo=BLUE))
    assert [seen(browser.screen(), x) for x in (0.2, 0.45, 0.55, 0.8)] == ["red", "red", "blue", "blue"]
    width, height = browser.size
    browser.drag(width / 2, height / 3, 0.25 * width)
    assert browser["divider"].get_attribute("aria-valuenow") == "75"
    assert [seen(browser.screen(), x) for x in (0.7, 0.8)] == ["red", "blue"]
    browser.press(*[Keys.ARROW_LEFT] * 5)
    assert browser["divider"].get_attribute("aria-valuenow") == "70"
    browser.press(Keys.PAGE_DOWN)
    assert browser["divider"].get_attribute("aria-valuenow") == "60"
    browser.press(Keys.HOME)
    assert [seen(browser.screen(), x) for x in (0.05, 0.9)] == ["blue", "blue"]
    browser.press(Keys.END)
    assert [seen(browser.screen(), x) for x in (0.05, 0.9)] == ["red", "red"]


def test_flip_while_held(browser: Browser) -> None:
    browser.open(*of(ssao=RED, ssdo=BLUE))
    browser["stage"].click()
    browser.press(Keys.ESCAPE)  # the loupe that the click brought
    browser.view("flip")
    assert seen(browser.screen(), 0.3) == "blue"
    for key in ("f", " "):
        ActionChains(browser.driver, duration=10).key_down(key).perform()
        assert seen(browser.screen(), 0.3) == "red", key
        ActionChains(browser.driver, duration=10).key_up(key).perform()
        assert seen(browser.screen(), 0.3) == "blue", key
    ActionChains(browser.driver, duration=10).click_and_hold(browser["hold"]).perform()
    assert seen(browser.screen(), 0.3) == "red"
    ActionChains(browser.driver, duration=10).release().perform()
    assert seen(browser.screen(), 0.3) == "blue"
    browser["auto-flip"].click()
    shown: set[str] = set()

    def both(_: object) -> bool:
        shown.add(seen(browser.screen(), 0.3))
        return shown == {"red", "blue"}

    WebDriverWait(browser.driver, 20, 0.1).until(both)
    browser["auto-flip"].click()
    browser.settled()
    assert seen(browser.screen(), 0.3) == "blue"


def test_side_by_side_and_all(browser: Browser) -> None:
    browser.open(*of(ssao=RED, ssdo=BLUE, off=flat(0, 0.5, 0)))
    browser.view("side")
    assert [seen(browser.screen(), x, 0.5) for x in (0.1, 0.4, 0.6, 0.9)] == ["red", "red", "blue", "blue"]
    browser.view("all")
    assert browser.js("return document.querySelectorAll('.pane canvas').length") == 3
    colours = [browser.pixels(f".pane:nth-child({i + 1}) canvas")[1, 1] for i in range(3)]
    assert [int(np.argmax(c)) for c in colours] == [0, 2, 1]
    browser.driver.find_element("css selector", ".pane:nth-child(3) .side-button.left").click()
    browser.settled()
    assert browser.value("left-entry") == "2"
    browser.view("slider")
    assert close(browser.pixels("left-pixels"), displayed(flat(0, 0.5, 0)))


def test_zoom_and_pan(browser: Browser) -> None:
    """A checkerboard of single pixels stays one: the pixel under the pointer stays there, and edges are crisp."""
    board = np.zeros((36, 64, 3), np.float32)
    board[::2, ::2] = board[1::2, 1::2] = 1
    browser.open(*of(ssdo=board))
    browser.view("flip")
    width, height = browser.size
    fit = min(width / 64, height / 36)
    left, top = (width - 64 * fit) / 2, (height - 36 * fit) / 2
    px, py = left + 10.5 * fit, top + 4.5 * fit
    chain = browser.move(px, py)
    chain.perform()
    assert browser.text("#zoom") == f"{round(100 * fit)} %"
    for _ in range(2):  # from the corner of the whole picture, and from one that is out of sight
        browser.move(px, py).scroll_from_origin(origin(browser, px, py), 0, -120).perform()
    browser.settled()
    assert browser.text("#zoom") == f"{round(200 * fit)} %"
    screen = browser.screen()
    for dx, dy in ((0, 0), (2 * fit, 0), (0, 2 * fit), (-2 * fit, 2 * fit)):  # neighbours are twice as far
        value = screen[int(py + dy), int(px + dx), 0]
        even = (round(dx / fit / 2) + round(dy / fit / 2)) % 2 == 0
        assert value == (displayed(board)[0, 0, 0].round() if even else 0), (dx, dy)
    assert set(np.unique(screen[int(py), int(px - 2 * fit) : int(px + 2 * fit), 0])) <= {
        0,
        int(displayed(board)[0, 0, 0].round()),
    }, "not crisp"
    browser.drag(px, py, 2 * fit)
    assert browser.screen()[int(py), int(px + 2 * fit), 0] > 0, "the pixel did not go with the pointer"
    assert browser.screen()[int(py), int(px), 0] == 0
    browser.press("z")
    assert browser.text("#zoom") == "100 %"
    browser.press("0")
    assert browser.text("#zoom") == f"{round(100 * fit)} %"
    browser.press("+")
    assert browser.text("#zoom") == f"{round(150 * fit)} %"
    chain = browser.move(px, py)
    for _ in range(6):
        chain.scroll_from_origin(origin(browser, px, py), 0, 120)
    chain.perform()
    browser.settled()
    assert browser.text("#zoom") == f"{round(100 * fit)} %"


def origin(browser: Browser, x: float, y: float) -> ScrollOrigin:
    box = browser.js("const b = document.getElementById('stage').getBoundingClientRect(); return [b.left, b.top]")
    found: ScrollOrigin = ScrollOrigin.from_viewport(round(box[0] + x), round(box[1] + y))
    return found


# ---- the loupe ----------------------------------------------------------------------------------------------------------


def loupe(browser: Browser) -> list[list[float]]:
    """Left, right and their difference, a row for each channel."""
    rows = browser.js(
        "return [...document.querySelectorAll('#loupe-values tr')].slice(1).map(r => [...r.querySelectorAll('td')].map(c => c.textContent))"
    )
    return [[float(text.replace("\u2212", "-")) for text in row] for row in rows]


def test_the_loupe_reads_what_is_there(browser: Browser) -> None:
    a, b = light(1), light(2)
    browser.open(*of(ssao=a, ssdo=b))
    browser.press("l")
    width, height = browser.size
    fit = min(width / 32, height / 18)

    def at(x: int, y: int) -> ActionChains:
        return browser.move((width - 32 * fit) / 2 + (x + 0.5) * fit, (height - 18 * fit) / 2 + (y + 0.5) * fit)

    def check(x: int, y: int) -> None:
        assert browser.text("#loupe-position").startswith(f"x {x}, y {y} ")
        for row, l_true, r_true in zip(loupe(browser), a[y, x], b[y, x], strict=True):
            # half of the third digit, and the numbers' own rounding
            for shown, true, off in zip(
                row, (l_true, r_true, r_true - l_true), (l_true, r_true, l_true + r_true), strict=True
            ):
                assert shown == pytest.approx(true, rel=5.1e-3, abs=float(off) * 2**-16)
        wanted, magnified = displayed(a)[y, x], browser.pixels("loupe-left")
        middle = magnified[magnified.shape[0] // 2, magnified.shape[1] // 2]
        assert close(middle, wanted)

    for x, y in ((7, 3), (0, 0), (31, 17)):
        at(x, y).perform()
        check(x, y)
    chain = at(5, 9)
    chain.click().perform()
    browser.settled()
    assert "pinned" in browser.text("#loupe-position")
    at(20, 2).perform()
    check(5, 9)
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_UP, shift=True)
    check(6, 8)
    chain = at(6, 8)
    chain.click().perform()
    at(20, 2).perform()
    check(20, 2)
    browser.press(Keys.ESCAPE)
    assert not browser["loupe"].is_displayed()


def test_numbers_beyond_half_floats(browser: Browser) -> None:
    values = np.array([70000, 3.4e38, 1e-40, -0.5, 0.0, 123456], np.float32).reshape(1, 2, 3)
    browser.open(*of(ssao=values, ssdo=values))
    browser.press(Keys.ARROW_LEFT, shift=True)  # brings the loupe, in the middle
    shown = [row[0] for row in loupe(browser)]
    assert shown == [-0.5, 0, 123000]
    browser.press(Keys.ARROW_LEFT, shift=True)
    shown = [row[0] for row in loupe(browser)]
    assert shown[:2] == [70000, 3.4e38]
    assert shown[2] == pytest.approx(1e-40, abs=2.0**-142)


# ---- keys ---------------------------------------------------------------------------------------------------------------


def test_keys(browser: Browser) -> None:
    told, layers = usual()
    browser.open(told, layers)
    chosen = (
        "return ['left-entry', 'right-entry', 'left-component', 'right-component'].map(id => document.getElementById(id).value)"
    )
    assert browser.js(chosen) == ["0", "2", "final", "final"], "SSAO left, SSDO right"
    browser.press("2")
    browser.press("4", shift=True)
    assert browser.js(chosen) == ["3", "1", "final", "final"]
    browser.press("9")  # there is none
    browser.press("x", "t")
    assert browser.js(chosen) == ["1", "3", "error", "error"]
    browser.press("t")
    assert browser.js(chosen)[2:] == ["albedo", "albedo"]
    browser.press("t", shift=True)
    browser.press("t", shift=True)
    assert browser.js(chosen)[2:] == ["final", "final"]
    view = "return document.querySelector('input[name=view]:checked').value"
    for name in ("flip", "side", "difference", "all", "slider"):
        browser.press("v")
        assert browser.js(view) == name
    browser.press("v", shift=True)
    assert browser.js(view) == "all"
    browser.press("d", "d")
    assert browser.js(view) == "difference"
    assert browser.js("return document.querySelector('input[name=gain]:checked').value") == "100"
    browser.press("e", "e", "e")
    assert browser.text("#exposure-value") == "+1.0 EV"
    browser.press("e", shift=True)
    assert browser.text("#exposure-value") == "+0.7 EV"
    browser.press("?")
    assert browser["help"].is_displayed()
    assert "swap sides" in browser["help"].text
    browser.press("v", Keys.ESCAPE)
    assert not browser["help"].is_displayed()
    assert browser.js(view) == "difference", "a key went past the help"


def test_the_first_pair_is_a_fair_one(browser: Browser) -> None:
    """Equal samples on both sides."""
    told, layers = of(ssao_4=RED, ssao_16=RED, ssao_64=RED, ssdo_4=BLUE, ssdo_16=BLUE)
    browser.open(told, layers)
    assert [browser.value(name) for name in ("left-entry", "right-entry")] == ["1", "4"]
    told, layers = of(off=RED, ssao_16=RED, reference=BLUE)
    browser.open(told, layers)
    assert [browser.value(name) for name in ("left-entry", "right-entry")] == ["0", "1"]


def test_all_controls_can_be_reached_by_tab(browser: Browser) -> None:
    told, layers = usual()
    browser.open(told, layers)
    reached = set()
    for _ in range(60):
        ActionChains(browser.driver, duration=1).send_keys(Keys.TAB).perform()
        reached.add(browser.js("const e = document.activeElement; return e.id || e.name || e.className || e.tagName"))
    wanted = {
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
    assert wanted | {"exposure", "tone-mapper", "side-button left", "side-button right", "SUMMARY"} <= reached
    unnamed = browser.js(
        "return [...document.querySelectorAll('button, select, input')].filter(e => !(e.textContent.trim() && e.tagName == 'BUTTON') && !e.labels?.length"
        " && !e.getAttribute('aria-label')).map(e => e.outerHTML)"
    )
    assert unnamed == []


# ---- what it says -------------------------------------------------------------------------------------------------------


def error_cells(browser: Browser) -> list[list[str]]:
    rows = browser.js(
        "return [...document.querySelectorAll('.errors tbody tr')].map(r => [...r.querySelectorAll('td')].map(c => c.firstChild.textContent))"
    )
    return [[str(text) for text in row] for row in rows]


def test_the_tables_say_what_was_measured(browser: Browser) -> None:
    told, layers = usual()
    browser.open(told, layers)
    names = list(told["entries"][0]["errors"])
    rows = error_cells(browser)
    assert len(rows) == 4, "three entries and the reference"
    for row, one in zip(rows[:3], told["entries"], strict=False):
        for name, text in zip(names, row, strict=True):
            assert float(text.replace("\u2212", "-")) == pytest.approx(
                one["errors"][name], rel=5.1e-3, abs=0.051 if name == "psnr" else 0
            ), name
    marked = browser.js(
        "return [...document.querySelectorAll('.errors tbody tr')].map(r => [...r.querySelectorAll('td')].map(c => c.classList.contains('best')))"
    )
    for column, name in enumerate(names):
        values = [one["errors"][name] for one in told["entries"][:3]]
        ranks = [-v if name in ("psnr", "ssim") else abs(v) for v in values]
        assert [row[column] for row in marked[:3]] == [rank == min(ranks) for rank in ranks], name
    assert "The noise of the reference is an RMSE of 0.00310" in browser.text("#errors")
    assert "Rousselle" in browser.js(
        "return [...document.querySelectorAll('.errors abbr')].find(e => e.textContent === 'relMSE').title"
    )
    assert browser.texts(".error-breakdown tbody td") == ["0.0400", "0.0100", "0.00500", "0.0300"]
    assert browser.texts(".costs thead th") == ["entry", "total", "ssdo:direct", "denoise:x"]
    assert browser.texts(".costs tbody td") == ["12.5", "9.50", "3.00"]
    assert "wall clock" in browser.text("#cost")
    assert browser.texts(".settings .differs code") == ["ssdo.samples"]
    assert browser.texts("#settings details:last-child td") == ["courtyard", "0, 1.6, 4", "0.5"]
    assert browser.text("#command code") == told["command"]
    assert browser.js("return document.title") == "courtyard - ssdo compare"


def test_a_sweep_over_samples_is_a_chart(browser: Browser) -> None:
    told, layers = usual()
    browser.open(told, layers)
    titles = browser.texts(".plot title")
    assert [t.partition(":")[0] for t in titles] == ["ssao-16", "ssdo-4", "ssdo-16"]
    points = browser.js("return document.querySelector('.plot .series-1 polyline').getAttribute('points')").split()
    (x4, y4), (x16, y16) = (map(float, p.split(",")) for p in points)
    errors = [one["errors"]["rmse"] for one in told["entries"][:3]]
    assert x4 < x16
    assert (y4 < y16) == (errors[1] > errors[2])
    browser.driver.find_element("css selector", "input[name=chart-x][value=cost]").click()
    assert browser.texts(".plot title") == [t for t in titles if t.startswith("ssdo-4")]
    browser.open(*of(ssao=light(1), ssdo=light(2)))
    assert not browser.driver.find_elements("id", "chart")


def test_little_is_enough(browser: Browser) -> None:
    """One entry of one pixel, nothing measured."""
    browser.open(*of(ssdo=flat(0.25, 0.5, 0.75, size=(1, 1))))
    assert close(browser.pixels("left-pixels"), displayed(flat(0.25, 0.5, 0.75, size=(1, 1))))
    for view in ("flip", "side", "difference", "all", "slider"):
        browser.view(view)
    browser.press("l", "0", "z", "+", "t")
    assert "nothing to measure against" in browser.text("#errors")
    assert browser.js("return ['error-breakdown', 'chart', 'cost'].filter(id => document.getElementById(id))") == []
    assert browser.js("return [...document.querySelectorAll('#left-component option')].map(o => o.value)") == ["final"]


def test_what_is_missing_is_said(browser: Browser) -> None:
    """Infinite PSNR, a metric and passes that are not there, a truth from a file without terms of its own."""
    told, layers = usual()
    told["reference"] |= {"from_file": True, "noise": None}
    told["entries"][0]["errors"] = {"rmse": 0.0, "psnr": None}
    told["entries"][0]["error_breakdown"] = {"sampling": 0.02}
    told["entries"][1]["cost"] = {"total": 12.5, "passes": {}}
    told["entries"][3]["layers"] = {"final": "reference.final"}
    browser.open(told, layers)
    cells = error_cells(browser)
    assert cells[0][0] == "0"
    assert cells[0][3] == "\u221e"
    assert cells[0][4] == "\u2013"
    assert browser.js("return document.querySelector('.errors tbody tr').children[4].classList.contains('best')"), (
        "infinite is best"
    )
    assert "its noise is not known" in browser.text("#errors")
    browser.choose("right-entry", 3)
    browser.choose("right-component", "indirect")
    assert browser.text("#message") == "reference has no indirect light."
    browser.view("difference")
    browser.press("l")
    browser.choose("right-component", "final")
    assert browser.text("#message") == ""


def test_strange_text_stays_text(browser: Browser) -> None:
    evil = "</script><script>window.evil = 1</script><img src=x onerror=evil()> {{style}} & \"'` \u2028 <!-- \U0001f3db"
    told, layers = usual()
    told |= {"title": evil, "command": evil, "renderer": evil, "settings": {evil: evil}}
    told["reference"]["label"] = evil
    for one in told["entries"]:
        one |= {"label": evil, "settings": {evil: [evil]}, "files": {"png": "javascript:evil()"}}
        one["cost"] = {"total": 1.0, "passes": {evil: 1.0}}
        one["error_breakdown"] = {evil: 1.0}
    browser.open(told, layers)
    browser.view("all")
    assert browser.js("return window.evil") is None
    assert browser.js("return document.title") == f"{evil} - ssdo compare"
    assert [
        browser.text(css)
        for css in ("#title", "#command code", ".label.entry span:last-child", "#left-entry option:nth-child(2)")
    ] == [
        evil,
        evil,
        evil,
        f"2  {evil}",
    ]
    assert browser.js("return document.querySelectorAll('img, body script:not([type]):not(:last-child)').length") == 0
    assert browser.js("return [...document.links].every(a => a.protocol === 'file:')")


def test_no_picture_leaves_the_screen(browser: Browser) -> None:
    """From a wide window down to 800 pixels nothing sticks out, in both colour schemes."""
    told, layers = usual()
    for one in told["entries"]:
        one["label"] = f"{one['id'].upper()}, 16 samples, radius 1.8 m, march 8, thickness 1.8 m, and more than that"
    backgrounds = set()
    for width, dark in ((1400, False), (800, True)):
        browser.open(told, layers, width, 900, dark)
        assert browser.js("return document.documentElement.scrollWidth") <= width
        backgrounds.add(browser.js("return getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


def test_an_old_browser_is_told(browser: Browser) -> None:
    script = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.DecompressionStream"}
    )
    try:
        browser.open(*usual())
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert "cannot unpack" in browser.text("#message")
    assert len(browser.texts(".errors tbody tr")) == 4


def test_it_is_small(tmp_path: Path) -> None:
    """Noise, which compresses worst: below 3 bytes of base64 for each value of a half-float-like layer, below 4 for a
    final one.
    """
    told, layers = of(ssdo=light(1, (90, 160)))
    alone = len(page.render_page(told, layers)) - sum(
        len((page.FOLDER / f"page.{kind}").read_text("utf-8")) for kind in ("html", "css", "js")
    )
    assert alone / layers["ssdo.final"].size < 4
    assert len(page.pack_layer(light(1, (90, 160)), page.COARSE_BITS)) / layers["ssdo.final"].size < 3
