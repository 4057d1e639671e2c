"""Nothing that visitors gave outlives the page, however it ends."""

import signal
import tempfile
from pathlib import Path

import pytest

from ifd_zoo.page.guard.temporary import MARK, PREFIX, own_folder, remove_abandoned
from tests.visitor import Page, start, write_release


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return tmp_path


def make_folder(path, mark=MARK):
    path.mkdir()
    for name in (mark, 'photo.jpg'):
        (path / name).write_bytes(b'x')
    return path


def test_a_folder_whose_process_is_gone_is_removed_and_that_of_a_process_that_runs_stays(place):
    left = make_folder(place / f'{PREFIX}left')
    with own_folder() as mine:
        (mine / 'photo.jpg').write_bytes(b'x')
        assert remove_abandoned() == [left] and not left.exists()
        assert (mine / 'photo.jpg').is_file() and mine.stat().st_mode & 0o77 == 0
    assert list(place.iterdir()) == []


def test_folders_that_no_page_made_stay(place):
    kept = [make_folder(place / f'{PREFIX}other', 'README'), make_folder(place / 'named_otherwise')]
    (place / f'{PREFIX}link').symlink_to(kept[1])
    assert remove_abandoned() == [] and all((folder / 'photo.jpg').is_file() for folder in kept)



def left_by(running):
    """Folders of pages, and files wherever they are."""
    files = {path.name for path in running.temporary.rglob('*') if path.is_file()}
    return files | {path.name for path in running.temporary.glob(f'{PREFIX}*')}


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    return write_release(tmp_path_factory.mktemp('release'))


def test_photos_of_a_killed_page_go_with_the_next_start_and_its_own_when_the_terminal_closes(release, tmp_path):
    killed = start(tmp_path, release)
    path = Page(killed).good['path']
    killed.stop(signal.SIGKILL)
    (left,) = killed.temporary.glob(f'{PREFIX}*')
    assert Path(path).is_relative_to(left) and Path(path).is_file()
    running = start(tmp_path, release)
    try:
        (there,) = running.temporary.glob(f'{PREFIX}*')
        assert there != left and f'removed {left}' in running.log()
        Page(running).assert_healthy()
        running.process.send_signal(signal.SIGHUP)
    finally:
        code = running.stop(signal.SIGHUP)  # terminals send it twice
    assert code == 0 and left_by(running) == set()
