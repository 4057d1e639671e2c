"""Pool of rendering processes."""

import runpy
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import cv2

from ifd_zoo.synthetic.metadata import Row
from ifd_zoo.synthetic.plan import Settings, Shot
from ifd_zoo.synthetic.writer import Artist, GenerationError, write_shots

T = TypeVar('T')


class Pool:
    """Worker processes that live for the `with` block; their number does not affect the images.

    Args:
        workers: number of processes, one thread each.
        textures: folder for textures that the workers share, up to 400 MB; removed when the block ends.
    """

    def __init__(self, settings: Settings, workers: int, textures: Path) -> None:
        prepare = str(Path(__file__).with_name('worker.py'))
        self.settings, self._textures = settings, textures
        self._executor = ProcessPoolExecutor(
            workers, get_context('spawn'), initializer=runpy.run_path, initargs=(prepare, None, '__main__')
        )

    def __enter__(self) -> 'Pool':
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._executor.shutdown(cancel_futures=True)
        shutil.rmtree(self._textures, ignore_errors=True)

    def make(self, root: Path, shots: Sequence[Shot]) -> Iterator[list[Row]]:
        """Render and write the shots below `root`; yield the rows of each person when all their shots are done.

        Raises:
            GenerationError: an image cannot be rendered, or a worker has died.
            DiskError: a file cannot be written.
        """
        people = [list(group) for _, group in groupby(shots, lambda shot: shot.identity)]
        futures = [self._submit(write_shots, root, person) for person in people]
        return (self._result(future) for future in as_completed(futures))

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Run `function(artist, *arguments)` in a worker and return its result; raises what it raises."""
        return self._result(self._submit(function, *arguments))

    def _submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        return self._executor.submit(_with_artist, function, self.settings, self._textures, *arguments)

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise GenerationError(
                'a worker was killed, perhaps for lack of memory; run the same command again with fewer --workers'
            ) from error


def _with_artist(function: Callable[..., T], settings: Settings, textures: Path, *arguments: object) -> T:
    return function(_artist(settings, textures), *arguments)


@lru_cache(maxsize=1)
def _artist(settings: Settings, textures: Path) -> Artist:
    cv2.setNumThreads(1)
    return Artist(settings, textures)
