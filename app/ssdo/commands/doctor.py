"""Reports the OpenGL driver and its limits, missing packages, and how to install them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence

from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, NoOpenGLError, create_headless_context
from ssdo.optional_packages import OPTIONAL_PACKAGES, format_install_command

PACKAGES = {
    "Debian, Ubuntu": "apt-get install -y libegl1 libgl1 libgl1-mesa-dri libx11-6",
    "Fedora": "dnf install -y mesa-libEGL mesa-libGL mesa-dri-drivers libX11",
    "Arch": "pacman -S --needed mesa libglvnd libx11",
}
LIMITS = ("GL_MAX_TEXTURE_SIZE", "GL_MAX_VIEWPORT_DIMS", "GL_MAX_TEXTURE_IMAGE_UNITS", "GL_MAX_DRAW_BUFFERS")


def main(arguments: Sequence[str]) -> int:
    """`doctor`. Returns 0; raises NoOpenGLError after printing what to install."""
    parse_flags(FlagParser("ssdo doctor", __doc__), arguments)
    print(f"python    {sys.version.split()[0]} on {sys.platform}")
    try:
        with Gpu(create_headless_context()) as gpu:
            info, is_software_renderer = gpu.ctx.info, gpu.is_software_renderer
    except NoOpenGLError:
        print("opengl    not usable\n")
        _print_installation()
        raise
    print(f"opengl    {info['GL_VERSION']}\nvendor    {info['GL_VENDOR']}\nrenderer  {info['GL_RENDERER']}")
    for name in LIMITS:
        if name in info:
            print(f"limit     {name} {info[name]}")
    if is_software_renderer:
        print("times     wall clock around each pass: timer queries of a software renderer are meaningless")
    else:
        print("times     GPU timer queries; frame rates are meaningless while vsync is on")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print("window    none: neither DISPLAY nor WAYLAND_DISPLAY is set; capture works without a window")
    print_missing_packages()
    return 0


def print_missing_packages() -> None:
    """Print a line for each optional package that is not installed: what needs it, and the command."""
    for module, package in OPTIONAL_PACKAGES.items():
        if package.has_wheels and importlib.util.find_spec(module) is None:
            print(f"missing   {package.purpose}: {format_install_command(package.name)}")


def _print_installation() -> None:
    if sys.platform == "linux":
        for system, command in PACKAGES.items():
            print(f"  {system:15} {command}")
    else:
        print("  install or update the graphics driver")
