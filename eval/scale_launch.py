"""Mask making and extraction through a launcher, measured."""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from eval.choices import TASKS
from eval.flags import Setup
from eval.scale_index import Figure
from ifd_zoo.datasets import load_dataset

REPOSITORY = Path(__file__).resolve().parents[1]
COUNTED = ('.png', '.safetensors', '.json')
MAP = '.png'


class Run(NamedTuple):
    seconds: float
    start: float
    """Of a run that finds everything done."""
    content: str
    """Hash of names and bytes of all files that it leaves."""

    @property
    def work(self) -> float:
        """Seconds without the start, which of very few images may take as long as all."""
        return max(self.seconds - self.start, self.seconds / 100)


def run_task(task: str, setup: Setup, root: Path, folder: Path) -> Run:
    """Raises RuntimeError when the command fails."""
    output = folder / ('out.safetensors' if task == 'extract' else 'maps')
    several = ['--multi_gpu'] if setup.processes > 1 else []  # its name for several processes, also without GPUs
    launcher = ['-m', 'accelerate.commands.launch', *several, '--num_machines', 1, '--num_processes', setup.processes]
    launcher += ['--num_cpu_threads_per_process', setup.threads, '--mixed_precision', 'no', '--dynamo_backend', 'no']
    command = [sys.executable, *launcher, *TASKS[task], '--root', root, '--output', output, '--device', 'cpu']
    environment = {**os.environ, 'OMP_NUM_THREADS': str(setup.threads)}
    seconds, contents = [], []
    for _ in range(2):
        begin = time.perf_counter()
        done = subprocess.run([*map(str, command)], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        seconds.append(time.perf_counter() - begin)
        if done.returncode:
            raise RuntimeError(f'{task} on {setup} failed:\n{done.stderr[-2000:]}')
        contents.append(hash_folder(folder))
    if contents[0] != contents[1]:
        raise RuntimeError(f'{task} on {setup}: the second run has changed a file')
    return Run(*seconds, contents[0])


def hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob('*') if path.suffix in COUNTED):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def convolutions(processes: int, seconds: float) -> float:
    """Convolutions a second by so many processes of one thread at once."""
    context = get_context('spawn')
    barrier, queue = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_convolve, args=(barrier, queue, seconds)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(queue.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join()
    return total


@torch.inference_mode()
def _convolve(barrier, queue, seconds: float) -> None:
    torch.set_num_threads(1)
    layer = nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    image = torch.randn(16, 64, 32, 16).to(memory_format=torch.channels_last)
    layer(image)
    barrier.wait()
    number, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        layer(image)
        number += 1
    queue.put(number / (time.perf_counter() - begin))


def measure(root: Path, args: argparse.Namespace) -> Iterator[Figure]:
    images = len(load_dataset('folder', root).records)
    most = max(setup.processes for setup in args.setups)
    one, many = (convolutions(number, args.seconds) for number in (1, most))
    yield Figure(f'floor: convolutions, {most} processes to 1', many / one, 'times', 'what the cores allow')
    for task in args.tasks:
        runs = {}
        for setup in args.setups:
            with tempfile.TemporaryDirectory() as folder:
                runs[setup] = run_task(task, setup, root, Path(folder))
                sizes = [path.stat().st_size for path in Path(folder).rglob(f'*{MAP}')]
            rate = images / runs[setup].work
            note = f'{images} images in {runs[setup].seconds:.1f} s, of which {runs[setup].start:.1f} s to start'
            yield Figure(f'{task}: {setup}', rate, 'images/s', note)
        if sizes:
            yield Figure(f'{task}: a label map', sum(sizes) / len(sizes), 'bytes')
        first = runs[args.setups[0]]
        for setup in args.setups[1:]:
            whole = f'{first.seconds / runs[setup].seconds:.2f} with the start'
            ratio = first.work / runs[setup].work
            yield Figure(f'{task}: {setup} to {args.setups[0]}', ratio, 'times as fast', whole)
        others = {run.content for run in runs.values()} - {first.content}
        yield Figure(f'{task}: other outputs than the first', len(others), '', 'by their bytes')
