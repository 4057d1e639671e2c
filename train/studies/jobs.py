"""Commands that run in parallel as subprocesses."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.common.errors import ZooError

POLL_SECONDS = 0.1
GRACE_SECONDS = 10
TAIL_LINES = 15


class Job(NamedTuple):
    name: str
    command: list[str]
    output: Path
    """File that stdout and stderr are appended to; its folder is created if missing."""
    also_good: tuple[int, ...] = ()
    """Exit statuses other than 0 that count as success."""


class JobError(ZooError, RuntimeError):
    """A job failed; the message has the last lines of its output and the path to the rest."""


class Interrupted(RuntimeError):
    """SIGINT or SIGTERM (`signum`) was received; all jobs have been stopped."""

    def __init__(self, signum: int) -> None:
        super().__init__(f'interrupted by {signal.Signals(signum).name}')
        self.signum = signum


class _Running(NamedTuple):
    job: Job
    process: subprocess.Popen
    start: float


def run_jobs(
    jobs: list[Job],
    side_by_side: int,
    on_start: Callable[[Job], None],
    on_finish: Callable[[Job, float], None],
) -> None:
    """Run all jobs in order, `side_by_side` at a time, and leave no process behind, whatever happens.

    Args:
        on_start: called with each job that starts.
        on_finish: called with each job that succeeded, and its seconds. An error raised here stops the other jobs.

    Raises:
        JobError: a job exited with a status that is not a success; those still running are terminated.
        Interrupted: SIGINT or SIGTERM was received; those still running are terminated.
        OSError: the output of a job cannot be written.
    """
    waiting, running = deque(jobs), []
    environment = _with_threads(side_by_side)
    with _recorded_signals() as signals:
        try:
            while waiting or running:
                # Signals first: Ctrl-C in a terminal also reaches the jobs, which must not be reported as failed.
                if signals:
                    raise Interrupted(signals[0])
                while waiting and len(running) < side_by_side:
                    running.append(_start(waiting.popleft(), environment))
                    on_start(running[-1].job)
                time.sleep(POLL_SECONDS)
                if not signals:
                    running = _collect(running, on_finish)
        finally:
            _stop(running)


def _with_threads(side_by_side: int) -> dict[str, str]:
    """Return the environment, with the cores divided among the jobs unless the user has set the number of threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return {'OMP_NUM_THREADS': str(max(1, cores // side_by_side)), **os.environ}


@contextmanager
def _recorded_signals() -> Iterator[list[int]]:
    # Recorded, not raised: an exception between the start of a process and its entry in the list would leave it behind.
    received: list[int] = []
    before = {
        signum: signal.signal(signum, lambda number, frame: received.append(number))
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _start(job: Job, environment: dict[str, str]) -> _Running:
    job.output.parent.mkdir(parents=True, exist_ok=True)
    with open(job.output, 'a') as file:
        process = subprocess.Popen(
            job.command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environment
        )
    return _Running(job, process, time.monotonic())


def _collect(running: list[_Running], on_finish: Callable[[Job, float], None]) -> list[_Running]:
    """Report the jobs that have ended and return the others."""
    ended = [one for one in running if one.process.poll() is not None]
    # Successes first, so that a failure at the same time does not hide them.
    for one in sorted(ended, key=_failed):
        job, process, start = one
        if _failed(one):
            lines = job.output.read_text(errors='replace').splitlines()[-TAIL_LINES:]
            tail = '\n'.join(f'  {line}' for line in lines)
            raise JobError(f'{job.name} failed with exit status {process.returncode}; end of {job.output}:\n{tail}')
        on_finish(job, time.monotonic() - start)
    return [one for one in running if one not in ended]


def _failed(one: _Running) -> bool:
    return one.process.returncode not in (0, *one.job.also_good)


def _stop(running: list[_Running]) -> None:
    for one in running:
        one.process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for one in running:
        try:
            one.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
