"""Draws the pictures of a plan and writes them: the image, its label map, and what is known of both."""

import errno
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.files import replacing
from ifd_zoo.label_maps import write_label_map
from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic import GENERATOR_VERSION
from ifd_zoo.synthetic.metadata import Row, as_text
from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.people import Dressed, People
from ifd_zoo.synthetic.plan import CAMERAS, CROWD, UNSEEN, UNSEEN_CAMERAS, Settings, Shot
from ifd_zoo.synthetic.streams import stream
from ifd_zoo.synthetic.studio import Picture, Studio

PARSER = f'synthetic-{GENERATOR_VERSION}'
"""Stands in a label map's file as what made it."""

CROWD_SIZE = 10
"""Passers-by of a set. All stay in memory, 11 MB each: more would cost each worker more, or time to dress them."""

BYSTANDERS = 2
"""How many passers-by are at hand for a picture; the studio decides whether they are in it."""


class GenerationError(ZooError, RuntimeError):
    """A picture could not be drawn; the message names it."""


class DiskError(ZooError, OSError):
    """A file could not be written; the message names it."""


class Artist:
    """Draws pictures of one set.

    Args:
        textures: folder where painted textures are kept for other processes; see `Atlas`.
    """

    def __init__(self, settings: Settings, textures: Path | None = None) -> None:
        self.settings, self._textures = settings, textures
        self.people = People(settings.seed)
        self._studio = lru_cache(maxsize=4)(self._build_studio)
        self._passer_by = lru_cache(maxsize=CROWD_SIZE)(self._dress)

    def draw(self, shot: Shot, options: Options | None = None) -> Picture:
        """The picture; `options` stands in for those of the set.

        Raises:
            GenerationError: it cannot be drawn.
            DiskError: the folder of textures cannot be used.
        """
        options = options or self.settings.options
        # Drawn apart from the picture's own numbers and from a crowd that all share: who passes by tells nobody.
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
        """One row of the table of all pictures."""
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
        raise ValueError(f'seen by camera {picture.facts["camera"]}, planned was camera {shot.camera}')
    if picture.image.shape != (*size, 3) or picture.label_map.shape != size:
        raise ValueError(f'image {picture.image.shape}, label map {picture.label_map.shape}, wanted {size}')


def write_shots(artist: Artist, root: Path, shots: Sequence[Shot]) -> list[Row]:
    """Draw and write pictures below `root`; returns their rows.

    Raises:
        GenerationError: a picture cannot be drawn.
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
    """Write an RGB image (H, W, 3) uint8; its folder is made when missing."""
    _, data = cv2.imencode('.jpg', np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def advice(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ': the disk is full; make room and give the same command again' if full else ''


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a run that was killed (see `ifd_zoo.common.files`)."""
    for path in folder.glob('.*.tmp'):
        path.unlink(missing_ok=True)
