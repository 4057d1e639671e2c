"""A release records its test feature: commands, export, index and golden tensors follow it."""

import json
import shutil

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from eval import compare as eval_compare
from eval import extract as eval_extract
from eval import figure3 as eval_figure3
from eval import run as eval_run
from eval.figure3 import TRIPLE
from ifd_zoo import Predictor, load_model
from ifd_zoo.__main__ import main as zoo_main
from ifd_zoo.common.choices import FEATURES
from ifd_zoo.gallery import PhotoFile, search
from ifd_zoo.hub import LoadError, ReleaseError, save_release
from ifd_zoo.hub.__main__ import main as hub_main
from ifd_zoo.hub.check import check_release
from ifd_zoo.index.__main__ import main as index_main
from ifd_zoo.index.gallery_folder import IndexedFolder
from ifd_zoo.models.features import embedding_size, feature_name
from ifd_zoo.models.inference import infer
from tests.extraction import info_of
from tests.necks import SIZE, make_model
from tests.small_releases import config_of, write_config
from tests.training import arguments
from tests.trees import write_folder_tree
from train import run as train_run

DIM = 96  # of each part
PARTS = {'neck': 1, 'pooled': 1, 'pooled+attention': 2, 'neck+pooled+attention': 3}
pytestmark = pytest.mark.filterwarnings('ignore:.*has not been checked in bf16')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def releases(tmp_path_factory, root):
    """One for each feature, of the same weights; and `old`, which records none."""
    folder, model = tmp_path_factory.mktemp('releases'), make_model('ifd_resnet10t')
    data = {'name': 'folder', 'folder': root.name}
    save_release(model, folder / 'old', 'old', {'input_size': [3, *SIZE], 'data': data, 'figures': []})
    for feature in FEATURES:
        argv = ['save', '--model', str(folder / 'old'), '--output', str(folder / feature), '--feature', feature]
        assert hub_main(argv) == 0
    return folder


@pytest.fixture(scope='module')
def baseline(tmp_path_factory):
    info = {'input_size': [3, *SIZE]}
    return save_release(make_model('ifd_baseline_resnet10t'), tmp_path_factory.mktemp('baseline'), 'one', info)


def change_info(folder, **fields):
    config = config_of(folder)
    write_config(folder, config | {'ifd': config['ifd'] | fields})
    return folder


def flags(root, output, *more):
    return ['--root', str(root), '--output', str(output), '--device', 'cpu', *map(str, more)]


@pytest.mark.parametrize('feature', FEATURES)
def test_a_release_records_its_feature_and_golden_tensors_hold_it(releases, feature, tmp_path):
    folder = releases / feature
    model, golden = load_model(folder), load_file(folder / 'golden.safetensors')['embedding']
    assert feature_name(model) == feature and check_release(folder).count('within') == 2
    assert embedding_size(model) == DIM * PARTS[feature] == golden.shape[1]
    alone = shutil.copy(folder / 'model.safetensors', tmp_path / 'alone.safetensors')
    assert feature_name(load_model(alone)) == feature
    assert f'an embedding of {DIM * PARTS[feature]} numbers' in (folder / 'README.md').read_text()


def test_a_release_without_the_field_means_neck(releases):
    assert feature_name(load_model(releases / 'old')) == 'neck'
    same = [load_file(releases / name / 'golden.safetensors')['embedding'] for name in ('old', 'neck')]
    assert torch.equal(*same)
    assert feature_name(load_model(releases / 'old', 'pooled')) == 'pooled'


def test_golden_tensors_of_another_feature_are_an_error(releases, tmp_path):
    same_size = change_info(shutil.copytree(releases / 'pooled', tmp_path / 'a'), feature={'neck': 1.0})
    with pytest.raises(ReleaseError, match='differs from golden.safetensors: embedding by'):
        check_release(same_size)
    larger = change_info(shutil.copytree(releases / 'neck', tmp_path / 'b'), feature=FEATURES['pooled+attention'])
    with pytest.raises(ReleaseError, match=r'another test feature or network: embedding \(2, 192\), was \(2, 96\)'):
        check_release(larger)


@pytest.mark.parametrize('feature', [
    'pooled', [], {}, {'gap': 1.0}, {'neck': 0}, {'neck': -1.0}, {'neck': 'x'}, {'neck': True}, {'neck': None},
    {'neck': 1e999},
])  # fmt: skip
def test_a_release_with_an_impossible_feature_is_refused(releases, tmp_path, feature):
    folder = change_info(shutil.copytree(releases / 'neck', tmp_path / 'release'), feature=feature)
    with pytest.raises(LoadError, match=r'config.json: .* its ifd\.feature'):
        load_model(folder)


def test_a_single_stream_is_refused_attention_wherever_it_is_asked_for(baseline, root, tmp_path, capsys):
    commands = [
        (eval_run.main, ['--model', str(baseline), *flags(root, tmp_path / 'a', '--workers', '0')]),
        (eval_extract.main, ['--model', str(baseline), *flags(root, tmp_path / 'b')]),
        (hub_main, ['save', '--model', str(baseline), '--output', str(tmp_path / 'd')]),
    ]
    row = f'{baseline}=pooled+attention'
    commands = [(main, [*argv, '--feature', 'pooled+attention']) for main, argv in commands]
    commands.append((eval_compare.main, ['--models', row, *flags(root, tmp_path / 'c', '--workers', '0')]))
    for main, argv in commands:
        assert main(argv) == 2
        assert 'has no attention stream; take neck or pooled' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_run.main(arguments(root, tmp_path / 'e', '--variant', 'baseline', '--feature', 'pooled+attention'))
    assert 'variant baseline has no attention stream for pooled+attention' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_exported_graph_gives_the_feature(releases, tmp_path):
    release, image, masked = releases / 'pooled+attention', *torch.randn(2, 3, 3, *SIZE)
    assert zoo_main(['export', '--model', str(release), '--output', str(tmp_path / 'm.onnx')]) == 0
    session = onnxruntime.InferenceSession(tmp_path / 'm.onnx', providers=['CPUExecutionProvider'])
    found = session.run(['embedding'], {'image': image.numpy(), 'masked': masked.numpy()})[0]
    assert np.abs(found - infer(load_model(release), image, masked).embedding.numpy()).max() < 1e-4


def test_an_index_holds_the_feature_and_is_of_that_alone(releases, root, tmp_path, capsys):
    index, photo = str(tmp_path / 'index'), sorted((root / 'gallery').rglob('*.jpg'))[0]
    model = ['--model', str(releases / 'neck+pooled+attention'), '--parser', 'none', '--device', 'cpu']
    assert index_main(['build', '--index', index, '--images', str(photo.parent), *model]) == 0
    capsys.readouterr()
    assert index_main(['search', '--index', index, '--query', str(photo), '--json', *model]) == 0
    best = json.loads(capsys.readouterr().out)[str(photo)][0]
    assert best['name'] == photo.name and best['similarity'] > 0.999
    assert index_main(['info', '--index', index]) == 0
    assert json.loads(capsys.readouterr().out)[0]['dim'] == DIM * 3
    argv = ['--model', str(releases / 'pooled'), *model[2:]]
    assert index_main(['search', '--index', index, '--query', str(photo), *argv]) == 2
    assert 'feature is {' in capsys.readouterr().err


def test_the_folder_of_the_page_is_searched_by_the_feature(releases, root, tmp_path):
    files = [PhotoFile(path, str(path.relative_to(root))) for path in sorted((root / 'query').rglob('*.jpg'))]
    predictor = Predictor(releases / 'pooled+attention', 'none', 'cpu')
    for embed in (IndexedFolder(files, tmp_path), IndexedFolder(files[:1], tmp_path / 'other')):
        found = search(predictor, files[:1], files, embed=embed).queries[0]
        assert found.ranking[0].name == files[0].name and found.ranking[0].similarity > 0.999
        assert found.embedding.shape == (DIM * 2,)


def test_another_feature_in_place_drops_what_was_measured_and_record_puts_it_back(releases, root, tmp_path, capsys):
    folder = shutil.copytree(releases / 'old', tmp_path / 'release')
    check = {'min_cosine': 1.0, 'rank1_change': 0.0, 'images': 1, 'queries': 1, 'data': 'folder'}
    cost = {'parameters': 1, 'gflops': 1, 'images_per_second': 1, 'precision': 'fp32', 'device': 'cpu', 'threads': 1}
    comparison = {'data': 'folder', 'precision': 'fp32', 'tests': [], 'rows': [], 'costs': {'one': cost}}
    data = {'name': 'folder', 'folder': root.name, 'masks': {'images': 9, 'no_person': 0, 'no_clothing': 0}}
    change_info(folder, precisions={'bf16': check}, comparison=comparison, data=data)
    weights = (folder / 'model.safetensors').read_bytes()
    argv = ['save', '--model', str(folder), '--output', str(folder), '--feature', 'pooled+attention']
    assert hub_main(argv) == 0 and hub_main(['check', str(folder)]) == 0
    info = load_model(folder).release_info
    assert info['feature'] == FEATURES['pooled+attention'] and not info.keys() & {'figures', 'precisions', 'comparison'}
    assert (folder / 'model.safetensors').read_bytes() != weights
    assert 'Not yet with this test feature' in (folder / 'README.md').read_text()
    measure = ['--model', str(folder), *flags(root, tmp_path / 'out', '--workers', '0')]
    assert eval_run.main([*measure, '--record']) == 0
    figures = json.loads((tmp_path / 'out' / 'figures.json').read_text())
    assert figures['feature'] == 'pooled+attention'
    assert load_model(folder).release_info['figures'] == figures['protocols']
    assert '| cc | ' in (folder / 'README.md').read_text() and hub_main(['check', str(folder)]) == 0
    for more in (['--rerank'], ['--no-flip'], ['--feature', 'neck']):
        with pytest.raises(SystemExit):
            eval_run.main([*measure, '--record', *more])
    change_info(folder, data={'name': 'prcc', 'folder': 'prcc'})
    capsys.readouterr()
    assert eval_run.main([*measure, '--record']) == 2
    assert 'describes prcc, prcc, but this is folder, data' in capsys.readouterr().err


def test_every_command_measures_with_the_feature_that_is_asked_for(releases, root, tmp_path, capsys):
    own, old, asked = releases / 'pooled', releases / 'old', ['--feature', 'pooled']
    reports, rows = [], []
    for number, (folder, more) in enumerate(((own, []), (old, asked), (old, []))):
        out = tmp_path / str(number)
        assert eval_run.main(['--model', str(folder), *flags(root, out, *more, '--workers', '0')]) == 0
        assert eval_extract.main(['--model', str(folder), *flags(root, out / 'e.safetensors', *more)]) == 0
        reports.append(json.loads((out / 'figures.json').read_text()))
        rows.append(load_file(out / 'e.safetensors')['embeddings'])
    assert [report['feature'] for report in reports] == ['pooled', 'pooled', 'neck']
    assert reports[0]['protocols'] == reports[1]['protocols']
    assert torch.equal(rows[0], rows[1]) and not torch.allclose(rows[2], rows[0], atol=1e-3)
    assert info_of(tmp_path / '0' / 'e.safetensors')['feature'] == FEATURES['pooled']
    assert 'test feature: pooled;' in capsys.readouterr().out


def test_a_comparison_keeps_features_apart(releases, root, tmp_path, capsys):
    argv = [*flags(root, tmp_path / 'out', '--workers', '0'), '--masks', 'label-maps']
    assert eval_compare.main(['--models', f'a={releases / "old"}', *argv]) == 0
    assert 'Test features: a neck, colour histogram neck, untrained network neck.' in capsys.readouterr().out
    assert eval_compare.main(['--models', f'a={releases / "old"}=pooled', *argv]) == 0
    assert 'Test features: a pooled, colour histogram neck, untrained network pooled.' in capsys.readouterr().out
    assert eval_compare.main(['--models', f'a={releases / "neck"},{releases / "pooled"}', *argv]) == 2
    assert 'their test features differ (neck, pooled)' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        eval_compare.main(['--models', f'a={releases / "old"}=pooled', *argv, '--record'])


def test_figure_3_is_drawn_with_the_feature_that_is_asked_for(releases, root, tmp_path, capsys):
    photos = sorted((root / 'query').rglob('*.jpg'))
    files = [word for name, path in zip(TRIPLE, photos, strict=False) for word in (f'--{name}', str(path))]
    argv = [*files, '--models', str(releases / 'neck'), '--masks', 'none', '--output', str(tmp_path / 'f.png')]
    printed = []
    for more in ([], ['--feature', 'pooled+attention']):
        assert eval_figure3.main([*argv, *more]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] != printed[1]


def test_a_run_measures_and_releases_the_feature_of_its_config(root, tmp_path):
    assert train_run.main(arguments(root, tmp_path / 'run', '--epochs', '1', '--feature', 'pooled+attention')) == 0
    release = tmp_path / 'run' / 'release'
    info = config_of(release)['ifd']
    assert info['feature'] == FEATURES['pooled+attention'] and '--feature pooled+attention' in info['command']
    assert eval_run.main(['--model', str(release), *flags(root, tmp_path / 'out', '--workers', '0')]) == 0
    again = json.loads((tmp_path / 'out' / 'figures.json').read_text())['protocols']
    for now, then in zip(again, info['figures'], strict=True):
        assert now == pytest.approx(then)
