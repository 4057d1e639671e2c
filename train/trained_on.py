"""Description of the data a run is trained on, stored in its checkpoints: a run resumes with no other data."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from ifd_zoo.datasets import Record
from ifd_zoo.parsing.mask_source import LABEL_MAPS, MaskSource
from ifd_zoo.parsing.training_sources import Source
from train.checkpoint import CheckpointError

FIELDS = ('person', 'outfit', 'camera', 'size', 'label map')
"""Values stored per image: pid, clothes_id, camid, and the sizes of both files in bytes; None for missing ones."""


def describe_records(
    records: Iterable[Record], root: Path, masks: MaskSource, photos: Iterable[Record] = ()
) -> str:
    """Describe the training images of `train/run.py` as JSON.

    Args:
        records: images below `root`, as read; their own label maps count only if `masks` uses these.
        root: folder of the data set.
        masks: of the run.
        photos: trained on besides the persons, described by file name.
    """
    own = masks.masks == LABEL_MAPS
    sizes = {Path('photos', record.path.name): record.path.stat().st_size for record in photos}
    named = {path: (None, None, None, size, None) for path, size in sizes.items()}
    return _to_text(masks.name, named | {
        record.path.relative_to(root): (
            record.pid,
            record.clothes_id,
            record.camid,
            record.path.stat().st_size,
            record.label_map.stat().st_size if own and record.label_map else None,
        )
        for record in records
    })


def describe_sources(sources: Mapping[str, Source], roots: Mapping[str, Path]) -> str:
    """Describe the training images of `train/parser.py` as JSON; arguments: sources by name, and their folders."""
    return _to_text(LABEL_MAPS, {
        Path(name, image.relative_to(roots[name])): (None, None, None, image.stat().st_size, label_map.stat().st_size)
        for name, source in sources.items()
        for image, label_map in source.pairs
    })


def _to_text(masks: str, files: Mapping[Path, tuple[int | None, ...]]) -> str:
    return json.dumps({'masks': masks, 'files': {path.as_posix(): row for path, row in sorted(files.items())}})


def describe_change(before: str, now: str) -> str:
    """Return the differences between two descriptions in words; '' if there are none."""
    was, has = json.loads(before), json.loads(now)
    old, new = was['files'], has['files']
    changed = {
        'gone': old.keys() - new.keys(),
        'new': new.keys() - old.keys(),
        **{
            f'of another {field}': {path for path in old.keys() & new.keys() if old[path][place] != new[path][place]}
            for place, field in enumerate(FIELDS)
        },
    }
    parts = [f'{_count(paths)} {what}, such as {min(paths)}' for what, paths in changed.items() if paths]
    if was['masks'] != has['masks']:
        parts.append(f'masks are {has["masks"]}, and were {was["masks"]}')
    return '; '.join(parts)


def _count(paths: Collection[str]) -> str:
    return f'{len(paths)} {"image is" if len(paths) == 1 else "images are"}'


def require_same(before: str | None, now: str, folder: Path, log: Callable[[str], None]) -> None:
    """Refuse to resume a run with other data.

    Args:
        before: stored in the checkpoint; None in older ones, which is logged.
        now: of this session.
        folder: of the checkpoints.

    Raises:
        CheckpointError: the data differ; the message says how.
    """
    if before is None:
        log(f'{folder}: the checkpoint does not record its training data, so this is not checked')
    elif change := describe_change(before, now):
        raise CheckpointError(
            f'{folder}: trained on other data: {change}; give the original data, or another --output without --resume'
        )
