"""The catalogue: what it lists, and that its training commands give what they promise."""

import json
from pathlib import Path

import pytest
import timm

import ifd_zoo
from ifd_zoo.__main__ import main
from ifd_zoo.common.variants import VARIANTS
from ifd_zoo.hub import list_models, list_tagged
from ifd_zoo.hub.listing import catalogue, measure_size
from ifd_zoo.hub.names import training_command
from ifd_zoo.models.zoo import BACKBONES, METHOD_BACKBONES
from train.flags import parse_args


@pytest.fixture(autouse=True)
def no_organisation(monkeypatch):
    monkeypatch.delenv('IFD_HUB_ORG', raising=False)


@pytest.mark.parametrize('name', [*list_tagged(), 'ifd_convnext_tiny', 'ifd_baseline_vit_small_patch14_dinov2'])
def test_the_command_of_every_run_trains_that_architecture_under_that_tag(name):
    config, _ = parse_args(training_command(name).removeprefix('python train/run.py ').split())
    assert config.model == name.split('.')[0]
    assert '.' not in name or (config.tag or config.data) == name.split('.')[1]


def test_the_names_of_the_zoo():
    bundled = [
        'ifd_baseline_resnet10t.photos', 'ifd_baseline_resnet10t.synthetic', 'ifd_resnet10t.outfits',
        'ifd_resnet10t.photos', 'ifd_resnet10t.synthetic', 'ifd_student_resnet10t.photos',
    ]
    assert ifd_zoo.list_pretrained() == ifd_zoo.list_bundled() == bundled
    assert {'ifd_resnet50.prcc', 'ifd_resnet50.ltcc', 'ifd_baseline_resnet50.prcc', 'ifd_resnet10t.ablation'} <= set(
        list_tagged()
    )
    methods = sum(bool(variant.family and variant.reference) for variant in VARIANTS.values())
    assert len(list_models()) == 3 * len(BACKBONES) + len(METHOD_BACKBONES) * methods
    assert ifd_zoo.list_models() == list_models()


def bundled_figures():
    """Of the clothes-changing protocol, as the release of the bundled model records them."""
    folder = Path(timm.get_pretrained_cfg('ifd_resnet10t.synthetic').file).parent
    figures = json.loads((folder / 'config.json').read_text())['ifd']['figures']
    (row,) = [row for row in figures if row['protocol'] == 'cc']
    return {key: round(row[key], 1) for key in ('rank1', 'mAP')}


def test_every_architecture_is_listed_with_its_size_and_place(capsys):
    assert main(['list', '*resnet10t*', '--json']) == 0
    entries = {entry['name']: entry for entry in json.loads(capsys.readouterr().out)}
    synthetic, ablation = entries['ifd_resnet10t.synthetic'], entries['ifd_resnet10t.ablation']
    assert synthetic['where'] == 'bundled' and synthetic['figures']['cc'] == bundled_figures()
    assert ablation['where'] == 'not published' and ablation['command'] == training_command('ifd_resnet10t.ablation')
    assert synthetic['size']['embedding'] == 512 and synthetic['license'] == 'apache-2.0'


def test_the_table_says_where_weights_are_and_how_to_make_the_others(capsys):
    assert main(['list', 'ifd_resnet10t.*']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ['model', 'tag', 'backbone']
    measured = '{rank1:.1f} / {mAP:.1f}'.format(**bundled_figures())
    assert any('synthetic' in line and measured in line and 'bundled' in line for line in lines)
    assert '  ifd_resnet10t.ablation      python train/run.py --recipe ablation --root DIR --output DIR' in lines


def test_a_pattern_without_model_is_an_error(capsys):
    assert main(['list', 'nothing*']) == 2
    assert 'no model matches' in capsys.readouterr().err


def test_where_follows_the_organisation(monkeypatch):
    monkeypatch.setenv('IFD_HUB_ORG', 'zoo')
    places = {entry.name: entry.where for entry in catalogue('ifd_resnet10t.*')}
    assert places['ifd_resnet10t.ablation'] == 'Hub zoo/ifd_resnet10t.ablation'
    assert places['ifd_resnet10t.synthetic'] == 'bundled'


def test_size_is_counted_right():
    one, two = measure_size('ifd_baseline_resnet10t', (3, 128, 64)), measure_size('ifd_resnet10t', (3, 128, 64))
    assert one.parameters == sum(p.numel() for p in ifd_zoo.create_model('ifd_baseline_resnet10t').parameters())
    assert 2 < two.gflops / one.gflops < 2.02 and two.embedding == 512 and two.backbone == 'resnet10t'
