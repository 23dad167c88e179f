"""What OpenGL there is, what it can do, what is missing and how to get it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence

from ssdo.gpu.context import Gpu, NoOpenGL, headless
from ssdo.settings import Parser, parse

PACKAGES = {
    "Debian, Ubuntu": "apt-get install -y libegl1 libgl1 libgl1-mesa-dri libx11-6",
    "Fedora": "dnf install -y mesa-libEGL mesa-libGL mesa-dri-drivers libX11",
    "Arch": "pacman -S --needed mesa libglvnd libx11",
}
EXTRAS = {"OpenEXR": ".exr pictures: pip install OpenEXR"}
LIMITS = ("GL_MAX_TEXTURE_SIZE", "GL_MAX_VIEWPORT_DIMS", "GL_MAX_TEXTURE_IMAGE_UNITS", "GL_MAX_DRAW_BUFFERS")


def main(arguments: Sequence[str]) -> int:
    """`doctor`. Returns 0, or raises NoOpenGL after saying what would help."""
    parse(Parser("python -m ssdo doctor", description=__doc__, allow_abbrev=False), arguments)
    print(f"python    {sys.version.split()[0]} on {sys.platform}")
    try:
        with Gpu(headless()) as gpu:
            info, software = gpu.ctx.info, gpu.clock.software
    except NoOpenGL:
        print("opengl    none that can be used\n")
        if sys.platform == "linux":
            print("\n".join(f"  {system:15} {command}" for system, command in PACKAGES.items()))
        else:
            print("  install or update the graphics driver")
        raise
    print(f"opengl    {info['GL_VERSION']}\nvendor    {info['GL_VENDOR']}\nrenderer  {info['GL_RENDERER']}")
    print("\n".join(f"limit     {name} {info[name]}" for name in LIMITS if name in info))
    if software:
        print("times     wall clock around each pass: this is a software renderer, its timer queries mean nothing")
    else:
        print("times     GPU timer queries; frame rates mean nothing while vsync is on")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print("window    none: neither DISPLAY nor WAYLAND_DISPLAY is set; capture works without")
    for module, what in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            print(f"missing   {what}")
    return 0
