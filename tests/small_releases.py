"""Releases of a model and a parser with 0.2 million weights, that record all that the bundled ones do."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from ifd_zoo.hub import eval_transform, save_release
from ifd_zoo.hub.parsers import save_parser
from ifd_zoo.labels import LABELS
from ifd_zoo.models.cfg import WEIGHTS_DIR
from ifd_zoo.parsing.network import ParsingNet

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8))


def config_of(folder):
    return json.loads((folder / 'config.json').read_text())


def write_config(folder, config):
    (folder / 'config.json').write_text(json.dumps(config))


def without_hashes(config):
    part = config.get('ifd', config)
    part.pop('sha256')
    return config


def make_parser(detail=0):
    """A network whose label maps hold several classes."""
    torch.manual_seed(0)
    net = ParsingNet('test_efficientnet', len(LABELS), width=8, detail=detail)
    torch.nn.init.normal_((net.detail if detail else net).head.weight)
    for _ in range(20):
        net(torch.randn(8, 3, 64, 32))  # moves the statistics of the batch norms: otherwise all is one class
    return net


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model = timm.create_model('ifd_resnet10t', backbone='test_efficientnet')
    info = config_of(WEIGHTS_DIR / 'ifd_resnet10t.synthetic')['ifd'] | {'input_size': [3, 64, 32]}
    rows = [row for row in info['comparison']['rows'] if row['test'] == 'test'][:2]
    info['comparison'] |= {'tests': ['test'], 'rows': rows}
    return save_release(model, tmp_path_factory.mktemp('saved') / 'release', 'test', info)


@pytest.fixture(scope='module')
def saved_parser(tmp_path_factory):
    folder = tmp_path_factory.mktemp('saved') / 'parser'
    config = config_of(WEIGHTS_DIR / 'parser_tf_efficientnet_lite0')
    config |= {'backbone': 'test_efficientnet', 'width': 8, 'size': (64, 32), 'detail': 0}
    save_parser(make_parser(), folder, config)
    return folder


@pytest.fixture
def release(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / 'release'))


@pytest.fixture
def parser_release(saved_parser, tmp_path):
    return Path(shutil.copytree(saved_parser, tmp_path / 'parser'))


def answer(model):
    """Embedding of a picture with clothing in its lower half."""
    sample = eval_transform(model)(IMAGE, np.repeat([0, LABELS.index('coat')], 32)[:, None].repeat(32, axis=1))
    with torch.inference_mode():
        return model(sample.image[None], sample.masked[None]).embedding
