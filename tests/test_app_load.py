"""Twenty people use one page at once: each gets the answer for it alone, and nothing of it stays."""

import os
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from ifd_zoo.page.guard.upload_retention import GRACE
from ifd_zoo.predictor import Predictor
from tests.page import GALLERY, QUERIES
from tests.visitor import MODEL, STATUS, TABLE, Page, start, write_release
from tests.zips import write_zip

USERS, REQUESTS = 20, 10  # of each user
MAX_GROWTH = 300e6  # bytes
MAX_SECONDS = 120  # for one answer, all others before it
MODELS = (MODEL, 'ifd_baseline_resnet10t.synthetic')
PHOTOS = [*QUERIES, *GALLERY]
GOOD = ('rank', 'rank', 'rank_a_zip', 'embed', 'compare', 'models')
BAD = {
    'text': 'query photo cannot be used. text.jpg: is not a picture',
    'cut': 'query photo cannot be used. cut.jpg: is damaged or incomplete',
    'no query': 'There is no query photo yet: upload one',
    'no gallery': 'The gallery is empty: add the photos',
    'bad gallery': 'None of the gallery files can be used. text.jpg: is not a picture',
    'no model': 'That model is not loaded here: choose one from the list',
    'embed text': 'text.jpg: is not a picture',
    'compare two': 'There is no other person, similar clothes yet: upload one',
}


class User(Page):
    """A visitor with an order of requests of their own. `errors` lists what went wrong, `answered` what was asked."""

    def __init__(self, running, vectors, seed, folder):
        super().__init__(running)
        self.vectors, self.random, self.folder = vectors, random.Random(seed), folder
        self.text = self.upload('text.jpg', b'not a picture')
        self.cut = self.upload('cut.jpg', PHOTOS[0].read_bytes()[:900])
        self.answered, self.errors = [], []
        self.wishes = [*GOOD, *[*BAD, *BAD][seed % len(BAD) :][: REQUESTS - len(GOOD)]]
        self.random.shuffle(self.wishes)

    def run(self):
        for wish in self.wishes:
            started = time.monotonic()
            try:
                getattr(self, f'_{wish}')() if wish in GOOD else self._ask_badly(wish)
            except Exception as error:  # of any kind: a thread must not die silently
                self.errors.append(f'{wish}: {type(error).__name__}: {error}')
            self.answered.append((wish, time.monotonic() - started))

    def _ask_badly(self, wish):
        message = {
            'text': lambda: self.search([self.text], [self.good]),
            'cut': lambda: self.search([self.cut], [self.good]),
            'no query': lambda: self.search([], [self.good]),
            'no gallery': lambda: self.search([self.good]),
            'bad gallery': lambda: self.search([self.good], [self.text]),
            'no model': lambda: self.search([self.good], [self.good], model='../../etc'),
            'embed text': lambda: self.ask('embed', [self.text], MODELS[0]),
            'compare two': lambda: self.ask('compare', self.good, self.good, None, *MODELS),
        }[wish]()
        assert BAD[wish] in message and 'Traceback' not in message and len(message) < 400
        assert 'gradio' not in message and str(self.folder) not in message

    def _choose(self, count):
        """Some photos, and what the page holds of them."""
        photos = self.random.sample(PHOTOS, count)
        return photos, [self.upload(photo.name, photo.read_bytes()) for photo in photos]

    def _rank(self):
        photos, (query, *gallery) = self._choose(4)
        self._check_ranking(self.search([query], gallery), photos, MODELS[0])

    def _rank_a_zip(self):
        photos, (query, *_) = self._choose(4)
        archive = write_zip(self.folder / 'gallery.zip', {photo.name: photo.read_bytes() for photo in photos[1:]})
        found = self.search([query], [], [self.upload(archive.name, archive.read_bytes())], model=MODELS[1])
        self._check_ranking(found, photos, MODELS[1])

    def _check_ranking(self, found, photos, model):
        query, *gallery = photos
        known = {photo.name: float(self.vectors[model, query] @ self.vectors[model, photo]) for photo in gallery}
        assert 'Ranked 3 photos' in found[STATUS], found
        rows = found[TABLE]['data']
        assert [row[1] for row in rows] == sorted(known, key=known.get, reverse=True)
        assert [float(row[2]) for row in rows] == pytest.approx(sorted(known.values(), reverse=True), abs=1.1e-4)

    def _embed(self):
        photos, files = self._choose(3)
        (rows,) = self.ask('embed', files, MODELS[1])
        assert np.allclose(rows, [self.vectors[MODELS[1], photo] for photo in photos], atol=1e-4)

    def _compare(self):
        photos, files = self._choose(3)
        texts = self.ask('compare', *files, *MODELS)[:4:2]
        for model, text in zip(MODELS, texts, strict=True):
            anchor, *others = (self.vectors[model, photo] for photo in photos)
            said = [float(number) for number in re.findall('person (-?[.0-9]+)', text)]
            assert said == pytest.approx([float(anchor @ other) for other in others], abs=1.1e-3)

    def _models(self):
        assert set(MODELS) < set(self.ask('models')[0]['loaded'])


@pytest.fixture
def release(tmp_path):
    return write_release(tmp_path)


@pytest.fixture
def vectors(release):
    """The embedding of each photo by each model."""
    sources = zip(MODELS, (release, MODELS[1]), strict=True)
    found = {model: Predictor(source, None, 'cpu').embed(PHOTOS) for model, source in sources}
    return {(model, photo): row for model in MODELS for photo, row in zip(PHOTOS, found[model], strict=True)}


def memory_of(process):
    """Resident bytes."""
    return int(Path(f'/proc/{process.pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def files_in(folder):
    # Unlike `rglob`, at ease with folders that go meanwhile.
    return sorted(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)


def wait_for_files(folder, expected):
    """What is there some time after all have left."""
    deadline = time.monotonic() + 3 * GRACE
    while files_in(folder) != expected and time.monotonic() < deadline:
        time.sleep(1)
    return files_in(folder)


def use_at_once(running, vectors, folder, count, seed):
    """`count` new users, each with its own thread and session, who leave when all are served."""
    folders = [folder / f'{seed + number}' for number in range(count)]
    for one in folders:
        one.mkdir(parents=True)
    with ThreadPoolExecutor(count) as pool, ExitStack() as open_pages:
        users = list(pool.map(lambda at: User(running, vectors, int(at.name), at), folders))
        for user in users:  # as a browser does as long as the page is open
            open_pages.enter_context(user.http.stream('GET', f'{user.api}/heartbeat/{user.session}'))
        list(pool.map(User.run, users))
        assert any(name.endswith('ranking.csv') for name in files_in(running.temporary)), 'gone before its visitor'
    return users


def test_two_hundred_requests_of_twenty_users_at_once(release, vectors, tmp_path):
    running = start(tmp_path / 'app', release)
    own = files_in(running.temporary)  # pictures of the page itself
    try:
        use_at_once(running, vectors, tmp_path / 'warm', 4, 1000)
        before = memory_of(running.process)
        users = use_at_once(running, vectors, tmp_path / 'users', USERS, 0)
        growth = memory_of(running.process) - before
        answered = [one for user in users for one in user.answered]
        assert [error for user in users for error in user.errors] == []
        assert len(answered) == USERS * REQUESTS and {wish for wish, _ in answered} == {*GOOD, *BAD}
        assert max(seconds for _, seconds in answered) < MAX_SECONDS
        assert growth < MAX_GROWTH
        assert running.serves() and 'Traceback' not in running.log()
        assert str(tmp_path) not in running.log() and 'text.jpg' not in running.log()
        assert wait_for_files(running.temporary, own) == own
    finally:
        code = running.stop()
    assert code == 0 and files_in(running.temporary) == []
