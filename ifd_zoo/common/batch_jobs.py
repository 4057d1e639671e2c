"""Resumable work on many photos, in this process or on a Ray cluster; results are written as they arrive.

Label maps, embeddings and index rows are made this way: finished photos are known by a key, batches are cut the same
way wherever they are processed, and a run that was stopped resumes with the rest.
"""

import logging
import os
import pickle
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from tqdm import tqdm

from ifd_zoo.common.errors import ZooError, first_line

Key = TypeVar('Key', bound=Hashable)
Photo = TypeVar('Photo')
Result = TypeVar('Result')
Work = Callable[[list[Photo]], Sequence[Result]]
"""Maps a batch to one result per photo."""

REQUIRED = 'ray[data]>=2.50,<3'
PROJECT = Path(__file__).resolve().parents[1]
BLOCKS = 10_000
"""Maximum number of parts that Ray hands out; a lost worker loses one."""


class RayError(ZooError, RuntimeError):
    """A Ray cluster that cannot be used, or did not finish."""


class Cluster(NamedTuple):
    """A Ray cluster. Its machines share the folders of this one, and have the project at the same path."""

    address: str
    """Address of the head; empty for the cluster that Ray finds, or else a temporary one on this machine."""
    device: torch.device
    """Each actor gets one of this type: a GPU, or as many cores as torch has threads here."""

    def map(self, work: Work, batches: Sequence[list[Photo]]) -> Iterator[tuple[int, Sequence[Result]]]:
        """Yield the position and the results of each batch, in order of completion.

        The work is pickled for the actors. A lost actor is replaced, and its work is repeated.

        Raises:
            RayError: Ray is not installed, or the cluster cannot be used.
            ZooError, OSError: raised by the work.
        """
        ray = _connect(self.address)
        from ray.data import ActorPoolStrategy, from_items

        threads = torch.get_num_threads()
        cores, gpus = (1, 1) if self.device.type == 'cuda' else (threads, 0)
        places = min(_count_actors(ray.nodes(), cores, gpus), len(batches))
        # At most two batches wait for a slow actor.
        sizes = {'min_size': 1, 'initial_size': places, 'max_size': places, 'max_tasks_in_flight_per_actor': 2}
        rows = [{'batch': place, 'photos': pickle.dumps(batch)} for place, batch in enumerate(batches)]
        data = from_items(rows, override_num_blocks=min(len(rows), BLOCKS)).map_batches(
            _Actor,
            fn_constructor_args=[work, threads, os.getcwd()],
            batch_size=1,
            compute=ActorPoolStrategy(**sizes),
            num_cpus=cores,
            num_gpus=gpus,
        )
        for block in data.iter_batches(batch_size=None, prefetch_batches=0):
            for place, results in zip(block['batch'].tolist(), map(pickle.loads, block['results']), strict=True):
                if isinstance(results, Exception):
                    raise results
                yield place, results


def cluster_at(address: str | None, device: torch.device) -> Cluster | None:
    """Return the cluster for a value of `--ray`; None without one."""
    return None if address is None else Cluster(address, device)


def process_batches(
    work: Work,
    photos: Mapping[Key, Photo],
    write: Callable[[dict[Key, Result]], None],
    done: Collection[Key] = (),
    size: int = 64,
    group: int = 1,
    cluster: Cluster | None = None,
    progress: Callable[[int], None] = lambda number: None,
) -> None:
    """Do the work on all photos that are not done yet, and write the results.

    Args:
        write: called with groups of results.
        done: keys of photos to skip.
        size: photos per batch.
        group: minimum photos per group; the last group may have fewer.
        progress: called with the number of photos done, including those in `done`; may raise to stop.

    Raises:
        RayError: the cluster cannot be used, or photos are left without a result.
    """
    batches = cut_batches(list(photos), done, size)
    inputs = [[photos[key] for key in batch] for batch in batches]
    missing, found = sum(map(len, batches)), {}
    progress(len(photos) - missing)
    if not batches:
        return
    for place, results in enumerate(map(work, inputs)) if cluster is None else cluster.map(work, inputs):
        found |= zip(batches[place], results, strict=True)
        missing -= len(results)
        if len(found) >= group or not missing:
            write(found)
            found = {}
        progress(len(photos) - missing)
    if missing:
        raise RayError(f'{missing} of {len(photos)} photos were not done; run the same command again')


@contextmanager
def bar(total: int, title: str, **options: Any) -> Iterator[Callable[[int], None]]:
    """Show a progress bar and yield it as the `progress` of `process_batches`; options as for `tqdm`."""
    with tqdm(total=total, desc=title, unit=' images', **options) as shown:
        yield lambda number: shown.update(number - shown.n)


def cut_batches(keys: Sequence[Key], done: Collection[Key], size: int) -> list[list[Key]]:
    """Return batches of the keys that are not done.

    Full batches stay those of a first run, since the last digits of a result depend on its batch; the rest follows.
    """
    parts = [[key for key in keys[start : start + size] if key not in done] for start in range(0, len(keys), size)]
    rest = [key for part in parts if len(part) < size for key in part]
    return [part for part in parts if len(part) == size] + [
        rest[start : start + size] for start in range(0, len(rest), size)
    ]


class _Actor:
    """Does the work on a machine of the cluster as it would be done here."""

    def __init__(self, work: Work, threads: int, folder: str) -> None:
        torch.set_num_threads(threads)
        if os.path.isdir(folder):  # so that relative paths mean the same
            os.chdir(folder)
        self.work = work

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        try:
            results = self.work(pickle.loads(batch['photos'][0]))
        except (ZooError, OSError) as error:
            results = error
        return {'batch': batch['batch'], 'results': [pickle.dumps(results)]}


def _connect(address: str) -> Any:
    """Return the package `ray`, connected to a cluster until this process ends."""
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # otherwise Ray reports usage to its makers
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RayError(f'--ray needs a package that is not installed ({error}): pip install "{REQUIRED}"') from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger('ray.data').setLevel(logging.ERROR)
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get('PYTHONPATH')]))
    options = {'runtime_env': {'env_vars': {'PYTHONPATH': path}}, 'log_to_driver': False, 'logging_level': 'ERROR'}
    try:
        if not ray.is_initialized():
            ray.init(address or None, **options)
    except Exception as error:  # Ray raises a plain Exception if a machine is slow to start
        advice = 'give the HOST:PORT of its head, on one of its machines, with RAY_AUTH_MODE=token if it has one'
        raise RayError(f'--ray {address}: {first_line(error)}; {advice}') from error
    return ray


def _count_actors(nodes: Sequence[Mapping[str, Any]], cores: int, gpus: int) -> int:
    """Return the number of actors that the machines of a cluster have room for."""
    need = {'CPU': cores, 'GPU': gpus}
    found = [node['Resources'] for node in nodes if node['Alive']]
    places = sum(min(int(one.get(kind, 0) // number) for kind, number in need.items() if number) for one in found)
    if not places:
        wanted = 'a GPU' if gpus else f'{cores} cores; set OMP_NUM_THREADS to fewer'
        raise RayError(f'no machine of the Ray cluster has {wanted}')
    return places
