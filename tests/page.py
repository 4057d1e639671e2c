"""What the tabs share, with tiny untrained models, for tests of the page; and uploads as gradio hands them over."""

import shutil
from typing import NamedTuple

import numpy as np
import timm
import torch
from gradio.utils import get_upload_folder

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.labels import LABELS
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions

IFD, BASELINE = 'ifd_resnet10t', 'ifd_baseline_resnet10t'
QUERIES = sorted((EXAMPLES / 'query').glob('*.jpg'))
GALLERY = sorted((EXAMPLES / 'gallery').glob('*.jpg'))


class HalvesParser:
    """A shirt above and trousers below, but for the outer columns."""

    def identify(self):
        return 'halves'

    def parse(self, images):
        maps = []
        for image in images:
            label_map = np.zeros((image.height, image.width), np.uint8)
            label_map[: image.height // 2, 2:-2] = LABELS.index('upper')
            label_map[image.height // 2 :, 2:-2] = LABELS.index('lower')
            maps.append(label_map)
        return maps


class Shared(NamedTuple):
    models: Models
    sessions: Sessions


def make_shared(folder=None, keeping=None, guarded=False):
    return Shared(make_models(guarded), Sessions(folder, keeping))


def make_models(guarded=False):
    torch.manual_seed(0)
    networks = {name: timm.create_model(name, num_classes=0).eval() for name in (IFD, BASELINE)}
    for network in networks.values():
        network.pretrained_cfg['input_size'] = (3, 64, 32)
    return Models(networks, HalvesParser(), 'cpu', guarded=guarded)


def upload(folder, path, name=None):
    """What gradio hands over of a gr.Image, for a file that was uploaded."""
    target = folder / path.name
    shutil.copy(path, target)
    return {'path': str(target), 'orig_name': name or path.name, 'meta': {'_type': 'gradio.FileData'}}


def items(*files):
    """The same of a gr.Gallery."""
    return [{'image': file, 'caption': None} for file in files]


def uploads_folder(monkeypatch, folder):
    """A folder of uploads for one test."""
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(folder))
    assert get_upload_folder() == str(folder)
    return folder
