"""Rendering and writing of planned images: image, label map and metadata."""

import errno
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.files import replacing
from ifd_zoo.images.label_maps import write_label_map
from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic import GENERATOR_VERSION
from ifd_zoo.synthetic.metadata import Row, as_text
from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.people import Dressed, People
from ifd_zoo.synthetic.plan import CAMERAS, CROWD, UNSEEN, UNSEEN_CAMERAS, Settings, Shot
from ifd_zoo.synthetic.streams import stream
from ifd_zoo.synthetic.studio import Picture, Studio

PARSER = f'synthetic-{GENERATOR_VERSION}'
"""Name recorded in label map files as the parser that made them."""

CROWD_SIZE = 10
"""Passers-by of a set. All stay in memory, 11 MB each: more would cost each worker memory, or time to dress them."""

BYSTANDERS = 2
"""Number of passers-by available to an image; the studio decides whether they appear."""


class GenerationError(ZooError, RuntimeError):
    """An image could not be rendered; the message names it."""


class DiskError(ZooError, OSError):
    """A file could not be written; the message names it."""


class Artist:
    """Renderer of the images of one set.

    Args:
        textures: folder of painted textures, shared with other processes; see `Atlas`.
    """

    def __init__(self, settings: Settings, textures: Path | None = None) -> None:
        self.settings, self._textures = settings, textures
        self.people = People(settings.seed)
        self._studio = lru_cache(maxsize=4)(self._build_studio)
        self._passer_by = lru_cache(maxsize=CROWD_SIZE)(self._dress)

    def draw(self, shot: Shot, options: Options | None = None) -> Picture:
        """Render a shot, with the set's options unless `options` are given.

        Raises:
            GenerationError: it cannot be rendered.
            DiskError: the folder of textures cannot be used.
        """
        options = options or self.settings.options
        # A separate stream and a crowd that all people share: passers-by reveal nothing about the identity.
        crowd = stream(self.settings.seed, 'bystanders', shot.number).permutation(CROWD_SIZE)
        passing = [CROWD + int(number) for number in crowd[:BYSTANDERS]] if options.passers_by else []
        try:
            dressed = self._dress(shot.identity, shot.owner, shot.outfit)
            bystanders = [self._passer_by(number, number, 0) for number in passing]
            studio = self._studio(options, shot.split.startswith(UNSEEN))
            picture = studio.shoot(dressed, shot.view, stream(self.settings.seed, 'view', shot.number), bystanders)
            _check(picture, shot, self.settings.size)
        except OSError as error:
            raise DiskError(f'{shot.image}: cannot be drawn{advice(error)} ({error})') from error
        except Exception as error:
            raise GenerationError(f'{shot.image} (--only {shot.key}): {type(error).__name__}: {error}') from error
        return picture

    def describe(self, shot: Shot, picture: Picture) -> Row:
        """Return the image's row of the metadata table."""
        shares = np.bincount(picture.label_map.ravel(), minlength=len(LABELS)) / picture.label_map.size
        facts = {
            'file': shot.image,
            'split': shot.split,
            'pid': f'{shot.identity:06d}',
            'clothes': shot.outfit,
            'owner': f'{shot.owner:06d}',
            'view': shot.view,
            'number': shot.number,
            **picture.facts,
            **{f'person_{name}': value for name, value in self.people.identity(shot.identity).facts().items()},
            **{f'outfit_{name}': v for name, v in self.people.outfit(shot.owner, shot.outfit).facts().items()},
            **{f'share_{label}': float(share) for label, share in zip(LABELS, shares, strict=True)},
        }
        return {name: as_text(value) for name, value in facts.items()}

    def _dress(self, identity: int, owner: int, outfit: int) -> Dressed:
        person, clothes = self.people.identity(identity), self.people.outfit(owner, outfit)
        return self.people.dress(person, clothes, self.settings.fabrics)

    def _build_studio(self, options: Options, unseen: bool) -> Studio:
        cameras, settings = UNSEEN_CAMERAS if unseen else CAMERAS, self.settings
        size, supersampling = settings.size, settings.supersampling
        return Studio(self.people, settings.seed, size, supersampling, options, cameras, self._textures)


def _check(picture: Picture, shot: Shot, size: tuple[int, int]) -> None:
    if picture.facts['camera'] != shot.camera:
        raise ValueError(f'seen by camera {picture.facts["camera"]}, planned for camera {shot.camera}')
    if picture.image.shape != (*size, 3) or picture.label_map.shape != size:
        raise ValueError(f'image {picture.image.shape}, label map {picture.label_map.shape}, expected {size}')


def write_shots(artist: Artist, root: Path, shots: Sequence[Shot]) -> list[Row]:
    """Render and write shots below `root`; return their rows.

    Raises:
        GenerationError: an image cannot be rendered.
        DiskError: a file cannot be written.
    """
    paths = [root / path for shot in shots for path in (shot.image, shot.label_map)]
    for folder in {path.parent for path in paths}:
        remove_leftovers(folder)
    return [_write_shot(artist, root, shot) for shot in shots]


def _write_shot(artist: Artist, root: Path, shot: Shot) -> Row:
    picture = artist.draw(shot)
    image = root / shot.image
    try:
        write_jpeg(image, picture.image, artist.settings.quality)
        write_label_map(root / shot.label_map, picture.label_map, PARSER, image)
    except OSError as error:
        raise DiskError(f'{image}: cannot be written{advice(error)} ({error.strerror or error})') from error
    return artist.describe(shot, picture)


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """Write an (H, W, 3) uint8 RGB image; create its folder if missing."""
    _, data = cv2.imencode('.jpg', np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def advice(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ': the disk is full; make room and run the same command again' if full else ''


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a run that was killed (see `ifd_zoo.common.files`)."""
    for path in folder.glob('.*.tmp'):
        path.unlink(missing_ok=True)
