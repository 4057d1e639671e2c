"""Cache on disk for a parser's label maps, for data sets without label maps or to replace them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ifd_zoo.common.batch_jobs import Cluster, bar, process_batches
from ifd_zoo.common.choices import MAPS_AT_ONCE
from ifd_zoo.common.cli import is_main
from ifd_zoo.datasets.base import DatasetError, Record, read_image
from ifd_zoo.images.label_maps import PARSER, SOURCE, label_fault, write_label_map
from ifd_zoo.parsing.registry import HumanParser


def parser_id(parser: HumanParser) -> str:
    """Return an id that tells label maps of one parser from those of another."""
    return parser.identify()


def parse_records(records: Sequence[Record], parser: HumanParser, root: Path, folder: Path) -> tuple[Record, ...]:
    """Make missing label maps and return the records with them; arguments and errors as in `MapFolder`."""
    maps = MapFolder(parser, root, folder)
    pointed = maps.point(records)
    maps.fill(pointed)
    return pointed


class MapFolder:
    """Folder of one parser's label maps, as PNG files at the images' paths relative to the data set.

    Args:
        parser: see `ifd_zoo.parsing.load_parser`.
        root: folder of the data set.
        folder: folder of the label maps.
    """

    def __init__(self, parser: HumanParser, root: Path, folder: Path) -> None:
        self.parser, self.parser_id = parser, parser_id(parser)
        self.root, self.folder = root, folder

    def point(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """Return the records with the paths of their label maps in this folder; the files need not exist."""
        return point_to_maps(records, self.root, self.folder)

    def fill(
        self, records: Sequence[Record], batch_size: int = MAPS_AT_ONCE, cluster: Cluster | None = None
    ) -> None:
        """Make the missing label maps; the next call resumes an interrupted one.

        Args:
            records: as returned by `point`.
            batch_size: images that are read and parsed together.
            cluster: where the work runs; this process by default.

        Raises:
            DatasetError: an image cannot be read, a label map cannot be written, or an existing one is from another
                parser or image.
        """
        photos = {record.label_map: record for record in records}
        done = {path for path, record in photos.items() if self._has_map(record)}
        idle = len(done) == len(photos) or not is_main()
        with bar(len(photos), 'parse', leave=False, disable=idle) as tell:
            process_batches(self._parse, photos, lambda found: None, done, batch_size, cluster=cluster, progress=tell)

    def _has_map(self, record: Record) -> bool:
        if not record.label_map.exists():
            return False
        check_origin(record, self.parser_id)
        return True

    def _parse(self, records: Sequence[Record]) -> list[Path]:
        """Make the label maps of records and return their paths."""
        images = []
        for record in records:
            image = read_image(record.path)
            image.filename = str(record.path)  # as Pillow does; `LabelMaps` finds its files by it
            images.append(image)
        for record, label_map in zip(records, self.parser.parse(images), strict=True):
            try:
                write_label_map(record.label_map, label_map, self.parser_id, record.path)
            except OSError as error:
                raise DatasetError(f'{record.label_map}: label map cannot be written ({error})') from error
        return [record.label_map for record in records]


def point_to_maps(records: Sequence[Record], root: Path, folder: Path) -> tuple[Record, ...]:
    """Return the records with label maps at their images' relative paths in `folder`; the files need not exist.

    Args:
        records: images below `root`.

    Raises:
        DatasetError: two images would have the same label map.
    """
    owners: dict[Path, Path] = {}
    pointed = []
    for record in records:
        path = (folder / record.path.relative_to(root)).with_suffix('.png')
        owner = owners.setdefault(path, record.path)
        if owner != record.path:
            raise DatasetError(f'{owner} and {record.path}: the label map of both would be {path}; rename one of them')
        pointed.append(replace(record, label_map=path))
    return tuple(pointed)


def check_origin(record: Record, parser: str) -> None:
    """Check that a record's label map was made from its image by the parser with this id.

    Raises:
        DatasetError: it was not, or its labels are not ours; the message names the file and what to do.
    """
    path = record.label_map
    try:
        with Image.open(path) as picture:
            text = picture.info
    except Exception as error:  # Pillow's decoders can raise anything
        raise DatasetError(f'{path}: label map cannot be read ({error}); remove it to have it made again') from error
    found, size = text.get(PARSER), text.get(SOURCE)
    fault = label_fault(text)
    if not fault and found != parser:
        fault = f'made by the parser {found}, not by {parser}' if found else f'does not say that {parser} made it'
    if not fault and record.path.exists() and size != str(record.path.stat().st_size):
        fault = f'made from another image than {record.path}, as the file size differs'
    if fault:
        raise DatasetError(f'{path}: {fault}; remove it, or use another folder for the label maps')
