"""Any change of a release: an error that names it, or an answer that is right."""

import json
from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from ifd_zoo.hub import LoadError, load_model
from ifd_zoo.hub.kinds import read_release
from ifd_zoo.parsing import ParserError, load_parser
from tests import small_releases
from tests.mutations import VALUES, joined, mutated, split
from tests.small_releases import IMAGE, answer, config_of, without_hashes, write_config

saved, saved_parser = small_releases.saved, small_releases.saved_parser
release, parser_release = small_releases.release, small_releases.parser_release
MASKING = ('mask_classes', 'clothing_classes', 'fill')
SETTINGS = {'deadline': None, 'database': None, 'derandomize': True, 'suppress_health_check': list(HealthCheck)}


def shown(config):
    """What decides on the answer of given weights."""
    masks = {key: value for key, value in config.get('ifd', {}).get('training', {}).items() if key in MASKING}
    return config['architecture'], config['pretrained_cfg'], config.get('model_args', {}), masks


def assert_refused_or_right(changes, path, load, check, examples=400):
    """Each of many changes is refused with an error that names the path, or `check` passes with what `load` gives."""
    outcomes = Counter()

    @settings(max_examples=examples, **SETTINGS)
    @given(changes)
    def try_one(changed):
        try:
            loaded = load(changed)
        except (LoadError, ParserError) as error:
            assert str(path) in str(error)
            outcomes['refused'] += 1
            return
        outcomes['loaded'] += 1
        check(changed, loaded)

    try_one()
    assert min(outcomes['refused'], outcomes['loaded']) > 20, outcomes


def test_any_change_of_a_models_config_is_refused_or_does_no_harm(release):
    original, expected = config_of(release), answer(load_model(release))

    def load(config):
        write_config(release, config)
        kind, read = read_release(release)
        assert kind.card(read)
        return load_model(release)

    def check(config, model):
        found = answer(model)
        assert found.isfinite().all() and (shown(config) != shown(original) or torch.equal(found, expected))

    assert_refused_or_right(mutated(original), release, load, check)


def test_any_change_of_a_parsers_config_is_refused_or_does_no_harm(parser_release):
    original, (expected,) = config_of(parser_release), load_parser(parser_release).parse([IMAGE])

    def load(config):
        write_config(parser_release, config)
        kind, read = read_release(parser_release)
        assert kind.card(read)
        return load_parser(parser_release)

    def check(config, parser):
        (label_map,) = parser.parse([IMAGE])
        assert config['size'] != original['size'] or (label_map == expected).all()

    assert_refused_or_right(mutated(original), parser_release, load, check)


@st.composite
def changed_files(draw, content):
    """A safetensors file with another header, in another order, with other bytes in the header, or cut."""
    header, data = split(content)
    start = len(content) - len(data)
    way = draw(st.sampled_from(['header', 'header', 'bytes', 'length', 'cut', 'order']))
    if way == 'header':
        return joined(draw(mutated(header)), data)
    if way == 'order':
        return joined(dict(draw(st.permutations(list(header.items())))), data)
    if way == 'length':
        return draw(st.integers(0, 2**64 - 1)).to_bytes(8, 'little') + content[8:]
    if way == 'cut':
        return content[: draw(st.integers(0, len(content) - 1))]
    changed = bytearray(content)
    changed[draw(st.integers(0, start - 1))] = draw(st.integers(0, 255))
    return bytes(changed)


@pytest.mark.parametrize('kind, loader', [('release', load_model), ('parser_release', load_parser)])
def test_any_change_of_a_weights_header_is_refused_or_what_is_loaded_is_in_the_file(request, kind, loader):
    folder = request.getfixturevalue(kind)
    path = folder / 'model.safetensors'
    write_config(folder, without_hashes(config_of(folder)))

    def load(content):
        path.write_bytes(content)
        return loader(folder)

    def check(content, loaded):
        network = loaded if isinstance(loaded, torch.nn.Module) else loaded.net
        found, stored = network.state_dict(), load_file(path)
        assert found.keys() == stored.keys()
        assert all(torch.equal(found[key], stored[key].to(found[key].dtype)) for key in found)
        assert all(value.isfinite().all() for value in found.values())

    assert_refused_or_right(changed_files(path.read_bytes()), folder, load, check, examples=250)


def test_any_change_of_a_config_within_a_weights_file_is_refused_or_does_no_harm(release, tmp_path):
    header, data = split((release / 'model.safetensors').read_bytes())
    alone, original = tmp_path / 'alone.safetensors', json.loads(header['__metadata__']['config'])

    def load(config):
        header['__metadata__']['config'] = json.dumps(config)
        alone.write_bytes(joined(header, data))
        return load_model(alone)

    def check(config, model):
        assert answer(model).isfinite().all()

    # Fewer, as the config beside a file goes through the same check.
    assert_refused_or_right(mutated(original) | VALUES, alone, load, check, examples=300)
