"""Who draws the points: this process, several, or those of a Dask cluster. First every truth once, then the points, as
they come.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import connection
from pathlib import Path
from typing import Any

from ssdo.commands.sweep.measure import Row, Task, Worker
from ssdo.commands.sweep.plan import Point
from ssdo.measure.references import Truth
from ssdo.render.shot import Shot
from ssdo.settings import UserError

Done = tuple[int | None, Row]  # a point and its row; None: a truth
PATIENCE = 30.0  # seconds until a scheduler and a worker must have answered


def alone(task: Task, points: Sequence[Point]) -> Iterator[Done]:
    """In this process."""
    worker = Worker(task)
    with worker.gpu:
        for shot in truths(task, points):
            worker.truth(shot)
            yield None, {}
        for point in points:
            yield point.number, worker.point(point.shot)


def truths(task: Task, points: Sequence[Point]) -> list[Shot]:
    """What the points are measured against, each once."""
    return list(dict.fromkeys(task.truths.of(point.shot) for point in points))


# ---- several processes of this machine ----


def processes(task: Task, points: Sequence[Point], count: int) -> Iterator[Done]:
    """In so many processes, each with a context of its own. Truths go from one to the others by disk."""
    with ExitStack() as stack:
        if task.cache is None:
            task = task._replace(cache=Path(stack.enter_context(tempfile.TemporaryDirectory())))
        pipes = stack.enter_context(_started(task, count))
        jobs: Sequence[Sequence[tuple[int | None, Shot]]] = (
            [(None, shot) for shot in truths(task, points)],
            [(p.number, p.shot) for p in points],
        )
        for one in jobs:  # no point before all truths
            yield from _shared_out(pipes, one)


@contextmanager
def _started(task: Task, count: int) -> Iterator[list[connection.Connection]]:
    """The pipes to processes that are running; they are ended whatever happens, and end themselves when this one is
    killed.
    """
    context = multiprocessing.get_context("spawn")  # a forked copy of an OpenGL context is of no use
    started, pipes = [], []
    try:
        for _ in range(count):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, task), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
            pipes.append(mine)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in started:
            process.terminate()
        for process in started:
            process.join()


def _shared_out(pipes: Sequence[connection.Connection], jobs: Sequence[tuple[int | None, Shot]]) -> Iterator[Done]:
    left = iter(jobs)
    busy: list[Any] = []
    try:
        for pipe, job in zip(pipes, left, strict=False):
            pipe.send(job)
            busy.append(pipe)
        while busy:
            ready: list[Any] = connection.wait(busy)
            for one in ready:
                answer = one.recv()
                if isinstance(answer, BaseException):
                    raise answer
                if (following := next(left, None)) is not None:
                    one.send(following)
                else:
                    busy.remove(one)
                yield answer
    except (EOFError, OSError):
        raise UserError(
            "a worker has died, perhaps of too little memory; what is done is kept: the same command goes on, with fewer --workers"
        ) from None


def _serve(pipe: connection.Connection, task: Task) -> None:
    """What such a process does: answer, until nobody asks any more."""
    # Ctrl-C reaches all of a terminal's processes; the one that started this ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = None
    while True:
        try:
            number, shot = pipe.recv()
        except (EOFError, OSError):
            return
        answer: Any
        try:
            worker = worker or Worker(task)
            if number is None:
                worker.truth(shot)
            answer = number, {} if number is None else worker.point(shot)
        except UserError as problem:
            answer = problem
        except Exception:
            answer = RuntimeError(f"in a worker:\n{traceback.format_exc()}")
        try:
            pipe.send(answer)
        except OSError:
            return


# ---- a cluster ----


def check() -> None:
    """Raises UserError without Dask."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UserError(
            "--cluster and --scheduler need the package distributed: pip install distributed; --workers does without"
        ) from None


def cluster(task: Task, points: Sequence[Point], address: str | None, count: int) -> Iterator[Done]:
    """By Dask: on the workers of a scheduler, or on so many processes of this machine. Truths go from one to the others
    as Dask sends them.
    """
    import distributed as dask  # its types are few: it is taken as it comes

    distributed: Any = dask
    with ExitStack() as stack:
        if address is None:
            with _deaf():
                local = distributed.LocalCluster(
                    n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
                )
            address = stack.enter_context(closing(local)).scheduler_address
        try:
            client = stack.enter_context(closing(distributed.Client(address, timeout=PATIENCE, set_as_default=False)))
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise UserError(
                f"--scheduler {address}: no scheduler with a worker answers ({error or type(error).__name__}); "
                "start `dask scheduler`, and `dask worker ADDRESS` on each machine"
            ) from None
        drawn = {shot: client.submit(_truth, task, shot, pure=False) for shot in truths(task, points)}
        measured = {
            client.submit(_point, task, p.shot, drawn[task.truths.of(p.shot)], pure=False): p.number for p in points
        }
        try:
            for future in distributed.as_completed([*drawn.values(), *measured], loop=client.loop):
                if future in measured:
                    yield measured[future], future.result()
                else:
                    if future.status == "error":
                        future.result()
                    yield None, {}
        except distributed.KilledWorker as error:
            raise UserError(
                f"workers have died, perhaps of too little memory ({error}); what is done is kept: the same command goes on"
            ) from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started meanwhile pay no heed to a terminal's Ctrl-C: the one that started them ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# A context belongs to the thread that made it, and Dask's workers have threads as they please: all is drawn in one of
# this process's own.
_own = threading.Lock()
_thread: list[ThreadPoolExecutor] = []
_worker: list[Worker] = []


def _drawing(task: Task) -> Worker:
    if not _worker or _worker[0].task != task:
        _worker[:] = [Worker(task)]
    return _worker[0]


def _in_thread(job: Any) -> Any:
    with _own:
        if not _thread:
            _thread.append(ThreadPoolExecutor(1))
    return _thread[0].submit(job).result()


def _truth(task: Task, shot: Shot) -> Truth:
    found: Truth = _in_thread(lambda: _drawing(task).truth(shot))
    return found


def _point(task: Task, shot: Shot, against: Truth) -> Row:
    found: Row = _in_thread(lambda: _drawing(task).point(shot, against))
    return found
