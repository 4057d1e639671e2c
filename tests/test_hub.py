"""Loading: names, tags, folders and files; what is refused; what comes bundled."""

import json
import shutil
import stat
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from ifd_zoo import Predictor, create_model
from ifd_zoo.common.choices import DEFAULT_MODEL
from ifd_zoo.hub import LoadError, ReleaseError, eval_transform, list_bundled, load_model, save_release
from ifd_zoo.labels import CLOTHING
from ifd_zoo.models.cfg import WEIGHTS_DIR
from ifd_zoo.releases.files import RELEASE_FILES

INFO = {'input_size': [3, 64, 32], 'training': {'mask_classes': ['upper'], 'fill': 'mean', 'lr': 0.1}}


@pytest.fixture(scope='session')
def saved(tmp_path_factory):
    model = timm.create_model('ifd_resnet10t', num_classes=5)
    return save_release(model, tmp_path_factory.mktemp('saved') / 'release', 'test', INFO)


@pytest.fixture
def release(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / 'release')


def embed(model):
    torch.manual_seed(0)
    with torch.no_grad():
        return model.eval()(*torch.randn(2, 2, model.main_stream.backbone.in_chans, 64, 32)).embedding


def test_a_release_is_config_and_half_precision_weights_without_classifiers(release):
    assert {path.name for path in release.iterdir()} == set(RELEASE_FILES)
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


def test_full_precision_keeps_every_bit(tmp_path):
    model = timm.create_model('ifd_resnet10t')
    loaded = load_model(save_release(model, tmp_path, 'test', INFO, precision='fp32'))
    assert torch.equal(embed(loaded), embed(model))


def test_a_weight_beyond_half_precision_is_named(tmp_path):
    model = timm.create_model('ifd_resnet10t')
    model.main_stream.head.neck.weight.data[0] = 1e6
    with pytest.raises(ReleaseError, match='too large for float16: main_stream.head.neck.weight'):
        save_release(model, tmp_path, 'test', INFO)


def test_folder_file_and_copied_file_are_the_same_model(release, tmp_path):
    expected = embed(load_model(release))
    alone = shutil.copy(release / 'model.safetensors', tmp_path / 'mine.safetensors')
    for source in (release / 'model.safetensors', alone, str(alone)):
        model = load_model(source)
        assert torch.equal(embed(model), expected) and eval_transform(model).masking.fill == 'mean'
    predictor = Predictor(alone, parser='none', device='cpu', precision='fp32')
    # In channels_last, in which sums are rounded otherwise.
    torch.testing.assert_close(embed(predictor.model), expected, rtol=0, atol=1e-5)


def test_create_model_gives_fresh_weights_for_a_name_and_trained_ones_on_demand():
    torch.manual_seed(0)
    fresh, other, trained = (create_model('ifd_resnet10t', pretrained=value) for value in (False, False, True))
    assert not torch.equal(embed(fresh), embed(other))
    assert torch.equal(embed(trained), embed(load_model(DEFAULT_MODEL)))
    assert fresh.release_info == {} and trained.release_info['figures']
    tagged = create_model(DEFAULT_MODEL)
    assert torch.equal(embed(tagged), embed(trained))


def test_create_model_changes_head_and_channels_of_a_release(release):
    model = create_model(release, num_classes=7, in_chans=1)
    assert model.get_classifier().out_features == 7 and embed(model).shape == (2, 512)
    backbones = load_model(release).main_stream.backbone.net, model.main_stream.backbone.net
    assert all(torch.equal(a, b) for a, b in zip(*(net.layer4.parameters() for net in backbones), strict=True))


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


@pytest.mark.parametrize('change, message', [
    ({'ifd': None}, 'its ifd is null: should be an object'), ({'ifd': []}, 'its ifd is .*: should be an object'),
    ({'pretrained_cfg': None}, 'its pretrained_cfg is null'), ({'model_args': None}, 'its model_args is null'),
    ({'model_args': {'backbone': 'nonsense'}}, 'cannot be loaded'), ({'model_args': {'pool': 'x'}}, 'model_args.pool'),
])  # fmt: skip
def test_a_config_that_makes_no_network_is_refused(release, change, message):
    config = json.loads((release / 'config.json').read_text())
    (release / 'config.json').write_text(json.dumps(config | change))
    with pytest.raises(LoadError, match=message):
        load_model(release)


@pytest.mark.parametrize('recorded', ['{', '[]', '{}', '{"architecture": "ifd_resnet10t", "pretrained_cfg": 1}'])
def test_a_config_in_a_weights_file_is_checked_as_one_beside_it(tmp_path, recorded):
    save_file({'a': torch.zeros(1)}, tmp_path / 'a.safetensors', {'config': recorded})
    with pytest.raises(LoadError, match='a.safetensors: not '):
        load_model(tmp_path / 'a.safetensors')


def test_a_truncated_weights_file_is_refused(release):
    path = release / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LoadError, match=r'model\.safetensors'):
        load_model(release)


def test_weights_of_another_architecture_are_refused(release):
    config = json.loads((release / 'config.json').read_text())
    (release / 'config.json').write_text(json.dumps({**config, 'architecture': 'ifd_resnet18', 'model_args': {}}))
    with pytest.raises(LoadError, match='of .* missing: .*unexpected: .*of another shape: ') as error:
        load_model(release)
    assert 'attention_stream.backbone.net.conv1.weight' in str(error.value) and len(str(error.value)) < 2000


def test_a_shape_that_does_not_fit_is_named_with_both_shapes(release):
    state = load_file(release / 'model.safetensors')
    state['ikt.conv.weight'] = torch.zeros(1, 2, 5, 5)
    (release / 'config.json').write_text(json.dumps(without_hashes(release)))
    save_file(state, release / 'model.safetensors')
    expected = r'1 of another shape: ikt.conv.weight is \(1, 2, 5, 5\), expected \(1, 2, 7, 7\)'
    with pytest.raises(LoadError, match=expected):
        load_model(release)


def without_hashes(release):
    config = json.loads((release / 'config.json').read_text())
    del config['ifd']['sha256']
    return config


def test_a_truncated_file_without_recorded_hash_is_refused_as_well(release):
    (release / 'config.json').write_text(json.dumps(without_hashes(release)))
    path = release / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LoadError, match='damaged or not safetensors'):
        load_model(release)


def test_one_changed_byte_is_refused(release):
    content = bytearray((release / 'model.safetensors').read_bytes())
    content[-1] ^= 1
    (release / 'model.safetensors').write_bytes(content)
    with pytest.raises(LoadError, match='not the file that was released: its SHA-256 is'):
        load_model(release)


def test_an_architecture_of_others_is_refused(release):
    config = json.loads((release / 'config.json').read_text())
    (release / 'config.json').write_text(json.dumps({**config, 'architecture': 'resnet18'}))
    with pytest.raises(LoadError, match='resnet18 is no architecture of this zoo'):
        load_model(release)


def test_a_config_cannot_send_the_loader_to_another_file(release, tmp_path):
    expected = embed(load_model(release))
    config = json.loads((release / 'config.json').read_text())
    torch.save({}, tmp_path / 'evil.bin')
    config['pretrained_cfg'] |= {'url': f'file://{tmp_path}/evil.bin', 'source': 'url', 'hf_hub_id': 'evil/evil'}
    (release / 'config.json').write_text(json.dumps(config))
    assert torch.equal(embed(load_model(release)), expected)
    config['model_args']['checkpoint_path'] = str(tmp_path / 'evil.bin')
    (release / 'config.json').write_text(json.dumps(config))
    with pytest.raises(LoadError, match='checkpoint_path'):
        load_model(release)


def test_a_pickle_is_refused_and_the_line_that_converts_it_works(release, tmp_path):
    state = load_file(release / 'model.safetensors')
    (release / 'model.safetensors').unlink()
    torch.save({'state_dict': state}, release / 'model.bin')
    with pytest.raises(LoadError, match='model.bin is a pickle') as error:
        load_model(release)
    with pytest.raises(LoadError, match='a pickle, which can run code'):
        load_model(release / 'model.bin')
    line = str(error.value).partition('convert it: ')[2]
    assert line.startswith('python -c ')
    command = f'umask 027; {sys.executable}{line.removeprefix("python")}'
    subprocess.run(['bash', '-c', command], check=True, cwd=tmp_path)
    assert stat.S_IMODE((release / 'model.safetensors').stat().st_mode) == 0o640
    (release / 'config.json').write_text(json.dumps(without_hashes(release)))
    assert embed(load_model(release)).isfinite().all()


def test_a_file_that_does_not_say_what_it_is_is_refused(tmp_path):
    save_file({'a': torch.zeros(1)}, tmp_path / 'a.safetensors')
    with pytest.raises(LoadError, match='next to its config.json'):
        load_model(tmp_path / 'a.safetensors')


@pytest.mark.parametrize('name', ['ifd_resnet50.prcc', 'ifd_baseline_resnet50.ltcc', 'ifd_resnet10t.ablation_ikt'])
def test_a_run_without_published_weights_says_how_to_make_them(name, monkeypatch):
    monkeypatch.delenv('IFD_HUB_ORG', raising=False)
    with pytest.raises(LoadError, match='not published; make them with `python train/run.py --recipe'):
        create_model(name)


@pytest.mark.parametrize('source', ['ifd_resnet50', 'no_such_model', '/no/such/folder'])
def test_names_without_weights_are_refused_and_never_random(source):
    with pytest.raises(LoadError, match='release folder'):
        load_model(source)


def test_an_unreachable_hub_is_one_readable_error():
    with pytest.raises(LoadError, match='hf-hub:nobody/nothing'):
        load_model('hf-hub:nobody/nothing')


def test_the_bundled_pair_differs_in_nothing_but_the_method():
    assert list_bundled() == [
        'ifd_baseline_resnet10t.photos', 'ifd_baseline_resnet10t.synthetic', 'ifd_resnet10t.outfits',
        'ifd_resnet10t.photos', 'ifd_resnet10t.synthetic', 'ifd_student_resnet10t.photos',
    ]
    names = 'ifd_baseline_resnet10t.synthetic', 'ifd_resnet10t.synthetic'
    baseline, ifd = (load_model(name).release_info for name in names)
    differ = {key for key in ifd['training'] if ifd['training'][key] != baseline['training'][key]}
    assert differ <= {'variant', 'seconds'}
    differ = {key for key in ifd['data'] if ifd['data'][key] != baseline['data'][key]}
    assert differ <= {'masks'}  # how many were found: the baseline looks at none


@pytest.mark.parametrize('name', list_bundled())
def test_bundled_weights_load_by_name_and_record_how_they_were_made(name):
    model = timm.create_model(name, pretrained=True)
    ours = load_model(name)
    assert all((a == b).all() for a, b in zip(model.state_dict().values(), ours.state_dict().values(), strict=True))
    info = ours.release_info
    assert info['command'].startswith('python train/run.py') and 'seed' in info['training']
    assert {row['mode'] for row in info['figures']} == {'general', 'cc', 'sc'}


@pytest.mark.parametrize('path', sorted(WEIGHTS_DIR.glob('*/')), ids=lambda path: path.name)
def test_bundled_weights_are_small(path):
    assert (path / 'model.safetensors').stat().st_size < 24 * 2**20
