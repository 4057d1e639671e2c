"""Work shared out among the processes that `torchrun` or `accelerate launch` starts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple, TypeVar

import torch
import torch.distributed as dist

from ifd_zoo.errors import ZooError
from ifd_zoo.models.inference import pick_device

T = TypeVar('T')
PATIENCE = timedelta(days=7)  # a launcher ends all processes when one fails, so that nobody waits for nothing


class ProcessError(ZooError, RuntimeError):
    """Another process has failed."""


class Processes(NamedTuple):
    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Among the processes of this machine."""

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part: every one of them gets others, together they have all."""
        return items[self.rank :: self.size]

    def wait(self) -> None:
        """Return when all processes have come here. Raises ProcessError when one never will."""
        if self.size == 1:
            return
        try:
            dist.barrier()
        except RuntimeError as error:
            raise ProcessError(f'another process has failed ({str(error).splitlines()[0]})') from error

    def pick_device(self, name: str | None) -> torch.device:
        """The device of that name, or a GPU if there is any; on a machine of several GPUs each process has its own.

        Raises:
            DeviceError: it cannot be used.
        """
        device = pick_device(name)
        if device.type == 'cuda' and device.index is None and self.size > 1:
            return pick_device(f'cuda:{self.local_rank % torch.cuda.device_count()}')
        return device


def is_main() -> bool:
    """Whether this process is the one that reports."""
    return int(os.environ.get('RANK', 0)) == 0


@contextmanager
def process_group() -> Iterator[Processes]:
    """The processes that this one was started with; it alone when there was no launcher."""
    size = int(os.environ.get('WORLD_SIZE', 1))
    if size == 1:
        yield Processes()
        return
    # gloo, as nothing but a sign of life is exchanged: nccl would want a GPU for each process.
    dist.init_process_group('gloo', timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), size, int(os.environ.get('LOCAL_RANK', 0)))
    finally:
        dist.destroy_process_group()
