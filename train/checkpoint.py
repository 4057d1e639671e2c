"""Checkpoints that survive what happens to long runs: kills, torn files, full disks."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.files import hash_file

KEPT = 2
FILE_NAME = re.compile(r'stage\d-epoch\d{4}-step\d{6}-([0-9a-f]{16})\.pt')


class CheckpointError(ZooError, ValueError):
    """A checkpoint that cannot be written or used; the message names the file."""


class Checkpoints:
    """The last two checkpoints of a run.

    A file is written under a temporary name and renamed; its name holds the beginning of its SHA-256, so that a torn or
    altered file is told from a good one.

    Args:
        folder: in that of the run; made on the first save.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._claim = FileLock(folder.parent / '.claim', is_singleton=True)  # two runs of one process share it

    def claim(self) -> None:
        """Keep other processes from training in the folder of this run, until this one ends.

        Raises:
            CheckpointError: another process has it.
            OSError: the folder cannot be written to.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._claim.acquire(blocking=False)
        except Timeout as error:
            raise CheckpointError(
                f'{self.folder.parent}: another process is training here; wait for its end, or give another --output'
            ) from error

    def paths(self) -> list[Path]:
        """Checkpoints on disk, the newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((path for path in self.folder.iterdir() if FILE_NAME.fullmatch(path.name)), reverse=True)

    def require_none(self) -> None:
        """Raises CheckpointError when there are some: among them a new run would lose its own."""
        if self.paths():
            raise CheckpointError(f'{self.folder.parent} holds a run; give --resume to go on, or another --output')

    def save(self, state: dict) -> Path:
        """Write a state with the keys stage, epoch and step; older files than the last two are deleted.

        Raises:
            CheckpointError: the file cannot be written, as on a full disk; those before are left alone.
        """
        temporary = self.folder / 'saving.tmp'
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            digest = _write(state, temporary)
            name = f'stage{state["stage"]}-epoch{state["epoch"]:04d}-step{state["step"]:06d}-{digest}.pt'
            os.replace(temporary, self.folder / name)
        except (OSError, RuntimeError) as error:  # torch's writer turns an OSError into a RuntimeError
            cause = error if isinstance(error, OSError) else error.__context__ or error
            with contextlib.suppress(OSError):  # the error that counts is the one at hand
                temporary.unlink(missing_ok=True)
            good = self.paths()
            rest = f'{good[0].name} is still good: go on from it with --resume' if good else 'there is none before it'
            raise CheckpointError(f'{self.folder}: a checkpoint cannot be written ({cause}); {rest}') from error
        for path in self.paths()[KEPT:]:
            path.unlink()
        return self.folder / name

    def load(self, log: Callable[[str], None]) -> dict | None:
        """The newest good state; None when nothing was saved yet. Each file that is not used is named to `log`.

        Raises:
            CheckpointError: there are checkpoints, and none of them is good.
        """
        paths = self.paths()
        for path in paths:
            digest = FILE_NAME.fullmatch(path.name)[1]
            if hash_file(path).startswith(digest):
                return torch.load(path, map_location='cpu', weights_only=True)
            log(f'{path}: torn or altered, not used; trying the checkpoint before it')
        if paths:
            raise CheckpointError(f'{self.folder}: no checkpoint is intact; start again in another --output')
        return None


def _write(state: dict, path: Path) -> str:
    with open(path, 'wb') as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the content
    return hash_file(path)[:16]
