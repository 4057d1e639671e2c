"""Twenty people use one page at once: each gets the answer for it alone, and nothing of it stays."""

import os
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.page.guard.upload_retention import GRACE
from ifd_zoo.predictor import Predictor
from tests.client import connect
from tests.visitor import MODEL, start, write_release
from tests.zips import write_zip

CLIENTS, REQUESTS = 20, 10  # of each client
MAX_GROWTH = 300e6  # bytes
MAX_SECONDS = 120  # for one answer, all others before it
MODELS = (MODEL, 'ifd_baseline_resnet10t.synthetic')
PHOTOS = [*sorted((EXAMPLES / 'query').glob('*.jpg')), *sorted((EXAMPLES / 'gallery').glob('*.jpg'))]
GOOD = ('rank', 'rank', 'rank a ZIP', 'embed', 'compare', 'models')
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


class Known(NamedTuple):
    """What the answers are compared with, and files to ask with."""

    embeddings: dict[tuple[str, Path], np.ndarray]
    text: Path
    cut: Path


class User:
    """One client with its own order of requests. `errors` lists what went wrong, `answered` what was asked."""

    def __init__(self, url, known, seed, folder):
        self.known, self.random, self.folder = known, random.Random(seed), folder
        self.client = connect(url, folder / 'downloads', httpx_kwargs={'timeout': MAX_SECONDS})
        self.answered, self.errors = [], []
        bad = [*BAD, *BAD]
        self.wishes = [*GOOD, *bad[seed % len(BAD) :][: REQUESTS - len(GOOD)]]
        self.random.shuffle(self.wishes)

    def run(self):
        for wish in self.wishes:
            started = time.monotonic()
            try:
                self._expect(wish)
            except Exception as error:  # of any kind: a thread must not die silently
                self.errors.append(f'{wish}: {type(error).__name__}: {error}')
            self.answered.append((wish, time.monotonic() - started))

    def _expect(self, wish):
        if wish in GOOD:
            return getattr(self, f'_{wish.replace(" ", "_").lower()}')()
        with pytest.raises(AppError) as raised:
            self._ask_badly(wish)
        message = str(raised.value)
        assert BAD[wish] in message and 'Traceback' not in message and len(message) < 400
        assert 'gradio' not in message and str(self.folder) not in message

    def _ask(self, *values, api_name):
        return self.client.submit(*values, api_name=api_name).result(MAX_SECONDS)

    def _rank_photos(self, query, gallery, archives=(), model=MODELS[0]):
        queries, items = ([{'image': handle_file(path), 'caption': None} for path in side] for side in (query, gallery))
        packed = [handle_file(path) for path in archives]
        return self._ask(
            queries, items, packed, False, model, 'photo', 0.5, 1, 0.0, api_name='/rank'
        )

    def _ask_badly(self, wish):
        photo, text = PHOTOS[:1], [self.known.text]
        embed, compare = {'api_name': '/embed'}, {'api_name': '/compare'}
        return {
            'text': lambda: self._rank_photos(text, photo),
            'cut': lambda: self._rank_photos([self.known.cut], photo),
            'no query': lambda: self._rank_photos([], photo),
            'no gallery': lambda: self._rank_photos(photo, []),
            'bad gallery': lambda: self._rank_photos(photo, text),
            'no model': lambda: self._rank_photos(photo, photo, model='../../etc'),
            'embed text': lambda: self._ask([handle_file(text[0])], MODELS[0], **embed),
            'compare two': lambda: self._ask(
                *[handle_file(path) for path in PHOTOS[:2]], None, *MODELS, **compare
            ),
        }[wish]()

    def _rank(self):
        query, *gallery = self.random.sample(PHOTOS, 4)
        self._check_ranking(self._rank_photos([query], gallery), query, gallery)

    def _rank_a_zip(self):
        query, *gallery = self.random.sample(PHOTOS, 4)
        path = write_zip(self.folder / 'gallery.zip', {photo.name: photo.read_bytes() for photo in gallery})
        self._check_ranking(self._rank_photos([query], [], [path], MODELS[1]), query, gallery, MODELS[1])

    def _check_ranking(self, answer, query, gallery, model=MODELS[0]):
        known = {photo.name: float(self._vector(model, query) @ self._vector(model, photo)) for photo in gallery}
        rows = answer[4]['data']
        assert [row[1] for row in rows] == sorted(known, key=known.get, reverse=True)
        assert [float(row[2]) for row in rows] == pytest.approx(sorted(known.values(), reverse=True), abs=1.1e-4)

    def _vector(self, model, photo):
        return self.known.embeddings[model, photo]

    def _embed(self):
        photos = self.random.sample(PHOTOS, 3)
        rows = self._ask([handle_file(path) for path in photos], MODELS[1], api_name='/embed')
        assert np.allclose(rows, [self._vector(MODELS[1], photo) for photo in photos], atol=1e-4)

    def _compare(self):
        photos = self.random.sample(PHOTOS, 3)
        texts = self._ask(*map(handle_file, photos), *MODELS, api_name='/compare')[:4:2]
        for model, text in zip(MODELS, texts, strict=True):
            anchor, *others = (self._vector(model, photo) for photo in photos)
            said = [float(number) for number in re.findall('person (-?[.0-9]+)', text)]
            assert said == pytest.approx([float(anchor @ other) for other in others], abs=1.1e-3)

    def _models(self):
        assert set(MODELS) < set(self._ask(api_name='/models')['loaded'])


@pytest.fixture
def release(tmp_path):
    return write_release(tmp_path)


@pytest.fixture
def known(release, tmp_path):
    text, cut = tmp_path / 'text.jpg', tmp_path / 'cut.jpg'
    text.write_bytes(b'not a picture')
    cut.write_bytes(PHOTOS[0].read_bytes()[:900])
    embeddings = {}
    for model, source in zip(MODELS, (release, MODELS[1]), strict=True):
        vectors = Predictor(source, None, 'cpu').embed(PHOTOS)
        embeddings |= {(model, photo): vector for photo, vector in zip(PHOTOS, vectors, strict=True)}
    return Known(embeddings, text, cut)


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


def use_at_once(running, known, folder, count, seed):
    """`count` new users, each with its own thread and session, who leave when all are served."""
    folders = [folder / f'{seed + number}' for number in range(count)]
    for one in folders:
        one.mkdir(parents=True)
    with ThreadPoolExecutor(count) as pool:
        users = list(pool.map(lambda at: User(running.url, known, int(at.name), at), folders))
        list(pool.map(User.run, users))
    assert any(name.endswith('ranking.csv') for name in files_in(running.temporary)), 'gone before its visitor'
    for user in users:
        user.client.close()
    return users


def test_two_hundred_requests_of_twenty_users_at_once(release, known, tmp_path):
    running = start(tmp_path / 'app', release)
    own = files_in(running.temporary)  # pictures of the page itself
    try:
        use_at_once(running, known, tmp_path / 'warm', 4, 1000)
        before, started = memory_of(running.process), time.monotonic()
        users = use_at_once(running, known, tmp_path / 'users', CLIENTS, 0)
        seconds, growth = time.monotonic() - started, memory_of(running.process) - before
        answered = [one for user in users for one in user.answered]
        slowest = max(took for _, took in answered)
        print(f'{len(answered)} requests in {seconds:.0f} s, slowest {slowest:.1f} s, growth {growth / 1e6:.0f} MB')
        assert [error for user in users for error in user.errors] == []
        assert len(answered) == CLIENTS * REQUESTS
        assert {wish for wish, _ in answered} == {*GOOD, *BAD}
        assert growth < MAX_GROWTH
        assert running.serves() and 'Traceback' not in running.log()
        assert str(tmp_path) not in running.log() and 'text.jpg' not in running.log()
        assert wait_for_files(running.temporary, own) == own
    finally:
        code = running.stop()
    assert code == 0 and files_in(running.temporary) == []
