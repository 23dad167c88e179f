"""Screen-space ambient and directional occlusion, side by side and against the truth."""

__version__ = "0.1.0"
