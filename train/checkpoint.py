"""Checkpoints that survive the mishaps of long runs: kills, truncated files and full disks."""

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
    """A checkpoint that cannot be written or used; the message names the file or folder."""


class Checkpoints:
    """The last two checkpoints of a run.

    A file is written under a temporary name and renamed; its name contains the start of its SHA-256, so that truncated
    and altered files are recognised.

    Args:
        folder: inside the folder of the run; created by the first save.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._claim = FileLock(folder.parent / '.claim', is_singleton=True)  # shared by the runs of one process

    def claim(self) -> None:
        """Lock the folder of this run against training by other processes, until this process ends.

        Raises:
            CheckpointError: another process holds the lock.
            OSError: the folder cannot be written to.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._claim.acquire(blocking=False)
        except Timeout as error:
            raise CheckpointError(
                f'{self.folder.parent}: another process is training here; wait until it ends, or give another --output'
            ) from error

    def paths(self) -> list[Path]:
        """Return the checkpoints on disk, newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((path for path in self.folder.iterdir() if FILE_NAME.fullmatch(path.name)), reverse=True)

    def require_none(self) -> None:
        """Raise CheckpointError if there are any: next to them, a new run would lose its own."""
        if self.paths():
            raise CheckpointError(f'{self.folder.parent} holds a run; give --resume to continue, or another --output')

    def save(self, state: dict) -> Path:
        """Write a state with the keys stage, epoch and step, and delete all but the last two checkpoints.

        Raises:
            CheckpointError: the file cannot be written, e.g. on a full disk; earlier checkpoints are left alone.
        """
        temporary = self.folder / 'saving.tmp'
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            digest = _write(state, temporary)
            name = f'stage{state["stage"]}-epoch{state["epoch"]:04d}-step{state["step"]:06d}-{digest}.pt'
            os.replace(temporary, self.folder / name)
        except (OSError, RuntimeError) as error:  # torch's writer turns an OSError into a RuntimeError
            cause = error if isinstance(error, OSError) else error.__context__ or error
            with contextlib.suppress(OSError):  # keep the original error
                temporary.unlink(missing_ok=True)
            good = self.paths()
            rest = f'{good[0].name} is intact: continue from it with --resume' if good else 'there is no earlier one'
            raise CheckpointError(f'{self.folder}: a checkpoint cannot be written ({cause}); {rest}') from error
        for path in self.paths()[KEPT:]:
            path.unlink()
        return self.folder / name

    def load(self, log: Callable[[str], None]) -> dict | None:
        """Return the newest intact state, or None if nothing was saved yet; log every file that is skipped.

        Raises:
            CheckpointError: there are checkpoints, but none of them is intact.
        """
        paths = self.paths()
        for path in paths:
            digest = FILE_NAME.fullmatch(path.name)[1]
            if hash_file(path).startswith(digest):
                return torch.load(path, map_location='cpu', weights_only=True)
            log(f'{path}: truncated or altered, skipped; trying the checkpoint before it')
        if paths:
            raise CheckpointError(f'{self.folder}: no checkpoint is intact; start again in another --output')
        return None


def _write(state: dict, path: Path) -> str:
    with open(path, 'wb') as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the content
    return hash_file(path)[:16]
