"""Small batches side by side, one on each core, instead of each batch on all cores.

A network of this size has too little to do in each step to keep several cores busy, and on a machine with other work
the cores wait for each other after every step.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Work = TypeVar('Work')
Result = TypeVar('Result')


def on_each_core(
    function: Callable[[Work], Result], works: Iterable[Work], device: torch.device
) -> Iterator[Result]:
    """The function of each work, in order. When the caller stops asking, what has not begun is dropped.

    Args:
        function: safe between threads.
        device: of its network; other devices than the CPU have cores of their own, and get one work after the other.
    """
    cores = torch.get_num_threads()
    if device.type != 'cpu' or cores == 1:
        yield from map(function, works)
        return
    pool = ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = [pool.submit(function, work) for work in works]
        # The last value that any thread has set is also that of threads which begin later.
        torch.set_num_threads(cores)
        for future in waiting:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)
