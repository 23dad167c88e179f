"""Drives Chromium over a comparison page, by Selenium."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from ssdo.arrays import Bytes, Floats
from ssdo.commands.compare import page

Layers = dict[str, Floats]


def start_chromium(browser: str, driver: str) -> Chrome:
    """Chromium without a window, which logs its console and its network."""
    options = ChromeOptions()
    options.binary_location = browser
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1000,1000",
        "--force-color-profile=srgb",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    chrome.execute_cdp_cmd("Network.enable", {})
    return chrome


class Browser:
    """A comparison page in Chromium, and what a reader can do with it."""

    def __init__(self, driver: Chrome, folder: Path) -> None:
        self.driver = driver
        self.path = folder / "index.html"

    def open(
        self, comparison: dict[str, Any], layers: Layers, width: int = 1000, height: int = 1000, dark: bool = False
    ) -> None:
        self.path.write_text(page.render_page(comparison, layers), "utf-8")
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(self.path.as_uri())
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Until all images are drawn."""
        WebDriverWait(self.driver, 20, 0.03).until(lambda _: self["stage"].get_attribute("aria-busy") == "false")

    def __getitem__(self, name: str) -> WebElement:
        """The element with this id."""
        return self.driver.find_element("id", name)

    def run_script(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def get_text(self, css: str) -> str:
        """Of the first element that matches, visible or not."""
        return str(self.run_script("return document.querySelector(arguments[0]).textContent", css))

    def get_texts(self, css: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        return [str(text) for text in self.run_script(script, css)]

    def get_cells(self, css: str, expression: str) -> list[list[Any]]:
        """A JavaScript expression of each cell, by the rows that match; `cell` is the element."""
        cells = f"[...row.querySelectorAll('td')].map(cell => {expression})"
        rows: list[list[Any]] = self.run_script(
            f"return [...document.querySelectorAll(arguments[0])].map(row => {cells})", css
        )
        return rows

    def click(self, css: str) -> None:
        self.driver.find_element("css selector", css).click()
        self.wait_until_idle()

    def read_canvas(self, canvas: str) -> Bytes:
        """(h, w, 3) of a canvas, by its id or a selector. Copied first: Chromium warns of frequent reads."""
        script = """
            const c = document.querySelector(arguments[0]);
            const copy = new OffscreenCanvas(c.width, c.height).getContext('2d', {willReadFrequently: true});
            copy.drawImage(c, 0, 0);
            const bytes = copy.getImageData(0, 0, c.width, c.height).data;
            let text = '';
            for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
            return [c.width, c.height, btoa(text)];"""
        width, height, text = self.run_script(script, canvas if " " in canvas else f"#{canvas}")
        rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
        assert (rgba[..., 3] == 255).all(), f"{canvas} is not filled"
        return rgba[..., :3]

    def read_stage(self) -> Bytes:
        """A screenshot of the stage."""
        with Image.open(io.BytesIO(self["stage"].screenshot_as_png)) as image:
            return np.asarray(image.convert("RGB"))

    def set_control(self, name: str, value: object) -> None:
        """Change a control's value, with the events of a reader's change."""
        script = """
            const control = document.getElementById(arguments[0]);
            control.value = arguments[1];
            for (const type of ['input', 'change']) control.dispatchEvent(new Event(type));"""
        self.run_script(script, name, value)
        self.wait_until_idle()

    def choose_view(self, name: str) -> None:
        self.click(f"input[name=view][value={name}]")

    def press(self, *keys: str, shift: bool = False) -> None:
        chain = ActionChains(self.driver, duration=10)
        for key in keys:
            chain = chain.key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT) if shift else chain.send_keys(key)
        chain.perform()
        self.wait_until_idle()

    def get_value(self, name: str) -> str:
        return str(self.run_script("return document.getElementById(arguments[0]).value", name))

    def get_stage_box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height in the window."""
        script = """
            const box = document.getElementById('stage').getBoundingClientRect();
            return [box.left, box.top, box.width, box.height];"""
        x_min, y_min, width, height = self.run_script(script)
        return float(x_min), float(y_min), float(width), float(height)

    def move_pointer(self, x: float, y: float) -> ActionChains:
        """A chain that moves the pointer over the stage; coordinates from its top left."""
        x_min, y_min, *_ = self.get_stage_box()
        chain = ActionChains(self.driver, duration=10)
        pointer: Any = chain.w3c_actions.pointer_action  # untyped
        pointer.move_to_location(round(x_min + x), round(y_min + y))
        return chain

    def scroll(self, chain: ActionChains, x: float, y: float, delta: int) -> ActionChains:
        """Add a turn of the wheel over the stage to a chain."""
        x_min, y_min, *_ = self.get_stage_box()
        return chain.scroll_from_origin(ScrollOrigin.from_viewport(round(x_min + x), round(y_min + y)), 0, delta)

    def drag(self, x: float, y: float, right: float) -> None:
        """Drag from a point of the stage by some pixels to the right."""
        chain = self.move_pointer(x, y)
        pointer: Any = chain.w3c_actions.pointer_action
        pointer.pointer_down()
        pointer.move_by(round(right), 0)
        pointer.release()
        chain.perform()
        self.wait_until_idle()

    @property
    def stage_size(self) -> tuple[float, float]:
        """Width and height."""
        *_, width, height = self.get_stage_box()
        return width, height


def clear_logs(driver: Chrome) -> None:
    driver.get("about:blank")
    read_log(driver)
    read_log(driver, "performance")


def read_log(driver: Chrome, log: str = "browser") -> list[str]:
    """The messages since the log was last read."""
    return [entry["message"] for entry in driver.get_log(log)]  # type: ignore[no-untyped-call]


def list_requests(driver: Chrome, folder: Path) -> list[str]:
    """The URLs of all requests, except for the page itself and for data: URLs."""
    events = [json.loads(line)["message"] for line in read_log(driver, "performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    page_url = (folder / "index.html").as_uri()
    assert page_url in urls, "requests are not logged"
    return [url for url in urls if url not in (page_url, "about:blank") and not url.startswith("data:")]
