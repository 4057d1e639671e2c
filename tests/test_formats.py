"""One list of formats and suffixes: what is read is read everywhere, what is not is named."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from eval.check_data import main as check_data
from eval.embeddings.selection import select_pictures
from ifd_zoo.datasets import load_dataset
from ifd_zoo.images.formats import FORMATS, SUFFIXES
from ifd_zoo.images.loading import load_image
from ifd_zoo.index.building import folder_files
from ifd_zoo.uploads import collect, collect_folder
from tests.test_architecture import REPOSITORY
from tests.trees import PUBLISHED_TREES, draw_person, write_folder_tree

HEIC = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(99)
ODD = ('.webp', '.avif', '.bmp', '.tif', '.gif', '.jfif', '.pnm')


def save_as(path, suffix):
    """The image at a path under another suffix, in the format that belongs to it."""
    with Image.open(path) as image:
        image.convert('RGB').save(path.with_suffix(suffix))
    path.unlink()
    return path.with_suffix(suffix)


@pytest.fixture
def check(capsys):
    def run(root, *arguments):
        status = check_data(['--root', str(root), '--workers', '0', *arguments])
        return status, capsys.readouterr().out.replace(f'{root}/', '')

    return run


def test_the_suffixes_are_those_that_pillow_knows_for_the_formats():
    Image.init()
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert {*SUFFIXES} == known and len(SUFFIXES) == len(known)


def test_gallery_images_of_every_format_are_read_like_jpeg(tmp_path, check):
    root = write_folder_tree(tmp_path, train=1, test=2)
    before = load_dataset('folder', root)
    images = sorted((root / 'gallery').rglob('*.jpg'))
    changed = [save_as(path, suffix) for path, suffix in zip(images, ODD, strict=False)]
    after = load_dataset('folder', root)
    assert len(changed) == len(ODD) and len(after.records) == len(before.records)
    assert [r.label_map for r in after.records] == [r.label_map for r in before.records]
    status, printed = check(root, '--masks')
    assert status == 0 and 'images in a split that are ignored: none' in printed


@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')
@pytest.mark.parametrize('name', sorted(PUBLISHED_TREES))
def test_published_layouts_take_every_suffix(tmp_path, name):
    root = PUBLISHED_TREES[name].write(tmp_path)
    before = load_dataset(name, root)
    for folder, suffix in zip(PUBLISHED_TREES[name].splits, ODD, strict=False):
        for path in [path for path in sorted((root / folder).rglob('*')) if path.suffix in ('.jpg', '.png')]:
            save_as(path, suffix)
    after = load_dataset(name, root)
    assert [(r.pid, r.camid, r.clothes_id) for r in after.records] == [
        (r.pid, r.camid, r.clothes_id) for r in before.records
    ]


def test_images_one_level_too_high_are_named(tmp_path, check):
    root = write_folder_tree(tmp_path, train=1, test=2)
    person = root / 'gallery/0001'
    for path in sorted(person.glob('*/*.jpg')):
        path.rename(person / f'{path.stem}_{path.parent.name}.jpg')
    status, printed = check(root)
    assert status == 1 and 'images in a split that are ignored: 4\n' in printed
    assert '  gallery/0001/c1_1_0.jpg: lies at another depth than gallery/*/*/*\n' in printed
    assert '| general | 2 / 4 | the gallery does not show the person (2) |' in printed


@pytest.mark.parametrize('name', sorted(PUBLISHED_TREES))
def test_images_that_a_published_layout_does_not_take_are_named(tmp_path, check, name):
    root = PUBLISHED_TREES[name].write(tmp_path)
    for folder in PUBLISHED_TREES[name].splits:
        (path, *_) = (path for path in sorted((root / folder).rglob('*')) if path.is_file())
        deep = path.parent / 'more' / path.name
        deep.parent.mkdir()
        shutil.copy(path, deep)
    status, printed = check(root, '--data', name)
    assert status == 1 and f'images in a split that are ignored: {len(PUBLISHED_TREES[name].splits)}\n' in printed
    assert all(f'/more/{path.name}: lies at another depth than' in printed for path in root.rglob('more/*'))


def test_pictures_by_content_or_by_suffix_alone_are_named_and_other_files_are_not(tmp_path, check):
    root = write_folder_tree(tmp_path, train=1, test=2)
    folder = root / 'train/0000/0'
    (folder / 'c0_0.jpg').rename(folder / 'c0_0.jpg_')
    (folder / 'c1_1.heic').write_bytes(HEIC)
    (folder / 'Thumbs.db').write_bytes(b'x')
    (folder / 'notes.txt').write_text('a note')
    (folder / '._c1_1.jpg').write_bytes(b'x')
    status, printed = check(root)
    assert status == 1 and 'images in a split that are ignored: 2\n' in printed
    assert 'train/0000/0/c0_0.jpg_: is an image without an image suffix; rename it to end in .jpg\n' in printed
    assert 'train/0000/0/c1_1.heic: is a HEIC photo; install pillow-heif to read it' in printed


def test_folders_of_pictures_are_the_same_to_every_command(tmp_path):
    for index, suffix in enumerate(SUFFIXES):
        format_of = next(name for name, suffixes in FORMATS.items() if suffix in suffixes)
        image = Image.fromarray(draw_person(index, 0, 0)[0]).convert('F' if suffix == '.pfm' else 'RGB')
        image.save(tmp_path / f'{index:02d}{suffix.upper() if index % 2 else suffix}', format=format_of)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [record.path.name for record in select_pictures(tmp_path).records] == names
    assert [file.name for file in folder_files(tmp_path)] == names
    assert [file.name for file in collect_folder(tmp_path).files] == names


def test_an_avif_photo_is_upright_and_taken_as_an_upload(tmp_path):
    image, exif = Image.fromarray(draw_person(0, 0, 0)[0]), Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / 'a.avif', exif=exif, quality=100)
    loaded = load_image(tmp_path / 'a.avif')
    assert loaded.size == image.size
    assert np.abs(np.asarray(loaded).astype(int) - np.asarray(image)).mean() < 5
    taken = collect([tmp_path / 'a.avif'], tmp_path / 'taken')
    assert [file.name for file in taken.files] == ['a.avif'] and taken.skipped == []


PLUGIN = '''
from PIL import Image

def open_red(file, name):
    return Image.new('RGB', (16, 32), 'red')

def register_heif_opener():
    Image.register_open('HEIF', open_red, lambda head: head[8:12] == b'heic')
'''


def test_heic_is_read_where_its_plugin_is_installed(tmp_path):
    (tmp_path / 'pillow_heif.py').write_text(PLUGIN)
    (tmp_path / 'a.heic').write_bytes(HEIC)
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
        'from pathlib import Path\n'
        'from ifd_zoo.images.loading import load_image\nfrom ifd_zoo.images.formats import list_pictures\n'
        f'folder = Path({str(tmp_path)!r})\n'
        'print(load_image(folder / "a.heic").getpixel((0, 0)), [path.name for path in list_pictures(folder)])'
    )
    ended = subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert ended.stdout == "(255, 0, 0) ['a.heic']\n"
