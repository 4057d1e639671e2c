"""Which pictures a synthetic set is made of, as data, before anything is drawn."""

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
"""Cameras of training and test, and of the test with cameras that no training picture comes from."""

TEST, LOOK_ALIKE, CROWD = 100_000, 200_000, 900_000
"""First numbers of test people, of those who wear a test person's clothes, and of passers-by; training starts at 0."""

CANDIDATES = 20
"""For each test person, of whom one wears the same clothes."""

MOST_PEOPLE, MOST_TEST_PEOPLE, MOST_OUTFITS, MOST_VIEWS = TEST, 20_000, 1000, 500
UNSEEN_VIEWS = MOST_VIEWS
"""First number of the views by unseen cameras; a multiple of 4, so that quarters go around as in the other views."""

TRIES = 1000
UNSEEN, HARD = 'unseen_cameras', 'hard'


class SettingsError(ZooError, ValueError):
    """A set cannot be made as asked; the message names the flag."""


@dataclass(frozen=True)
class Settings:
    """All that decides which files a set has and what is in them."""

    ids: int = 1000
    test_ids: int = 200
    outfits: int = 4
    views: int = 4
    seed: int = 0
    size: tuple[int, int] = (256, 128)
    """Height and width of the pictures, pixels."""
    supersampling: int = 2
    quality: int = 92
    """Quality of the JPEG files, 1 to 100."""
    fabrics: int = 0
    """Other values give all garments other colours and patterns, and change nothing else."""
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
    """Folder below the set: train, query, gallery, unseen_cameras/query, hard/gallery ..."""
    identity: int
    owner: int
    """Whose outfit is worn: the person's own, but a look-alike wears a test person's."""
    outfit: int
    view: int
    number: int
    """Seed of the picture's own random stream; no two pictures have the same."""
    camera: int

    @property
    def image(self) -> str:
        """Path of the image below the set."""
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
        """What `--only` calls it: IDENTITY/OUTFIT/VIEW."""
        return f'{self.identity}/{self.outfit}/{self.view}'


class Plan(NamedTuple):
    shots: tuple[Shot, ...]
    """Pictures to draw; those of one person stand together."""
    copies: tuple[tuple[Shot, Shot], ...]
    """A picture of `shots`, and the place where it stands once more."""


class View(NamedTuple):
    view: int
    number: int
    camera: int


def plan_set(settings: Settings) -> Plan:
    """All pictures of a set.

    Of each test person and outfit a quarter of the views, at least one, are queries. As no camera sees an outfit
    twice before all have seen it once, each query has a right answer in the gallery for each mode of `judge` in
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
    """Views with the cameras that they are seen by; no camera comes again before each has come once.

    The camera is the first draw of the picture's own stream, and a picture whose camera has been is given another
    stream: so the camera depends on nothing but the seed and these numbers.
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
    """Somebody else, of the same sex, in the clothes of a test person, in as many gallery pictures."""
    first = LOOK_ALIKE + CANDIDATES * person
    male = _is_male(settings.seed, TEST + person)
    identity = next((n for n in range(first, first + CANDIDATES) if _is_male(settings.seed, n) == male), first)
    for outfit in range(settings.outfits):
        views = [shot.view for shot in test if (shot.split, shot.outfit) == ('gallery', outfit)]
        for view in views_of(settings.seed, identity, outfit, views, CAMERAS):
            yield Shot(f'{HARD}/gallery', identity, TEST + person, outfit, *view)


def _is_male(seed: int, identity: int) -> bool:
    return draw_shape(stream(seed, 'identity', identity))['male'] > 0.5
