"""Batches of photos: stacked by size, as large as memory allows, and in parallel on the cores of a CPU."""

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
"""Share of the free memory that a batch may take; the rest is left for everything else that runs."""
MOST = {'cpu': 16, 'cuda': 256}
"""Largest batch by device type. Larger ones are not faster: on a CPU they do not fit into its caches."""
COPIES = 4
"""Number of largest outputs held at once: a layer's input and output, for the image and the mirror image."""

UNKNOWN_MEMORY = 4 << 30
"""Bytes assumed to be free if the system does not say."""
LEAST = 4
"""Smallest batch size when batches are split to keep all cores busy."""

Work = TypeVar('Work')
Result = TypeVar('Result')


def stack_images(images: Sequence[Image.Image]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield, for each size of images, their positions and the images as one RGB tensor (n, 3, H, W) uint8.

    The tensor is channels_last, as images are in Pillow.
    """
    arrays = [np.asarray(image if image.mode == 'RGB' else image.convert('RGB')) for image in images]
    for rows in group_by_size(images):
        yield rows, torch.from_numpy(np.stack([arrays[row] for row in rows])).permute(0, 3, 1, 2)


def group_by_size(images: Sequence[Image.Image]) -> list[list[int]]:
    """Group the positions of images by image size."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, image in enumerate(images):
        groups.setdefault(image.size, []).append(row)
    return list(groups.values())


def batch_size_for(model: nn.Module, size: tuple[int, int]) -> int:
    """Return how many photos to run through the model at once, at least 1.

    Args:
        model: of the zoo, in eval mode.
        size: (H, W) of its input in pixels.
    """
    device = next(model.parameters()).device
    most = MOST.get(device.type, 16)
    return max(1, min(most, int(SHARE * free_memory(device) / (COPIES * _largest_output(model, size)))))


def free_memory(device: torch.device) -> int:
    """Return the bytes that are available without swapping."""
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
    """Return the bytes in float32 of the largest tensor that a layer outputs for one photo."""
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


def parallel_map(
    function: Callable[[Work], Result], works: Iterable[Work], device: torch.device
) -> Iterator[Result]:
    """Yield the results of a function for each work item, in order, computed in parallel on the cores of a CPU.

    If the caller stops iterating, items that have not begun are dropped. The operations of a small network are too
    small to keep several cores busy, and on a busy machine the cores wait for each other after each of them; small
    batches in parallel have neither problem.

    Args:
        function: thread-safe.
        device: of the function's network; on devices other than the CPU the items run one after the other.
    """
    works, cores = list(works), torch.get_num_threads()
    if device.type != 'cpu' or cores == 1 or len(works) < 2:
        yield from map(function, works)
        return
    pool = ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = [pool.submit(function, work) for work in works]
        # Threads that start later take the value that any thread has set last.
        torch.set_num_threads(cores)
        for future in waiting:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)


def split_batches(number: int, most: int, device: torch.device) -> list[slice]:
    """Split items into batches for `parallel_map`: equal in size, and equally many per core unless they get too small.

    Args:
        number, most: number of items, largest batch size.
    """
    cores = torch.get_num_threads() if device.type == 'cpu' else 1
    batches = max(math.ceil(number / most), min(cores, number // LEAST))
    batches = min(math.ceil(batches / cores) * cores, max(batches, number // LEAST))
    bounds = [number * index // max(batches, 1) for index in range(batches + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]
