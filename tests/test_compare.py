"""Several models in one table, and what they have to beat."""

import json
import shutil

import numpy as np
import pytest
import timm
import torch

from eval import compare, compare_models, run
from eval.reference_models import ColourHistogram, untrained_twin
from ifd_zoo.hub import load_model, save_release
from ifd_zoo.models.fingerprint import hash_weights
from tests.trees import write_folder_tree

SIZE = (3, 64, 32)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = write_folder_tree(tmp_path_factory.mktemp('data') / 'people')
    write_folder_tree(folder / 'hard', test=2)
    return folder


def release(folder, architecture, seed):
    torch.manual_seed(seed)
    model = timm.create_model(architecture, num_classes=0)
    return save_release(model, folder, 'tiny', {'input_size': SIZE, 'training': {'seed': seed}})


@pytest.fixture(scope='module')
def releases(tmp_path_factory):
    folder = tmp_path_factory.mktemp('releases')
    names = {'ifd': ('ifd_resnet10t', 0), 'ifd1': ('ifd_resnet10t', 1), 'base': ('ifd_baseline_resnet10t', 0)}
    for name, (architecture, seed) in names.items():
        release(folder / name, architecture, seed)
    return folder


def arguments(root, releases, output, *more):
    models = (f'IFD={releases}/ifd,{releases}/ifd1', f'baseline={releases}/base')
    return ['--root', str(root), '--models', *models, '--output', str(output), '--workers', '0', *more]


@pytest.fixture(scope='module')
def measured(root, releases, tmp_path_factory):
    """The output folder."""
    output = tmp_path_factory.mktemp('measured') / 'out'
    assert compare.main(arguments(root, releases, output)) == 0
    return output


def test_table_has_every_model_test_and_kind_of_masks_with_the_figures_of_eval_run(root, releases, measured, tmp_path):
    report = json.loads((measured / 'compare.json').read_text())
    found = [(row['row'], row['test'], row['masks']) for row in report['rows']]
    two = [(test, masks) for test in ('test', 'look-alikes') for masks in ('label-maps', 'bundled')]
    one = [(test, '-') for test in ('test', 'look-alikes')]
    expected = [('IFD', two), ('baseline', one), ('colour histogram', one), ('untrained network', two)]
    assert found == [(name, *kind) for name, kinds in expected for kind in kinds]
    figures = []
    for name in ('ifd', 'ifd1'):
        argv = ['--model', str(releases / name), '--root', str(root / 'hard'), '--workers', '0', '--masks', 'bundled']
        assert run.main([*argv, '--output', str(tmp_path / name)]) == 0
        rows = json.loads((tmp_path / name / 'figures.json').read_text())['protocols']
        figures.append({row['mode']: row for row in rows})
    row = next(row for row in report['rows'] if (row['row'], row['test'], row['masks']) == ('IFD', *two[3]))
    assert row['seeds'] == [0, 1]
    for mode, values in row['figures'].items():
        both = [run[mode]['mAP'] for run in figures]
        assert values['mAP']['mean'] == pytest.approx(np.mean(both))
        assert values['mAP']['std'] == pytest.approx(np.std(both, ddof=1))
    table = (measured / 'compare.md').read_text()
    assert '**look-alikes**: 4 queries, 8 gallery images' in table and '| IFD | bundled | 0, 1 |' in table


def test_costs_are_those_of_the_trained_models(releases, measured):
    costs = json.loads((measured / 'compare.json').read_text())['costs']
    assert list(costs) == ['IFD', 'baseline']
    for name, folder in (('IFD', 'ifd'), ('baseline', 'base')):
        model = load_model(releases / folder)
        assert costs[name]['parameters'] == sum(parameter.numel() for parameter in model.parameters())
        assert costs[name]['images_per_second'] > 0
        assert costs[name]['precision'] == 'fp32'  # 16 bits want a check of the release, and nobody has made one
    assert costs['IFD']['gflops'] == pytest.approx(2 * costs['baseline']['gflops'], rel=0.01)
    assert costs['IFD']['images_per_second'] < costs['baseline']['images_per_second']
    assert '| baseline | ' in (measured / 'compare.md').read_text().partition('**cost**')[2]


def test_record_puts_the_tables_into_the_releases_that_were_compared(root, releases, measured, tmp_path, capsys):
    copies = shutil.copytree(releases, tmp_path / 'releases')
    shutil.copytree(measured, tmp_path / 'out')
    argv = arguments(root, copies, tmp_path / 'out', '--masks', 'label-maps')
    assert compare.main(argv) == 0
    assert 'look-alikes' not in (copies / 'ifd' / 'README.md').read_text()
    capsys.readouterr()
    assert compare.main([*argv, '--record']) == 0
    tables = capsys.readouterr().out.strip()
    assert '| IFD | label-maps | 0, 1 |' in tables and '| baseline | 4.9 M |' in tables
    report = json.loads((tmp_path / 'out' / 'compare.json').read_text())
    for name in ('ifd', 'ifd1', 'base'):
        assert tables in (copies / name / 'README.md').read_text()
        before, after = (json.loads((folder / name / 'config.json').read_text()) for folder in (releases, copies))
        assert after['ifd'].pop('comparison') == report and after == before
        assert load_model(copies / name).release_info['comparison'] == report


def test_weights_without_a_config_are_refused_before_anything_is_measured(root, releases, tmp_path, capsys):
    alone = shutil.copy(releases / 'base' / 'model.safetensors', tmp_path / 'alone.safetensors')
    argv = ['--root', str(root), '--models', f'baseline={alone}', '--output', str(tmp_path / 'out'), '--record']
    assert compare.main(argv) == 2
    assert 'has no config.json to write to' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_what_has_been_measured_is_not_measured_again(root, releases, measured, tmp_path, monkeypatch):
    output = shutil.copytree(measured, tmp_path / 'out')
    argv = arguments(root, releases, output, '--masks', 'label-maps')
    removed = min((output / 'measured').glob('*-label-maps-*'))
    content = removed.read_text()
    removed.unlink()
    again = []
    original = compare_models.measure_model
    monkeypatch.setattr(compare_models, 'measure_model', lambda *args: again.append(args) or original(*args))
    assert compare.main(argv) == 0
    assert removed.read_text() == content and len(again) == 1
    changed = next((root / 'query').rglob('*.jpg'))
    changed.write_bytes(changed.read_bytes() + b'0')
    assert compare.main(argv) == 0
    assert len(again) == 1 + 5  # all five models on this test, none on the other one


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--models', 'IFD'], "no trained model 'IFD'"),
        (['--models', 'IFD=nowhere/at/all'], 'nowhere/at/all'),
        (['--models', 'IFD=ifd_resnet10t.synthetic', 'IFD=ifd_baseline_resnet10t.synthetic'], 'the same label'),
        (['--output', 'taken'], 'taken'),
        (['--root', '.'], 'no folder query in it'),
    ],
)
def test_what_cannot_be_compared_is_one_line(root, tmp_path, capsys, monkeypatch, flags, message):
    (tmp_path / 'taken').touch()
    monkeypatch.chdir(tmp_path)
    good = ['--root', str(root), '--models', 'IFD=ifd_resnet10t.synthetic', '--output', 'out']
    assert compare.main([*good, *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and message in error and error.count('\n') == 1


def test_colour_histogram_equals_one_counted_pixel_by_pixel():
    like = load_model('ifd_resnet10t.synthetic')
    floor = ColourHistogram(like, stripes=2, levels=4)
    pixels = torch.randint(0, 256, (2, 3, 6, 5), generator=torch.Generator().manual_seed(0)) / 255
    mean, std = (torch.tensor(like.pretrained_cfg[name]).reshape(1, 3, 1, 1) for name in ('mean', 'std'))
    embedding = floor((pixels - mean) / std).embedding
    expected = np.zeros((2, 2, 4, 4, 4))
    for index in range(2):
        for row in range(6):
            for column in range(5):
                red, green, blue = (min(int(value * 4 + 1e-6), 3) for value in pixels[index, :, row, column])
                expected[index, row // 3, red, green, blue] += 1 / 15
    assert np.allclose(embedding.numpy() ** 2, expected.reshape(2, -1), atol=1e-6)


def test_untrained_twin_has_the_architecture_and_none_of_the_weights():
    model = load_model('ifd_resnet10t.synthetic')
    state = torch.get_rng_state()
    twin, again = untrained_twin(model), untrained_twin(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert twin.state_dict().keys() == model.state_dict().keys()
    assert hash_weights(twin) == hash_weights(again) != hash_weights(model)
    assert not any(torch.equal(a, b) for a, b in zip(twin.parameters(), model.parameters(), strict=True) if a.ndim > 1)
