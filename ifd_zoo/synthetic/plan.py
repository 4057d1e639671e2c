"""Plan of a synthetic set: the list of its images, before any is rendered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import PurePosixPath
from typing import NamedTuple

from ifd_zoo.common.errors import ZooError
from ifd_zoo.synthetic.bodies.identity import draw_shape
from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.streams import stream

CAMERAS, UNSEEN_CAMERAS = range(8), range(8, 16)
"""Cameras of training and the standard test, and those of the test with unseen cameras."""

TEST, LOOK_ALIKE, CROWD = 100_000, 200_000, 900_000
"""First numbers of test people, look-alikes and passers-by; training starts at 0."""

CANDIDATES = 20
"""Number of candidates for a test person's look-alike; the first one of the same sex is taken."""

MOST_PEOPLE, MOST_TEST_PEOPLE, MOST_OUTFITS, MOST_VIEWS = TEST, 20_000, 1000, 500
UNSEEN_VIEWS = MOST_VIEWS
"""First view number of unseen cameras; a multiple of 4, so that `view % 4` cycles as in the other views."""

TRIES = 1000
UNSEEN, HARD = 'unseen_cameras', 'hard'


class SettingsError(ZooError, ValueError):
    """The settings of a set are invalid; the message names the flag."""


@dataclass(frozen=True)
class Settings:
    """Everything that determines the files of a set and their contents."""

    ids: int = 1000
    test_ids: int = 200
    outfits: int = 4
    views: int = 4
    seed: int = 0
    size: tuple[int, int] = (256, 128)
    """Height and width of the images, pixels."""
    supersampling: int = 2
    quality: int = 92
    """Quality of the JPEG files, 1 to 100."""
    fabrics: int = 0
    """Seed of the garments' colours and patterns; changes nothing else."""
    unseen: bool = True
    """Make the test with unseen cameras."""
    hard: bool = False
    """Make the test with look-alikes."""
    options: Options = Options()

    def __post_init__(self) -> None:
        self._require('--seed', self.seed, 0)
        self._require('--fabrics', self.fabrics, 0)
        self._require('--ids', self.ids, 0, MOST_PEOPLE)
        self._require('--test-ids', self.test_ids, 0, MOST_TEST_PEOPLE)
        if not self.ids + self.test_ids:
            raise SettingsError('--ids and --test-ids are both 0: there is nobody to draw')
        self._require('--outfits', self.outfits, 2 if self.test_ids else 1, MOST_OUTFITS)
        self._require('--views', self.views, 3 if self.test_ids else 1, MOST_VIEWS)
        self._require('--quality', self.quality, 1, 100)
        self._require('--supersampling', self.supersampling, 1, 8)
        if min(self.size) < 16 or max(self.size) > 2048:
            raise SettingsError(f'--size must be between 16x16 and 2048x2048, not {self.size[0]}x{self.size[1]}')

    def _require(self, flag: str, value: int, least: int, most: int | None = None) -> None:
        if value < least or (most is not None and value > most):
            limits = f'at least {least}' if most is None else f'from {least} to {most}'
            reason = f' when there are test people (--test-ids {self.test_ids})' if 1 < least < 4 else ''
            raise SettingsError(f'{flag} must be {limits}{reason}, not {value}')


@dataclass(frozen=True)
class Shot:
    split: str
    """Folder in the set: train, query, gallery, unseen_cameras/query, hard/gallery ..."""
    identity: int
    owner: int
    """Person whose outfit is worn: `identity`, or a test person for a look-alike."""
    outfit: int
    view: int
    number: int
    """Seed of the image's random stream, unique to each rendered image."""
    camera: int

    @property
    def image(self) -> str:
        """Path of the image, relative to the set."""
        return f'{self.split}/{self._name}.jpg'

    @property
    def label_map(self) -> str:
        root, split = PurePosixPath(self.split).parent, PurePosixPath(self.split).name
        return str(root / 'parsing' / split / f'{self._name}.png')

    @property
    def _name(self) -> str:
        return f'{self.identity:06d}/{self.outfit}/c{self.camera}_{self.view}'

    @property
    def key(self) -> str:
        """Key of the image for `--only`: IDENTITY/OUTFIT/VIEW."""
        return f'{self.identity}/{self.outfit}/{self.view}'


class Plan(NamedTuple):
    shots: tuple[Shot, ...]
    """Images to render, grouped by person."""
    copies: tuple[tuple[Shot, Shot], ...]
    """Pairs of an image in `shots` and its copy in another split."""


class View(NamedTuple):
    view: int
    number: int
    camera: int


def plan_set(settings: Settings) -> Plan:
    """Plan all images of a set.

    A quarter of the views of each test person and outfit, at least one, are queries. No camera sees an outfit twice
    before all have seen it once, so every query has a correct match in the gallery in each mode of `judge` in
    `eval/metrics.py`.
    """
    shots, copies = list(_training(settings)), []
    for person in range(settings.test_ids):
        test = list(_test(settings, TEST + person))
        shots += test
        if settings.hard:
            shots += _look_alike(settings, person, test)
            copies += [(s, replace(s, split=f'{HARD}/{s.split}')) for s in test if s.split in ('query', 'gallery')]
    return Plan(tuple(shots), tuple(copies))


def views_of(seed: int, identity: int, outfit: int, views: Sequence[int], cameras: range) -> Iterator[View]:
    """Yield views with their cameras; no camera repeats before all have been used.

    The camera is the first draw of the image's random stream; an image whose camera is already used gets another
    stream. So the camera depends only on the seed and these numbers.
    """
    seen: set[int] = set()
    for view in views:
        if len(seen) == len(cameras):
            seen.clear()
        first = ((identity * MOST_OUTFITS + outfit) * 2 * MOST_VIEWS + view) * TRIES
        for number in count(first):
            camera = cameras[int(stream(seed, 'view', number).integers(len(cameras)))]
            if camera not in seen:
                break
        seen.add(camera)
        yield View(view, number, camera)


def _training(settings: Settings) -> Iterator[Shot]:
    for identity in range(settings.ids):
        for outfit in range(settings.outfits):
            for view in views_of(settings.seed, identity, outfit, range(settings.views), CAMERAS):
                yield Shot('train', identity, identity, outfit, *view)


def _test(settings: Settings, identity: int) -> Iterator[Shot]:
    cases = [('', 0, CAMERAS), (f'{UNSEEN}/', UNSEEN_VIEWS, UNSEEN_CAMERAS)]
    for folder, first, cameras in cases if settings.unseen else cases[:1]:
        for outfit in range(settings.outfits):
            order = stream(settings.seed, 'query', identity, outfit, first).permutation(settings.views)
            queries = {first + view for view in order[: max(1, settings.views // 4)]}
            views = range(first, first + settings.views)
            for view in views_of(settings.seed, identity, outfit, views, cameras):
                split = 'query' if view.view in queries else 'gallery'
                yield Shot(folder + split, identity, identity, outfit, *view)


def _look_alike(settings: Settings, person: int, test: Sequence[Shot]) -> Iterator[Shot]:
    """Yield another person of the same sex in a test person's outfits, in as many gallery images."""
    first = LOOK_ALIKE + CANDIDATES * person
    male = _is_male(settings.seed, TEST + person)
    identity = next((n for n in range(first, first + CANDIDATES) if _is_male(settings.seed, n) == male), first)
    for outfit in range(settings.outfits):
        views = [shot.view for shot in test if (shot.split, shot.outfit) == ('gallery', outfit)]
        for view in views_of(settings.seed, identity, outfit, views, CAMERAS):
            yield Shot(f'{HARD}/gallery', identity, TEST + person, outfit, *view)


def _is_male(seed: int, identity: int) -> bool:
    return draw_shape(stream(seed, 'identity', identity))['male'] > 0.5
