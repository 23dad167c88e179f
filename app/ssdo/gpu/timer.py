"""Milliseconds of each pass, by timer queries or by a clock."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from statistics import median

import moderngl

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "software", "basic render")
QUERIES_IN_FLIGHT = 3  # a query is read this many frames later, so that nothing waits for it
QUERY_LATENCY = 2 * QUERIES_IN_FLIGHT  # frames until the first valid result: the first of each query is discarded


class PassTimer:
    """Measures passes while `enabled`. Medians are over the last `max_samples` frames.

    GPUs answer timer queries, whose first results are meaningless. A software renderer's queries are always
    meaningless: there, each pass is finished and measured by `clock`.
    """

    def __init__(
        self, ctx: moderngl.Context, max_samples: int = 15, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.ctx = ctx
        self.max_samples = max_samples
        self.clock = clock  # seconds
        self.is_software_renderer = any(word in ctx.info["GL_RENDERER"].lower() for word in SOFTWARE_RENDERERS)
        self.enabled = False
        self.frame_count = 0
        self.skipped_ms = 0.0  # what this frame's cached passes would have taken
        self.excluded_seconds = 0.0  # in total, within passes: what is no part of them
        self._pass_counts: dict[str, int] = {}  # of this frame
        self._samples: dict[str, deque[float]] = {}
        self._queries: dict[str, list[moderngl.Query]] = {}
        self._query_counts: dict[str, int] = defaultdict(int)

    def begin_frame(self) -> None:
        """Forget passes that the last frame did not draw, and number passes of the same name anew."""
        self.frame_count += 1
        for unused in self._samples.keys() - self._pass_counts.keys():
            del self._samples[unused]
        self._pass_counts = {}
        self.skipped_ms = 0.0

    def skip(self, name: str) -> None:
        """Count a cached pass: its samples stay."""
        if self.enabled:
            self._pass_counts[name] = self._pass_counts.get(name, 0) + 1
            self.skipped_ms += median(self._samples.get(name) or [0.0])

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure the pass drawn inside. The second pass of a name in a frame is listed as `name 2`."""
        if not self.enabled:
            yield
            return
        count = self._pass_counts[name] = self._pass_counts.get(name, 0) + 1
        if count > 1:
            name = f"{name} {count}"
            self._pass_counts[name] = 1
        samples = self._samples.setdefault(name, deque(maxlen=self.max_samples))
        if self.is_software_renderer:
            self.ctx.finish()
            start, excluded = self.clock(), self.excluded_seconds
            yield
            self.ctx.finish()
            samples.append(1e3 * (self.clock() - start - (self.excluded_seconds - excluded)))
        else:
            with self._next_query(name, samples):
                yield

    def _next_query(self, name: str, samples: deque[float]) -> moderngl.Query:
        """The query to measure with, after its previous result has been read."""
        queries = self._queries.setdefault(name, [])
        count = self._query_counts[name]
        self._query_counts[name] += 1
        if len(queries) < QUERIES_IN_FLIGHT:
            queries.append(self.ctx.query(time=True))
            return queries[-1]
        query = queries[count % QUERIES_IN_FLIGHT]
        nanoseconds = query.elapsed
        if count >= QUERY_LATENCY:
            samples.append(nanoseconds * 1e-6)
        return query

    @property
    def samples(self) -> dict[str, list[float]]:
        """Milliseconds of each of the last frames by pass, in drawing order."""
        return {name: list(samples) for name, samples in self._samples.items() if samples}

    @property
    def medians(self) -> dict[str, float]:
        """Median milliseconds by pass, in drawing order."""
        return {name: median(samples) for name, samples in self.samples.items()}

    @property
    def last_frame(self) -> dict[str, float | None]:
        """Median milliseconds of the last frame's passes, cached ones included, in drawing order.

        None: this timer has not measured the pass, as when another timer's frame drew it.
        """
        medians = self.medians
        return {name: medians.get(name) for name in self._pass_counts}
