"""Release folders: what is written, what is refused, what comes bundled."""

import json

import pytest
import timm

from ifd_zoo.hub import LoadError, eval_transform, list_bundled, load_model, save_release
from ifd_zoo.models.cfg import WEIGHTS_DIR
from ifd_zoo.parsing.labels import CLOTHING


@pytest.fixture
def release(tmp_path):
    info = {'input_size': [3, 64, 32], 'training': {'mask_classes': ['upper'], 'fill': 'mean', 'lr': 0.1}}
    return save_release(timm.create_model('ifd_resnet10t', num_classes=5), tmp_path / 'release', 'test', info)


def test_a_release_is_config_and_half_precision_weights_without_classifiers(release):
    assert sorted(path.name for path in release.iterdir()) == ['config.json', 'model.safetensors']
    parameters = sum(parameter.numel() for parameter in load_model(release).parameters())
    assert (release / 'model.safetensors').stat().st_size < 2.1 * parameters
    assert json.loads((release / 'config.json').read_text())['num_classes'] == 0


def test_loading_replays_size_and_masks_of_the_training(release):
    transform = eval_transform(load_model(release))
    assert transform.size == (64, 32) and transform.masking.fill == 'mean'
    assert tuple(transform.masking.mask_classes) == ('upper',) and transform.masking.clothing_classes == CLOTHING


def test_saving_leaves_the_model_itself_as_it_was(tmp_path):
    model = timm.create_model('ifd_resnet10t', num_classes=5)
    save_release(model, tmp_path, 'test', {'input_size': [3, 64, 32]})
    assert model.num_classes == 5 and model.get_classifier().out_features == 5
    assert 'test' != model.pretrained_cfg.get('tag')


def test_a_missing_file_is_named(release):
    (release / 'config.json').unlink()
    with pytest.raises(LoadError, match='no config.json'):
        load_model(release)


@pytest.mark.parametrize(
    'name, content',
    [('config.json', b'{"architecture": '), ('model.safetensors', b'\x80\x04pickle'), ('model.safetensors', b'')],
)
def test_a_damaged_file_is_named(release, name, content):
    (release / name).write_bytes(content)
    with pytest.raises(LoadError, match=name):
        load_model(release)


def test_a_truncated_weights_file_is_refused(release):
    path = release / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LoadError, match=r'model\.safetensors'):
        load_model(release)


def test_weights_of_another_architecture_are_refused(release):
    config = json.loads((release / 'config.json').read_text())
    (release / 'config.json').write_text(json.dumps({**config, 'architecture': 'ifd_resnet18', 'model_args': {}}))
    with pytest.raises(LoadError, match='cannot be loaded'):
        load_model(release)


@pytest.mark.parametrize('source', ['ifd_resnet50', 'no_such_model', '/no/such/folder'])
def test_names_without_weights_are_refused_and_never_random(source):
    with pytest.raises(LoadError, match='release folder'):
        load_model(source)


def test_an_unreachable_hub_is_one_readable_error():
    with pytest.raises(LoadError, match='hf-hub:nobody/nothing'):
        load_model('hf-hub:nobody/nothing')


def test_the_bundled_pair_differs_in_nothing_but_the_method():
    assert list_bundled() == ['ifd_baseline_resnet10t.synthetic', 'ifd_resnet10t.synthetic']
    baseline, ifd = (load_model(name).release_info for name in list_bundled())
    differ = {key for key in ifd['training'] if ifd['training'][key] != baseline['training'][key]}
    assert differ <= {'recipe', 'model', 'streams', 'contrastive', 'stage1_epochs', 'seconds'}
    assert ifd['data'] == baseline['data']


@pytest.mark.parametrize('name', list_bundled())
def test_bundled_weights_load_by_name_and_record_how_they_were_made(name):
    model = timm.create_model(name, pretrained=True)
    ours = load_model(name)
    assert all((a == b).all() for a, b in zip(model.state_dict().values(), ours.state_dict().values(), strict=True))
    info = ours.release_info
    assert info['command'].startswith('python train/run.py') and 'seed' in info['training']
    assert {row['mode'] for row in info['figures']} == {'general', 'cc', 'sc'}


@pytest.mark.parametrize('path', sorted(WEIGHTS_DIR.iterdir()), ids=lambda path: path.name)
def test_bundled_weights_are_small(path):
    assert (path / 'model.safetensors').stat().st_size < 24 * 2**20
