"""Loading: names, tags, folders and files; what is refused; what comes bundled."""

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
from tests import small_releases
from tests.small_releases import config_of, without_hashes, write_config

release = small_releases.release
INFO = {'input_size': [3, 64, 32], 'training': {'mask_classes': ['upper'], 'fill': 'mean', 'lr': 0.1}}


def make_model(**options):
    return timm.create_model('ifd_resnet10t', backbone='test_efficientnet', **options)


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    return save_release(make_model(num_classes=5), tmp_path_factory.mktemp('saved') / 'release', 'test', INFO)


def embed(model):
    torch.manual_seed(0)
    with torch.no_grad():
        return model.eval()(*torch.randn(2, 2, model.main_stream.backbone.in_chans, 64, 32)).embedding


def test_a_release_is_config_and_half_precision_weights_without_classifiers(release):
    assert {path.name for path in release.iterdir()} == set(RELEASE_FILES)
    parameters = sum(parameter.numel() for parameter in load_model(release).parameters())
    assert (release / 'model.safetensors').stat().st_size < 2.5 * parameters
    assert config_of(release)['num_classes'] == 0


def test_loading_replays_size_and_masks_of_the_training(release):
    transform = eval_transform(load_model(release))
    assert transform.size == (64, 32) and transform.masking.fill == 'mean'
    assert tuple(transform.masking.mask_classes) == ('upper',) and transform.masking.clothing_classes == CLOTHING


def test_saving_leaves_the_model_itself_as_it_was(tmp_path):
    model = make_model(num_classes=5)
    save_release(model, tmp_path, 'test', INFO)
    assert model.num_classes == 5 and model.get_classifier().out_features == 5
    assert 'test' != model.pretrained_cfg.get('tag')


def test_full_precision_keeps_every_bit(tmp_path):
    model = make_model()
    loaded = load_model(save_release(model, tmp_path, 'test', INFO, precision='fp32'))
    assert torch.equal(embed(loaded), embed(model))


def test_a_weight_beyond_half_precision_is_named(tmp_path):
    model = make_model()
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


def test_create_model_changes_head_and_channels_of_a_release():
    model = create_model(DEFAULT_MODEL, num_classes=7, in_chans=1)
    assert model.get_classifier().out_features == 7 and embed(model).isfinite().all()
    released, changed = load_model(DEFAULT_MODEL).state_dict(), model.state_dict()
    first = {f'{stream}_stream.backbone.net.conv1.0.weight' for stream in ('main', 'attention')}
    assert {key for key, value in released.items() if not torch.equal(value, changed[key])} == first


DAMAGE = {
    'no config': ('config.json', None, 'no config.json'),
    'half a config': ('config.json', lambda content: content[: len(content) // 2], 'config.json: not valid JSON'),
    'no weights': ('model.safetensors', None, 'no model.safetensors'),
    'a pickle': ('model.safetensors', lambda content: b'\x80\x04pickle', 'model.safetensors: a pickle'),
    'empty weights': ('model.safetensors', lambda content: b'', 'not the file that was released: its SHA-256 is'),
    'one bit of weights': (
        'model.safetensors', lambda content: content[:-1] + bytes([content[-1] ^ 1]), 'not the file that was released'
    ),
}  # fmt: skip


@pytest.mark.parametrize('name, change, message', DAMAGE.values(), ids=DAMAGE)
def test_a_missing_or_damaged_file_is_named(release, name, change, message):
    content = (release / name).read_bytes()
    (release / name).unlink()
    if change:
        (release / name).write_bytes(change(content))
    with pytest.raises(LoadError, match=message):
        load_model(release)


def test_half_a_file_without_a_recorded_hash_is_refused_as_well(release):
    write_config(release, without_hashes(config_of(release)))
    path = release / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LoadError, match='damaged or not safetensors'):
        load_model(release)


@pytest.mark.parametrize('fields, message', [
    ({'model_args': {'backbone': 'nonsense'}}, 'cannot be loaded'),
    ({'architecture': 'resnet18'}, 'resnet18 is no architecture of this zoo'),
])  # fmt: skip
def test_a_config_that_makes_no_network_is_refused(release, fields, message):
    write_config(release, config_of(release) | fields)
    with pytest.raises(LoadError, match=message):
        load_model(release)


@pytest.mark.parametrize('recorded, message', [
    (None, 'does not record its architecture; put it next to its config.json'), ({'config': '{'}, 'not valid JSON'),
    ({'config': '[]'}, 'not the config'), ({'config': '{"architecture": "ifd_resnet10t"}'}, 'not the config'),
])  # fmt: skip
def test_a_weights_file_without_a_valid_config_is_refused(tmp_path, recorded, message):
    save_file({'a': torch.zeros(1)}, tmp_path / 'a.safetensors', recorded)
    with pytest.raises(LoadError, match=f'a.safetensors: {message}'):
        load_model(tmp_path / 'a.safetensors')


def test_weights_of_another_architecture_are_refused(release):
    write_config(release, config_of(release) | {'architecture': 'ifd_resnet18', 'model_args': {}})
    with pytest.raises(LoadError, match='of .* missing: .*unexpected: .*of another shape: ') as error:
        load_model(release)
    assert 'attention_stream.backbone.net.conv1.weight' in str(error.value) and len(str(error.value)) < 2000


def test_a_shape_that_does_not_fit_is_named_with_both_shapes(release):
    state = load_file(release / 'model.safetensors')
    state['ikt.conv.weight'] = torch.zeros(1, 2, 5, 5)
    write_config(release, without_hashes(config_of(release)))
    save_file(state, release / 'model.safetensors')
    expected = r'1 of another shape: ikt.conv.weight is \(1, 2, 5, 5\), expected \(1, 2, 7, 7\)'
    with pytest.raises(LoadError, match=expected):
        load_model(release)


def test_a_truncated_file_without_recorded_hash_is_refused_as_well(release):
    write_config(release, without_hashes(config_of(release)))
    path = release / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LoadError, match='damaged or not safetensors'):
        load_model(release)


def test_a_config_cannot_send_the_loader_to_another_file(release, tmp_path):
    expected = embed(load_model(release))
    config = config_of(release)
    torch.save({}, tmp_path / 'evil.bin')
    config['pretrained_cfg'] |= {'url': f'file://{tmp_path}/evil.bin', 'source': 'url', 'hf_hub_id': 'evil/evil'}
    write_config(release, config)
    assert torch.equal(embed(load_model(release)), expected)
    config['model_args']['checkpoint_path'] = str(tmp_path / 'evil.bin')
    write_config(release, config)
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
    write_config(release, without_hashes(config_of(release)))
    assert embed(load_model(release)).isfinite().all()


def test_weights_that_are_not_published_are_an_error_with_the_training_command(monkeypatch):
    monkeypatch.delenv('IFD_HUB_ORG', raising=False)
    with pytest.raises(LoadError, match='not published; make them with `python train/run.py --recipe'):
        create_model('ifd_resnet10t.ablation_ikt')


@pytest.mark.parametrize('source', ['ifd_resnet50', 'no_such_model', '/no/such/folder'])
def test_names_without_weights_are_refused_and_never_random(source):
    with pytest.raises(LoadError, match='release folder'):
        load_model(source)


def test_the_bundled_pair_differs_in_nothing_but_the_method():
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


def test_bundled_weights_are_small():
    sizes = {path.parent.name: path.stat().st_size for path in WEIGHTS_DIR.glob('*/model.safetensors')}
    assert len(sizes) > len(list_bundled()) and max(sizes.values()) < 24 * 2**20, sizes
