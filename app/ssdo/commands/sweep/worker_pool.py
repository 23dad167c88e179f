"""Workers of a sweep: this process, several processes, or a Dask cluster. References are rendered before any point."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import connection
from pathlib import Path
from typing import Any, TypeVar

from ssdo.commands.sweep.measure import Measurement, SweepTask, Worker
from ssdo.commands.sweep.plan import Point
from ssdo.measure.references import ReferencePair
from ssdo.optional_packages import make_missing_error
from ssdo.render.shot import Shot
from ssdo.settings import UserError

Result = tuple[int | None, Measurement]  # the number of a point and its measurement; None: a reference is complete
Job = tuple[int | None, Shot]  # the number of a point and its shot; None: a reference
Results = Generator[Result, None, None]
T = TypeVar("T")

CONNECT_TIMEOUT = 30.0  # seconds for a scheduler and a worker to answer


def collect_reference_shots(task: SweepTask, points: Sequence[Point]) -> list[Shot]:
    """The references that the points are measured against, each once."""
    return list(dict.fromkeys(task.reference_plan.build_shot(point.shot) for point in points))


# ---- this process ----


def run_serial(task: SweepTask, points: Sequence[Point]) -> Results:
    """Measure in this process."""
    worker = Worker(task)
    with worker.gpu:
        for shot in collect_reference_shots(task, points):
            worker.load_reference(shot)
            yield None, {}
        for point in points:
            yield point.number, worker.measure(point.shot)


# ---- several processes of this machine ----


def run_processes(task: SweepTask, points: Sequence[Point], count: int) -> Results:
    """Measure in `count` processes with a context each. They share references through files."""
    with ExitStack() as stack:
        if task.cache is None:
            task = task._replace(cache=Path(stack.enter_context(tempfile.TemporaryDirectory())))
        pipes = stack.enter_context(_start_processes(task, count))
        yield from _distribute(pipes, [(None, shot) for shot in collect_reference_shots(task, points)])
        yield from _distribute(pipes, [(point.number, point.shot) for point in points])


@contextmanager
def _start_processes(task: SweepTask, count: int) -> Iterator[list[connection.Connection]]:
    """Pipes to running processes, which are terminated on exit. When this process is killed, they end themselves."""
    context = multiprocessing.get_context("spawn")  # a forked OpenGL context cannot be used
    processes, pipes = [], []
    try:
        for _ in range(count):
            parent_end, child_end = context.Pipe()
            process = context.Process(target=_serve, args=(child_end, task), daemon=True)
            process.start()
            child_end.close()
            processes.append(process)
            pipes.append(parent_end)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _distribute(pipes: Sequence[connection.Connection], jobs: Sequence[Job]) -> Results:
    """Send each idle process the next job, until all results have arrived. Raises UserError when a process dies."""
    pending_jobs = iter(jobs)
    busy: list[Any] = []
    try:
        for pipe, job in zip(pipes, pending_jobs, strict=False):
            pipe.send(job)
            busy.append(pipe)
        while busy:
            ready: list[Any] = connection.wait(busy)
            for pipe in ready:
                result = pipe.recv()
                if isinstance(result, BaseException):
                    raise result
                next_job = next(pending_jobs, None)
                if next_job is None:
                    busy.remove(pipe)
                else:
                    pipe.send(next_job)
                yield result
    except (EOFError, OSError):
        raise UserError(
            "a worker has died, perhaps of too little memory; finished points are kept: "
            "the same command continues, with fewer --workers"
        ) from None


def _serve(pipe: connection.Connection, task: SweepTask) -> None:
    """Run jobs from the pipe until it is closed; errors are sent back as exceptions."""
    # Ctrl-C reaches all processes of a terminal, but the parent process ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = None
    while True:
        try:
            number, shot = pipe.recv()
        except (EOFError, OSError):
            return
        result: Any
        try:
            worker = worker or Worker(task)
            if number is None:
                worker.load_reference(shot)
                result = None, {}
            else:
                result = number, worker.measure(shot)
        except UserError as error:
            result = error
        except Exception:
            result = RuntimeError(f"in a worker:\n{traceback.format_exc()}")
        try:
            pipe.send(result)
        except OSError:
            return


# ---- a Dask cluster ----


def require_dask() -> None:
    """Raises UserError without Dask."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        subject, alternative = "--cluster and --scheduler need", "; --workers does without"
        raise make_missing_error(subject, "distributed", alternative) from None


def run_cluster(task: SweepTask, points: Sequence[Point], address: str | None, count: int) -> Results:
    """Measure on the workers of a Dask scheduler, or without an address on `count` processes of this machine.

    Dask sends the references to the workers. Raises UserError.
    """
    import distributed as untyped_distributed

    distributed: Any = untyped_distributed
    with ExitStack() as stack:
        if address is None:
            with _ignore_sigint():
                local = distributed.LocalCluster(
                    n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
                )
            address = stack.enter_context(closing(local)).scheduler_address
        try:
            client = distributed.Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False)
            stack.enter_context(closing(client))
            client.wait_for_workers(1, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError) as error:
            raise UserError(
                f"--scheduler {address}: no scheduler with a worker answers ({error or type(error).__name__}); "
                "start `dask scheduler`, and `dask worker ADDRESS` on each machine"
            ) from None
        references = {
            shot: client.submit(_load_reference, task, shot, pure=False)
            for shot in collect_reference_shots(task, points)
        }
        measurements = {}
        for point in points:
            reference = references[task.reference_plan.build_shot(point.shot)]
            measurements[client.submit(_measure_shot, task, point.shot, reference, pure=False)] = point.number
        try:
            for future in distributed.as_completed([*references.values(), *measurements], loop=client.loop):
                if future in measurements:
                    yield measurements[future], future.result()
                else:
                    if future.status == "error":
                        future.result()
                    yield None, {}
        except distributed.KilledWorker as error:
            raise UserError(
                f"workers have died, perhaps of too little memory ({error}); finished points are kept: "
                "the same command continues"
            ) from None


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C; their parent process ends them."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


# Dask runs tasks in any of its threads, but an OpenGL context belongs to one: everything is rendered in this thread.
_thread_lock = threading.Lock()
_thread: list[ThreadPoolExecutor] = []
_worker: list[Worker] = []


def _get_worker(task: SweepTask) -> Worker:
    if not _worker or _worker[0].task != task:
        _worker[:] = [Worker(task)]
    return _worker[0]


def _run_in_thread(function: Callable[[], T]) -> T:
    with _thread_lock:
        if not _thread:
            _thread.append(ThreadPoolExecutor(1))
    return _thread[0].submit(function).result()


def _load_reference(task: SweepTask, shot: Shot) -> ReferencePair:
    return _run_in_thread(lambda: _get_worker(task).load_reference(shot))


def _measure_shot(task: SweepTask, shot: Shot, reference: ReferencePair) -> Measurement:
    return _run_in_thread(lambda: _get_worker(task).measure(shot, reference))
