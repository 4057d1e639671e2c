"""A folder of photos with an index on disk gives the answers that looking at every photo gives."""

import shutil
import time
from functools import partial
from multiprocessing.pool import ThreadPool
from threading import Event, Lock, Thread

import numpy as np
import pytest

from ifd_zoo.gallery import EXAMPLES, PhotoFile, embed_files, search
from ifd_zoo.index import gallery_folder
from ifd_zoo.index.building import fill
from ifd_zoo.index.gallery_folder import IndexedFolder
from tests.page import BASELINE, IFD, make_models


@pytest.fixture(scope='module')
def models():
    return make_models()


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for path in sorted((EXAMPLES / 'gallery').glob('*.jpg'))[:6]:
        shutil.copy(path, folder)
    (folder / 'broken.jpg').write_bytes(b'no picture')
    return [PhotoFile(path, path.name) for path in sorted(folder.iterdir())]


class Counting:
    """A predictor that counts the photos it embeds."""

    def __init__(self, predictor):
        self.__dict__.update(predictor.__dict__)
        self.seen, self._embed, self.analyze = 0, predictor.embed, predictor.analyze

    def embed(self, photos):
        self.seen += len(photos)
        return self._embed(photos)


def same(found, expected):
    assert found.indices == expected.indices
    assert np.allclose(found.embeddings, expected.embeddings, atol=5e-4)


def test_the_answers_are_those_without_an_index(models, files, tmp_path):
    predictor, query = models.get(IFD), [PhotoFile(EXAMPLES / 'query' / '1_p100002_o3_c5.jpg', 'q')]
    folder = IndexedFolder(files, tmp_path / 'index')
    found, expected = (search(predictor, query, files, embed=embed) for embed in (folder, embed_files))
    assert [one.name for one in found.queries[0].ranking] == [one.name for one in expected.queries[0].ranking]
    assert found.skipped == expected.skipped and found.searched == 6
    same(folder(predictor, files), embed_files(predictor, files))


def test_a_model_that_is_ready_does_not_wait_for_the_build_of_another(models, files, tmp_path):
    looking, building = Lock(), Event()
    folder = IndexedFolder(files, tmp_path / 'index', looking)
    ready = models.get(IFD)
    folder.build(ready)
    with looking:  # as who searches holds it
        thread = Thread(target=folder.build, args=(models.get(BASELINE), lambda done: building.set()), daemon=True)
        thread.start()
        time.sleep(0.2)
        answer = ThreadPool(1).apply_async(folder, (ready, files))
        same(answer.get(timeout=20), embed_files(ready, files))
    thread.join(60)
    assert building.is_set() and not thread.is_alive()


def test_a_second_start_looks_at_nothing_but_what_is_new(models, files, tmp_path):
    predictor = Counting(models.get(IFD))
    IndexedFolder(files[:4], tmp_path / 'index').build(predictor)
    seen = predictor.seen
    same(IndexedFolder(files, tmp_path / 'index').build(predictor), embed_files(models.get(IFD), files))
    assert seen >= 3 and predictor.seen - seen == len(files) - 4
    seen = predictor.seen
    told = []
    IndexedFolder(files[1:], tmp_path / 'index').build(predictor, told.append)
    assert predictor.seen == seen and told[-1] == len(files) - 1


def test_a_build_that_was_stopped_goes_on(models, files, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery_folder, 'fill', partial(fill, group=2))
    predictor, folder = Counting(models.get(IFD)), IndexedFolder(files, tmp_path / 'index')

    def stop(done):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.build(predictor, stop)
    begun = predictor.seen
    same(folder.build(predictor), embed_files(models.get(IFD), files))
    assert begun >= 3 and predictor.seen - begun < len(files) - 3


def test_models_have_indexes_of_their_own(models, files, tmp_path):
    folder = IndexedFolder(files, tmp_path / 'index')
    for name in (IFD, BASELINE):
        same(folder.build(models.get(name)), embed_files(models.get(name), files))
    assert len(list((tmp_path / 'index').iterdir())) == 2


def test_uploads_are_searched_together_with_the_folder(models, files, tmp_path):
    upload = PhotoFile(EXAMPLES / 'query' / '1_p100002_o3_c5.jpg', 'upload')
    folder, mixed = IndexedFolder(files, tmp_path / 'index'), [files[3], upload, *files[:2]]
    found, expected = (embed(models.get(IFD), mixed) for embed in (folder, embed_files))
    same(found, expected)
    same(folder(models.get(IFD), [upload]), embed_files(models.get(IFD), [upload]))


def test_a_photo_that_is_gone_is_not_found(models, files, tmp_path):
    IndexedFolder(files, tmp_path / 'index').build(models.get(IFD))
    left = [file for file in files if file.name != files[2].name]
    same(IndexedFolder(left, tmp_path / 'index').build(models.get(IFD)), embed_files(models.get(IFD), left))


def test_photos_that_change_while_the_page_runs_are_looked_at_again_and_no_others(models, files, tmp_path):
    predictor, folder, query = Counting(models.get(IFD)), IndexedFolder(files, tmp_path / 'index'), EXAMPLES / 'query'
    folder.build(predictor)
    kept, seen = {file.path: file.path.read_bytes() for file in files[1:]}, predictor.seen
    deleted, damaged, exchanged, mended = (files[place].path for place in (1, 2, 3, 0))
    assert mended.name == 'broken.jpg'
    deleted.unlink()
    damaged.write_bytes(damaged.read_bytes()[:900])
    exchanged.write_bytes((query / '1_p100002_o3_c5.jpg').read_bytes())
    shutil.copy(sorted(query.iterdir())[-1], mended)
    for _ in range(2):
        found, expected = folder.build(predictor), embed_files(models.get(IFD), files)
        same(found, expected)
        assert sorted(line.split(':')[0] for line in found.skipped) == sorted([deleted.name, damaged.name])
        assert predictor.seen == seen + 2
    for path, content in kept.items():
        path.write_bytes(content)
    told = []
    same(folder.build(predictor, told.append), embed_files(models.get(IFD), files))
    assert predictor.seen == seen + 5 and told[-1] == len(files)


def test_a_photo_that_was_damaged_between_two_starts_is_left_out_whatever_its_name(models, files, tmp_path):
    files = [file._replace(name=f'camera 1: {file.name}') for file in files]
    IndexedFolder(files, tmp_path / 'index').build(models.get(IFD))
    files[1].path.write_bytes(b'no picture')
    files[2].path.unlink()
    same(IndexedFolder(files, tmp_path / 'index').build(models.get(IFD)), embed_files(models.get(IFD), files))
