"""Screen-space ambient and directional occlusion, compared with each other and with a path-traced reference."""

import os

__version__ = "0.1.0"

# OpenBLAS reads this when numpy is imported. All matrices here are small: its threads would only cost processor time,
# and sums of one thread are the same on every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
