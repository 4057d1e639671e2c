"""Sources of clothing masks: the data set, a parser, or a folder made by `python -m ifd_zoo.parsing`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ifd_zoo.common.choices import LABEL_MAPS, NO_MASKS
from ifd_zoo.datasets.base import DatasetError, Record
from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.cache import check_origin, parse_records, parser_id, point_to_maps
from ifd_zoo.parsing.registry import load_parser, portable_name, split_name

SUMMARY = 'masks.json'
"""Summary of a folder of label maps: their parser and coverage. Written last, so that it marks a finished folder."""


class MaskSource:
    """Source of label maps, given by a value of `--masks`.

    Args:
        masks: `label-maps` (those of the data set), `none` (nothing is erased), a parser as for `load_parser`, or a
            folder of label maps made by `python -m ifd_zoo.parsing`.
        device: device of a parser.

    Attributes:
        name: for reports: the value without folders, with the parser's id if a parser makes or made the label maps.
        parser: None if the label maps exist already or none are used.

    Raises:
        ParserError: not a known parser, a folder with a parser, or a finished folder of label maps.
        DatasetError: the summary in a folder of label maps cannot be used.
    """

    def __init__(self, masks: str | Path, device: str | torch.device = 'cpu') -> None:
        self.masks, self.parser, self._folder_parser = str(masks), None, None
        self.name = self.masks
        if self.masks in (LABEL_MAPS, NO_MASKS):
            return
        folder = Path(masks).expanduser()
        is_path = not split_name(masks)[0]
        if is_path and (folder / SUMMARY).is_file():
            summary = read_summary(folder)
            self._folder_parser, self.name = summary['parser'], f'{summary["name"]} ({summary["parser"]})'
            return
        if is_path and folder.is_dir() and not (folder / 'config.json').is_file():
            raise ParserError(
                f'{folder}: neither a parser (no config.json) nor a finished folder of label maps (no {SUMMARY}); if '
                'python -m ifd_zoo.parsing was stopped, run it again'
            )
        self.parser = load_parser(masks, device)
        self.name = f'{portable_name(masks)} ({parser_id(self.parser)})'

    def apply(self, records: Sequence[Record], root: Path, folder: Path) -> tuple[Record, ...]:
        """Return the records with their label maps; None in each for `none`.

        Args:
            records: images below `root`.
            root: folder of the data set.
            folder: where a parser's label maps are kept and reused; unused without a parser.

        Raises:
            DatasetError: an image has no label map or cannot be read, or a label map is from another parser or image.
        """
        if self.parser:
            return parse_records(records, self.parser, root, folder)
        if self._folder_parser:
            return self._from_folder(records, root)
        if self.masks == NO_MASKS:
            return tuple(replace(record, label_map=None) for record in records)
        missing = [record.path for record in records if record.label_map is None]
        _refuse(missing, len(records), root / 'parsing', 'use --masks bundled')
        return tuple(records)

    def _from_folder(self, records: Sequence[Record], root: Path) -> tuple[Record, ...]:
        folder = Path(self.masks).expanduser()
        pointed = point_to_maps(records, root, folder)
        missing = [record.path for record in pointed if not record.label_map.is_file()]
        _refuse(missing, len(records), folder, 'run python -m ifd_zoo.parsing with the same folders again')
        for record in pointed:
            check_origin(record, self._folder_parser)
        return pointed


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary in a folder of label maps. Raises DatasetError if it is missing or damaged."""
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_text())
        if not all(isinstance(summary[key], str) and summary[key] for key in ('parser', 'name')):
            raise ValueError('parser and name must be strings')
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f'{path}: not the summary of a folder of label maps ({error!r}); run python -m ifd_zoo.parsing again'
        ) from error
    return summary


def _refuse(missing: list[Path], total: int, folder: Path, advice: str) -> None:
    """Raise DatasetError if any label maps are missing."""
    if missing:
        counts = f'{len(missing)} of {total} images have none'
        raise DatasetError(f'{missing[0]}: no label map in {folder} ({counts}); {advice}')
