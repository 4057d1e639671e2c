"""Photos to batches: those of one size stacked, how many go through a network at once, and batches on each core."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

SHARE = 0.25
"""Share of the free memory that a batch may take; the rest is for what else runs meanwhile."""
MOST = {'cpu': 16, 'cuda': 256}
"""Larger batches are not faster: on a processor they leave its caches."""
COPIES = 4
"""So many of the largest outputs are held at once: of image and mirror image those of a layer, and its input's."""

UNKNOWN_MEMORY = 4 << 30
"""Bytes that are taken to be free where the system does not say."""
LEAST = 4
"""Things in a batch that is made smaller only to keep a core busy."""

Work = TypeVar('Work')
Result = TypeVar('Result')


def stack_images(images: Sequence[Image.Image]) -> Iterator[tuple[list[int], Tensor]]:
    """For each size of RGB images the positions of those that have it, and these images (n, 3, H, W) uint8.

    In channels_last, in which Pillow has them.
    """
    arrays = [np.asarray(image if image.mode == 'RGB' else image.convert('RGB')) for image in images]
    for rows in of_one_size(images):
        yield rows, torch.from_numpy(np.stack([arrays[row] for row in rows])).permute(0, 3, 1, 2)


def of_one_size(images: Sequence[Image.Image]) -> list[list[int]]:
    """Positions of images, those of one size together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, image in enumerate(images):
        groups.setdefault(image.size, []).append(row)
    return list(groups.values())


def batch_size_for(model: nn.Module, size: tuple[int, int]) -> int:
    """Photos per pass, at least 1.

    Args:
        model: of the zoo, in eval mode.
        size: (H, W) of its input in pixels.
    """
    device = next(model.parameters()).device
    most = MOST.get(device.type, 16)
    return max(1, min(most, int(SHARE * free_memory(device) / (COPIES * _largest_output(model, size)))))


def free_memory(device: torch.device) -> int:
    """Bytes that can be had without swapping."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open('/proc/meminfo') as file:  # counts caches as free, which sysconf does not
            fields = dict(line.split(':', 1) for line in file)
        return int(fields['MemAvailable'].split()[0]) * 1024
    except (OSError, KeyError):  # not Linux
        return UNKNOWN_MEMORY


@torch.inference_mode()
def _largest_output(model: nn.Module, size: tuple[int, int]) -> int:
    """Bytes in float32 of the largest tensor that a layer makes of one photo."""
    sizes = [3 * size[0] * size[1]]

    def note(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel())

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        image = torch.zeros(1, 3, *size, device=next(model.parameters()).device)
        model(image, image)
    finally:
        for hook in hooks:
            hook.remove()
    return 4 * max(sizes)


def on_each_core(
    function: Callable[[Work], Result], works: Iterable[Work], device: torch.device
) -> Iterator[Result]:
    """The function of each work, in order. When the caller stops asking, what has not begun is dropped.

    A network of this size has too little to do in each step to keep several cores busy, and on a machine with other
    work the cores wait for each other after every step: small batches side by side do not.

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
