"""How a parser that learnt from photos reads renders: groups of the photos' classes, figures, and the script."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from eval import likeness, likeness_figures, realism_parser
from eval.choices import RealismSettings
from eval.realism_data import Photos, Renders, list_renders
from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.sources import TARGETS
from tests.test_realism import write_photos
from tests.trees import write_folder_tree


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('likeness')
    write_folder_tree(root / 'rendered', train=2, test=0)
    write_photos(root / 'photos')
    return ['--rendered', str(root / 'rendered'), '--photos', str(root / 'photos'), '--steps', '1']


class Constant(torch.nn.Module):
    """Takes the upper half of every picture for clothing and the rest for background."""

    def forward(self, images):
        logits = torch.zeros(len(images), len(realism_parser.GROUPS), *images.shape[-2:])
        logits[:, realism_parser.NAMES.index('clothing'), : images.shape[-2] // 2] = 1
        return logits


def test_a_class_of_photos_teaches_the_group_of_all_its_labels_or_nothing():
    groups = likeness_figures.groups_of_targets()
    for target, position in zip(TARGETS, groups, strict=True):
        inside = [name for name, labels in realism_parser.GROUPS.items() if set(target) <= set(labels)]
        assert [realism_parser.NAMES[position]] == inside if inside else position == realism_parser.OPEN
    assert realism_parser.OPEN in groups


def test_figures_are_those_counted_pixel_by_pixel(folders, tmp_path):
    root = tmp_path / 'rendered'
    write_folder_tree(root, train=1, test=0)
    pairs = list_renders(root, 100)
    record = likeness_figures.judge(Constant(), pairs)
    maps = np.stack([label_map.numpy() for _, label_map in Renders(pairs)])
    upper = np.zeros(maps.shape, bool)
    upper[:, : maps.shape[1] // 2] = True
    clothing = realism_parser.GROUP_OF[maps] == realism_parser.NAMES.index('clothing')
    assert clothing.any()
    assert record['rendered'] == len(pairs)
    assert record['iou']['clothing'] == pytest.approx((clothing & upper).sum() / (clothing | upper).sum(), abs=1e-4)
    for label in np.unique(maps):
        here, name = maps == label, LABELS[label]
        assert record['parsed_as'][name]['clothing'] == pytest.approx((here & upper).sum() / here.sum(), abs=1e-4)
        taken = 0 if clothing[here].any() else (here & upper).sum() / clothing.sum()
        assert record['taken_for']['clothing'].get(name, 0) == pytest.approx(taken if taken >= 0.01 else 0, abs=1e-4)
    assert record['taken_for']['clothing'] and record['taken_for']['hat'] == {}


def test_open_pixels_teach_nothing(folders):
    photos = Photos(Path(folders[3]), (64, 32))
    settings = RealismSettings(steps=2, batch_size=2, size=(64, 32))
    weights = torch.ones(len(realism_parser.GROUPS))
    groups = likeness_figures.groups_of_targets()
    nothing = np.full_like(groups, realism_parser.OPEN)
    nothing[0] = 0
    first, second = (realism_parser.train_parser(photos, each, weights, settings) for each in (groups, nothing))
    image = torch.zeros(1, 3, 64, 32)
    with torch.inference_mode():
        assert not torch.equal(first(image), second(image))


def test_script_keeps_the_parser_and_judges_with_it_again(folders, tmp_path, capsys):
    kept, output = tmp_path / 'new' / 'parser.safetensors', tmp_path / 'likeness.json'
    assert likeness.main([*folders, '--images', '3', '--parser', str(kept), '--output', str(output)]) == 0
    first, written = json.loads(output.read_text()), kept.read_bytes()
    assert '3 renders' in capsys.readouterr().out and set(first['iou']) == set(realism_parser.GROUPS)
    assert likeness.main([*folders, '--images', '3', '--parser', str(kept), '--output', str(output)]) == 0
    assert json.loads(output.read_text()) == first and kept.read_bytes() == written


def test_a_file_that_is_no_parser_is_named(folders, tmp_path, capsys):
    broken = tmp_path / 'parser.safetensors'
    broken.write_bytes(b'no weights')
    assert likeness.main([*folders, '--parser', str(broken)]) == 2
    assert f'error: {broken} does not hold' in capsys.readouterr().err


def test_missing_pictures_are_named_without_a_stack_trace(folders, tmp_path, capsys):
    assert likeness.main(['--rendered', str(tmp_path / 'nowhere'), *folders[2:]]) == 2
    assert 'nowhere' in capsys.readouterr().err
