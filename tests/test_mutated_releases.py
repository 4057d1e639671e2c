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
MANY = settings(
    max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def shown(config):
    """What decides on the answer of given weights."""
    masks = {key: value for key, value in config.get('ifd', {}).get('training', {}).items() if key in MASKING}
    return config['architecture'], config['pretrained_cfg'], config.get('model_args', {}), masks


def test_any_change_of_a_models_config_is_refused_or_does_no_harm(release):
    original, expected = config_of(release), answer(load_model(release))

    outcomes = Counter()

    @MANY
    @given(mutated(original))
    def change(config):
        write_config(release, config)
        try:
            kind, read = read_release(release)
            assert kind.card(read)
            model = load_model(release)
        except (LoadError, ParserError) as error:
            assert str(release) in str(error)
            outcomes['refused'] += 1
            return
        outcomes['loaded'] += 1
        found = answer(model)
        assert found.isfinite().all() and (shown(config) != shown(original) or torch.equal(found, expected))

    change()
    assert min(outcomes['refused'], outcomes['loaded']) > 20, outcomes


def test_any_change_of_a_parsers_config_is_refused_or_does_no_harm(parser_release):
    original, (expected,) = config_of(parser_release), load_parser(parser_release).parse([IMAGE])

    outcomes = Counter()

    @MANY
    @given(mutated(original))
    def change(config):
        write_config(parser_release, config)
        try:
            kind, read = read_release(parser_release)
            assert kind.card(read)
            parser = load_parser(parser_release)
        except (LoadError, ParserError) as error:
            assert str(parser_release) in str(error)
            outcomes['refused'] += 1
            return
        outcomes['loaded'] += 1
        (label_map,) = parser.parse([IMAGE])
        assert config['size'] != original['size'] or (label_map == expected).all()

    change()
    assert min(outcomes['refused'], outcomes['loaded']) > 20, outcomes


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


@pytest.mark.parametrize('kind, load', [('release', load_model), ('parser_release', load_parser)])
def test_any_change_of_a_weights_header_is_refused_or_what_is_loaded_is_in_the_file(request, kind, load):
    folder = request.getfixturevalue(kind)
    path = folder / 'model.safetensors'
    write_config(folder, without_hashes(config_of(folder)))

    outcomes = Counter()

    @MANY
    @given(changed_files(path.read_bytes()))
    def change(content):
        path.write_bytes(content)
        try:
            loaded = load(folder)
        except (LoadError, ParserError) as error:
            assert str(folder) in str(error)
            outcomes['refused'] += 1
            return
        outcomes['loaded'] += 1
        network = loaded if isinstance(loaded, torch.nn.Module) else loaded.net
        found, stored = network.state_dict(), load_file(path)
        assert found.keys() == stored.keys()
        assert all(torch.equal(found[key], stored[key].to(found[key].dtype)) for key in found)
        assert all(value.isfinite().all() for value in found.values())

    change()
    assert min(outcomes['refused'], outcomes['loaded']) > 20, outcomes


def test_any_change_of_a_config_within_a_weights_file_is_refused_or_does_no_harm(release, tmp_path):
    header, data = split((release / 'model.safetensors').read_bytes())
    alone, original = tmp_path / 'alone.safetensors', json.loads(header['__metadata__']['config'])

    outcomes = Counter()

    @MANY
    @given(mutated(original) | VALUES)
    def change(config):
        header['__metadata__']['config'] = json.dumps(config)
        alone.write_bytes(joined(header, data))
        try:
            model = load_model(alone)
        except LoadError as error:
            assert str(alone) in str(error)
            outcomes['refused'] += 1
            return
        outcomes['loaded'] += 1
        assert answer(model).isfinite().all()

    change()
    assert min(outcomes['refused'], outcomes['loaded']) > 20, outcomes
