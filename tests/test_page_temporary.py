"""Folders of pages that were killed are removed, and no others. `test_app.py` kills a page."""

import tempfile

import pytest

from ifd_zoo.page.guard.temporary import MARK, PREFIX, own_folder, remove_abandoned


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
