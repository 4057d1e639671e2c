"""Makes a fresh process a worker that draws; run by its path, before the process imports numpy."""

import os
import signal
import threading
from multiprocessing import connection, parent_process


def prepare() -> None:
    # One thread for each worker: more would fight for the same cores, and might change the last bit of a sum.
    os.environ |= {f'{name}_NUM_THREADS': '1' for name in ('OMP', 'OPENBLAS', 'MKL', 'VECLIB_MAXIMUM')}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends the run when it is interrupted.
    threading.Thread(target=_end_with, args=(parent_process().sentinel,), daemon=True).start()


def _end_with(parent: int, wait=connection.wait, end=os._exit) -> None:
    # Files appear in one step, so that a worker may end anywhere.
    wait([parent])
    end(1)


if __name__ == '__main__':
    prepare()
