"""What the tests of label maps on disk share."""

import shutil

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ifd_zoo.datasets import load_dataset
from ifd_zoo.parsing.__main__ import main
from tests.trees import write_folder_tree

FIRST = 'train/0000/0/c0_0'
EXTRAS = {'contact_sheet.jpg', 'masks.json'}


def flags(root, output, *more):
    return [*map(str, ['--root', root, '--output', output, '--device', 'cpu', '--batch-size', '5', *more])]


def files(folder):
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    return {name: content for name, content in found.items() if name not in EXTRAS}


def records_of(root):
    dataset = load_dataset('folder', root)
    return dataset.train + dataset.protocols[0].query + dataset.protocols[0].gallery


def write_plain(path, text, value=0, size=(64, 32)):
    info = PngInfo()
    for key, content in text.items():
        info.add_text(key, content)
    Image.fromarray(np.full(size, value, np.uint8)).save(path, pnginfo=info)


def fill_folder(tmp_path_factory):
    """A data set of 12 images without label maps, and the folder that the tool has filled."""
    root = write_folder_tree(tmp_path_factory.mktemp('data'), train=2, test=1, views=2)
    shutil.rmtree(root / 'parsing')
    output = tmp_path_factory.mktemp('maps') / 'out'
    assert main(flags(root, output)) == 0
    return root, output
