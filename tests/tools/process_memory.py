"""Peak memory of this process and of those that it started."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_megabytes(of_children: bool = False) -> float:
    """Peak resident memory in MiB; 0 where the system does not report it."""
    try:
        import resource
    except ImportError:
        return 0.0
    status = Path("/proc/self/status")
    if not of_children and status.exists():
        # Linux counts in ru_maxrss what the parent held before exec.
        (kilobytes,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(kilobytes) / 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return peak * unit / 2**20


def format_peak(of_children: bool = False) -> str:
    """Peak resident memory, as in `1.41 GB`; empty where the system does not report it."""
    peak = peak_megabytes(of_children)
    return f"{peak / 1024:.2f} GB" if peak else ""
