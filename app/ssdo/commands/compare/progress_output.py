"""Shows the progress of a comparison: a bar on a terminal, or lines for another program (`--progress json`)."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from tqdm import tqdm

from ssdo.measure.progress import STOP_LINE, Progress

ProgressSink = Callable[[Progress], None]
BAR_FORMAT = "{desc} {percentage:3.0f} % {bar} {elapsed} elapsed, {remaining} left"


@contextlib.contextmanager
def show_progress(output: str) -> Iterator[ProgressSink]:
    """Within the context, show what the sink gets. `output`: bar or json. The sink may raise KeyboardInterrupt."""
    if output == "json":
        yield _print_lines()
        return
    with tqdm(total=1.0, bar_format=BAR_FORMAT, disable=None, smoothing=0) as bar:
        page = None

        def update(progress: Progress) -> None:
            nonlocal page
            if progress.page != page:
                page = progress.page
                bar.write(f"draft: {page}", file=sys.stderr)
            # In seconds of work, so that the bar's own estimate is ours.
            elapsed = bar.format_dict["elapsed"]
            bar.total = elapsed + progress.seconds_left
            bar.set_description_str(f"{progress.stage} {progress.done}/{progress.total}", refresh=False)
            bar.update(elapsed - bar.n)

        yield update


def _print_lines() -> ProgressSink:
    """A sink that prints lines of JSON on stderr. The line `stop` on stdin interrupts the command."""
    # A shell may have told this process to ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == STOP_LINE:
                _thread.interrupt_main()
                return

    threading.Thread(target=listen, daemon=True).start()

    def print_line(progress: Progress) -> None:
        try:
            print(progress.to_line(), file=sys.stderr, flush=True)
        except OSError:  # nobody reads any more
            raise KeyboardInterrupt from None

    return print_line
