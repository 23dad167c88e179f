"""Screen-space ambient and directional occlusion, side by side and against the truth."""

import os

__version__ = "0.1.0"

# Before numpy is imported: its linear algebra then starts no threads of its own, which wait by turning for 30 ms of
# processor time while a picture is made. All matrices here are small, and sums come out the same on every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
