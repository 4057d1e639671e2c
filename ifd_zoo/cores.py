"""Small batches side by side, one on each core, instead of each batch on all cores.

A network of this size has too little to do in each step to keep several cores busy, and on a machine with other work
the cores wait for each other after every step.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

LEAST = 4
"""Things in a batch that is made smaller only to keep a core busy."""

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
    works, cores = list(works), torch.get_num_threads()
    if device.type != 'cpu' or cores == 1 or len(works) < 2:
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


def share_out(number: int, most: int, device: torch.device) -> list[slice]:
    """So many things in batches for `on_each_core`: of equal size, and as many for each core unless they get too small.

    Args:
        most: things in a batch.
    """
    cores = torch.get_num_threads() if device.type == 'cpu' else 1
    batches = max(math.ceil(number / most), min(cores, number // LEAST))
    batches = min(math.ceil(batches / cores) * cores, max(batches, number // LEAST))
    bounds = [number * index // max(batches, 1) for index in range(batches + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]
