"""Milliseconds of each pass, by timer queries or by a clock."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
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
        self.excluded_seconds = 0.0  # in total, within passes: what is no part of them
        self.is_shared = True  # passes that are drawn now are the same for all techniques; `render_frame` sets it
        self.shared_passes: set[str] = set()  # names of those, of all frames
        self.drawn_passes: list[str] = []  # names, of this frame; cached ones are not among them
        self._pass_counts: dict[str, int] = {}  # of this frame
        self._previous_counts: dict[str, int] = {}  # of the frame before
        self._samples: dict[str, deque[float]] = {}
        self._queries: dict[str, list[moderngl.Query]] = {}
        self._query_counts: dict[str, int] = defaultdict(int)
        # by pass: queries that had begun when its results were dropped
        self._dropped_counts: dict[str, int] = defaultdict(int)

    def begin_frame(self) -> None:
        """Forget passes that the last frame did not draw, and number passes of the same name anew."""
        self.restart(self.known_passes - self._pass_counts.keys())
        self._previous_counts, self._pass_counts, self.drawn_passes = self._pass_counts, {}, []
        self.is_shared = True

    def abort_frame(self) -> None:
        """Note that this frame is left unfinished: the passes of the last frame stay."""
        self._pass_counts = self._previous_counts | self._pass_counts

    @property
    def known_passes(self) -> set[str]:
        """Names of all passes with samples or queries."""
        return self._samples.keys() | self._query_counts.keys()

    def restart(self, names: Iterable[str]) -> None:
        """Drop the results of passes, those of queries in flight too."""
        for name in list(names):
            self._samples.pop(name, None)
            self._dropped_counts[name] = self._query_counts[name]

    def skip(self, name: str) -> None:
        """Count a cached pass: its samples stay."""
        if self.enabled:
            self._count_pass(name)

    def _count_pass(self, name: str) -> str:
        """The name of the next pass in this frame: the second one of a name is listed as `name 2`."""
        count = self._pass_counts[name] = self._pass_counts.get(name, 0) + 1
        if count > 1:
            name = f"{name} {count}"
            self._pass_counts[name] = 1
        if self.is_shared:
            self.shared_passes.add(name)
        else:
            self.shared_passes.discard(name)
        return name

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure the pass drawn inside. If an exception ends it, it has no time."""
        if not self.enabled:
            yield
            return
        name = self._count_pass(name)
        self.drawn_passes.append(name)
        if self.is_software_renderer:
            self.ctx.finish()
            start, excluded = self.clock(), self.excluded_seconds
            yield
            self.ctx.finish()
            self._add_sample(name, 1e3 * (self.clock() - start - (self.excluded_seconds - excluded)))
            return
        try:
            with self._next_query(name):
                yield
        except BaseException:
            self._dropped_counts[name] = self._query_counts[name]
            raise

    def _add_sample(self, name: str, milliseconds: float) -> None:
        self._samples.setdefault(name, deque(maxlen=self.max_samples)).append(milliseconds)

    def _next_query(self, name: str) -> moderngl.Query:
        """The query to measure with, after its previous result has been read."""
        queries = self._queries.setdefault(name, [])
        count = self._query_counts[name]
        self._query_counts[name] += 1
        if len(queries) < QUERIES_IN_FLIGHT:
            queries.append(self.ctx.query(time=True))
            return queries[-1]
        query = queries[count % QUERIES_IN_FLIGHT]
        nanoseconds = query.elapsed
        if count >= max(QUERY_LATENCY, self._dropped_counts[name] + QUERIES_IN_FLIGHT):
            self._add_sample(name, nanoseconds * 1e-6)
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
