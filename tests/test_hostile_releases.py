"""Releases that are damaged, or made to harm: one error that names file and field or tensor."""

import json
import resource

import pytest
import torch
from safetensors.torch import load_file, save_file

from ifd_zoo.common.files import hash_file
from ifd_zoo.hub import LoadError, ReleaseError, load_model
from ifd_zoo.hub.__main__ import main
from ifd_zoo.hub.check import check_release
from ifd_zoo.parsing import load_parser
from tests import small_releases
from tests.small_releases import answer, config_of, without_hashes, write_config

saved, saved_parser = small_releases.saved, small_releases.saved_parser
release, parser_release = small_releases.release, small_releases.parser_release
NECK = 'main_stream.head.neck.weight'

FIELDS = {
    'no section of its own': (('ifd',), None, 'its ifd is null: should be an object'),
    'a list as section': (('ifd',), [], 'should be an object'),
    'no pretrained_cfg': (('pretrained_cfg',), None, 'its pretrained_cfg is null'),
    'no model_args': (('model_args',), None, 'its model_args is null'),
    'an unknown pooling': (('model_args', 'pool'), 'x', 'model_args.pool'),
    'sha256 of a list': (('ifd', 'sha256'), [1], 'ifd.sha256'),
    'sha256 of numbers': (('ifd', 'sha256', 'model.safetensors'), 5, 'ifd.sha256.model.safetensors'),
    'a text as features': (('ifd', 'comparison', 'features'), 'neck', 'ifd.comparison.features'),
    'no training': (('ifd', 'training'), None, 'ifd.training'),
    'a number as masks': (('ifd', 'training', 'mask_classes'), 5, 'ifd.training.mask_classes'),
    'unknown masks': (('ifd', 'training', 'clothing_classes'), ['kimono'], 'ifd.training.clothing_classes.0'),
    'a list as fill': (('ifd', 'training', 'fill'), ['black'], 'ifd.training.fill'),
    'a size of zeros': (('pretrained_cfg', 'input_size'), [3, 0, 0], 'pretrained_cfg.input_size.1'),
    'a size below zero': (('pretrained_cfg', 'input_size'), [3, -64, 32], 'pretrained_cfg.input_size.1'),
    'a size in words': (('pretrained_cfg', 'input_size'), ['3', '64', '32'], 'pretrained_cfg.input_size.0'),
    'a size of terabytes': (('pretrained_cfg', 'input_size'), [3, 10**6, 10**6], 'pretrained_cfg.input_size.1'),
    'four channels': (('pretrained_cfg', 'input_size'), [4, 64, 32], 'pretrained_cfg.input_size.0'),
    'no size': (('pretrained_cfg', 'input_size'), None, 'pretrained_cfg.input_size'),
    'one mean': (('pretrained_cfg', 'mean'), [0.5], 'pretrained_cfg.mean'),
    'a mean of nan': (('pretrained_cfg', 'mean'), [0.5, float('nan'), 0.5], 'pretrained_cfg.mean.1'),
    'an infinite deviation': (('pretrained_cfg', 'std'), [0.2, 0.2, float('inf')], 'pretrained_cfg.std.2'),
    'no deviation': (('pretrained_cfg', 'std'), [0.2, 0, 0.2], 'pretrained_cfg.std.1'),
    'channels that do not fit': (('model_args', 'in_chans'), 1, 'model_args.in_chans'),
    'an even kernel': (('model_args', 'ikt_kernel'), 8, 'model_args.ikt_kernel'),
    'a kernel of gigabytes': (('model_args', 'ikt_kernel'), 10**5 + 1, 'model_args.ikt_kernel'),
    'a list as architecture': (('architecture',), ['ifd_resnet10t'], 'architecture'),
    'classes without number': (('num_classes',), 'many', 'num_classes'),
    'figures without number': (('ifd', 'figures', 0, 'rank1'), 'high', 'ifd.figures.0.rank1'),
    'a precision of nothing': (('ifd', 'precisions', 'bf16'), {}, 'ifd.precisions.bf16.min_cosine'),
    'half a character': (('ifd', 'command'), '\ud800', 'half of a surrogate pair'),
}


@pytest.mark.parametrize('path, value, field', FIELDS.values(), ids=FIELDS)
def test_a_field_that_is_not_what_it_should_be_is_named(release, path, value, field):
    config = place = config_of(release)
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    write_config(release, config)
    with pytest.raises(LoadError) as error:
        load_model(release)
    assert f'{release / "config.json"}: not the config of a release: ' in str(error.value)
    assert field in str(error.value) and '\n' not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize('depth', [100, 900, 100_000])
def test_a_config_that_is_nested_deep_is_refused(release, parser_release, depth):
    for folder, load in ((release, load_model), (parser_release, load_parser)):
        text = json.dumps(config_of(folder))
        (folder / 'config.json').write_text(text[:-1] + ', "deep": ' + '[' * depth + ']' * depth + '}')
        with pytest.raises(ValueError, match=r'config\.json: not the config of a release: it is nested'):
            load(folder)
    assert main(['card', str(release)]) == 2


def test_a_config_cannot_make_timm_leave_tensors_out(release):
    expected, config = answer(load_model(release)), config_of(release)
    harm = {'num_classes': 5, 'label_offset': 1, 'classifier': ['main_stream.backbone.net.conv_stem']}
    config['pretrained_cfg'] |= harm
    write_config(release, config)
    assert torch.equal(answer(load_model(release)), expected)


def test_a_network_that_the_weights_do_not_fit_is_not_given_memory(release):
    config = config_of(release)
    config['model_args']['backbone'] = 'vit_giant_patch14_dinov2'  # 1.1 billion weights in each stream
    write_config(release, config)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LoadError, match='cannot be loaded as the IFD model ifd_resnet10t: of .* tensors .* missing'):
        load_model(release)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KB


BROKEN = {
    'nan': (lambda value: value.index_fill(0, torch.tensor([3]), float('nan')), 'holds values that are not finite'),
    'inf': (lambda value: value.index_fill(0, torch.tensor([3]), float('inf')), 'holds values that are not finite'),
    'int8': (torch.Tensor.char, 'is of type int8'),
    'bool': (torch.Tensor.bool, 'is of type bool'),
    'float8': (lambda value: value.to(torch.float8_e4m3fn), 'is of type float8_e4m3fn'),
    'complex': (lambda value: value.to(torch.complex64), 'is of type complex64'),
}


@pytest.mark.parametrize('change, fault', BROKEN.values(), ids=BROKEN)
def test_weights_that_are_no_finite_numbers_are_refused_with_the_tensors_name(
    release, parser_release, change, fault
):
    for folder, load, name in ((release, load_model, NECK), (parser_release, load_parser, 'head.weight')):
        write_config(folder, without_hashes(config_of(folder)))
        state = load_file(folder / 'model.safetensors')
        save_file(state | {name: change(state[name])}, folder / 'model.safetensors')
        with pytest.raises(ValueError, match=rf'model\.safetensors: .*: {name} {fault}'):
            load(folder)


def test_a_variance_below_zero_is_refused(release):
    write_config(release, without_hashes(config_of(release)))
    state, name = load_file(release / 'model.safetensors'), 'main_stream.head.neck.running_var'
    save_file(state | {name: -state[name]}, release / 'model.safetensors')
    with pytest.raises(LoadError, match=f'{name} holds variances below zero'):
        load_model(release)


GOLDEN = {
    'no tensors': lambda golden: {},
    'another type': lambda golden: golden | {'images': golden['images'].float()},
    'another shape': lambda golden: golden | {'label_maps': golden['label_maps'][:, :5]},
}


@pytest.mark.parametrize('change', GOLDEN.values(), ids=GOLDEN)
@pytest.mark.parametrize('kind', ['release', 'parser_release'])
def test_golden_tensors_of_another_form_are_refused_by_check(request, kind, change):
    folder, name = request.getfixturevalue(kind), 'golden.safetensors'
    golden = {key: value.contiguous() for key, value in change(load_file(folder / name)).items()}
    save_file(golden, folder / name)
    config = config_of(folder)
    config.get('ifd', config)['sha256'][name] = hash_file(folder / name)
    write_config(folder, config)
    with pytest.raises(ReleaseError, match=name):
        check_release(folder)
