"""Setup of a rendering process; run by path before the process imports numpy."""

import os
import signal
import threading
from multiprocessing import connection, parent_process


def prepare() -> None:
    # One thread per worker: more would compete for the same cores, and might change the last bit of a sum.
    os.environ |= {f'{name}_NUM_THREADS': '1' for name in ('OMP', 'OPENBLAS', 'MKL', 'VECLIB_MAXIMUM')}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles the interrupt.
    threading.Thread(target=_end_with, args=(parent_process().sentinel,), daemon=True).start()


def _end_with(parent: int, wait=connection.wait, end=os._exit) -> None:
    # Files are written atomically, so a worker may end anywhere.
    wait([parent])
    end(1)


if __name__ == '__main__':
    prepare()
