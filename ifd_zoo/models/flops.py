"""Number of floating-point operations of a network."""

from collections.abc import Callable

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class _Counter(TorchDispatchMode):
    """Counter of the operations of its own thread.

    `torch.utils.flop_counter.FlopCounterMode` also hooks into the modules of all other threads, which makes a backward
    pass in one of them fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        count = flop_registry.get(func.overloadpacket)
        if count is None:
            with self:  # the operations into which it decomposes may count
                result = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if result is NotImplemented else result
        result = func(*args, **kwargs)
        self.total += count(*args, **kwargs, out_val=result)
        return result


def count_flops(run: Callable[[], object]) -> int:
    """Count the floating-point operations that `run` performs with torch, two per multiply-add.

    Thread-safe.
    """
    with _Counter() as counter:
        run()
    return counter.total
