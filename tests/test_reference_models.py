"""Rows of networks that were not trained on people, beside those of models."""

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from eval import intervals
from eval.bootstrap import answer
from eval.measure import Setting
from eval.reference_models import MaskedStream
from ifd_zoo.hub import load_model
from tests.extraction import MODEL
from tests.trees import write_folder_tree


def test_intervals_are_given_for_references_too(tmp_path):
    root, weights = write_folder_tree(tmp_path / 'data', test=4), tmp_path / 'weights.safetensors'
    torch.manual_seed(0)
    save_file(timm.create_model('resnet10t').state_dict(), weights)
    flags = ['--root', str(root), '--workers', '0', '--floors', '--json', str(tmp_path / 'x.json')]
    assert intervals.main(['--models', MODEL, *flags, '--imagenet', f'resnet10t={weights}']) == 0
    rows = {row['row']: row for row in json.loads((tmp_path / 'x.json').read_text()) if row['protocol'] == 'cc'}
    sizes = ['resnet10t, ImageNet, 128x64', 'resnet10t, ImageNet, 256x128']
    assert list(rows) == [MODEL, *sizes, 'masked stream', 'colour histogram']
    answers = answer(MaskedStream(load_model(MODEL)), Setting('folder', root, workers=0))
    (expected,) = [one.scores.figures() for one in answers if one.protocol == 'cc']
    assert rows['masked stream']['mAP']['value'] == pytest.approx(expected['mAP'], abs=0.01)

    assert intervals.main(['--models', MODEL, *flags, '--imagenet', 'resnet10t=missing']) == 2
