"""Edits as values: they survive JSON, and wrong ones are told so."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifd_zoo.recolour import COLOURABLE, PATTERNS, SCALES, WARDROBE, Recolour, Swap, edit_from_json, edit_to_json

COLOUR = st.tuples(*[st.integers(0, 255)] * 3)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'classes': ()}, 'one or more of'),
        ({'classes': 'upper'}, 'one or more of'),
        ({'classes': ('face',)}, 'one or more of'),
        ({'classes': (['upper'],)}, 'one or more of'),
        ({'classes': 5}, 'one or more of'),
        ({'colour': (0, 0, 256)}, 'from 0 to 255'),
        ({'colour': (0, 0)}, 'from 0 to 255'),
        ({'colour': (0.5, 0, 0)}, 'from 0 to 255'),
        ({'colour': (True, 0, 0)}, 'from 0 to 255'),
        ({'colour': '#12345'}, '#rrggbb'),
        ({'colour': '#12 456'}, '#rrggbb'),
        ({'colour': 'red'}, '#rrggbb'),
        ({'pattern': 'tartan'}, 'pattern must be one of'),
        ({'pattern': ['dots']}, 'pattern must be one of'),
        ({'pattern': 'dots'}, 'second must be a colour'),
        ({'second': '#ffffff'}, 'none for plain cloth'),
        ({'scale': 0}, 'scale must be a number'),
        ({'scale': float('nan')}, 'scale must be a number'),
        ({'scale': '0.1'}, 'scale must be a number'),
        ({'fabric': 'silk'}, 'unknown key fabric'),
        ({'edit': 'shrink'}, 'edit must be one of recolour, swap'),
        ({'edit': []}, 'edit must be one of recolour, swap'),
    ],
)
def test_a_wrong_edit_is_refused_with_the_field_named(change, message):
    good = {'edit': 'recolour', 'classes': ['upper'], 'colour': '#102030'}
    assert edit_from_json(good) == Recolour(('upper',), (16, 32, 48))
    with pytest.raises(ValueError, match=message):
        edit_from_json(good | change)


def test_an_incomplete_edit_and_a_swap_with_itself_are_refused():
    with pytest.raises(ValueError, match='recolour needs classes, colour'):
        edit_from_json({'edit': 'recolour'})
    with pytest.raises(ValueError, match='got list'):
        edit_from_json([])
    with pytest.raises(ValueError, match='with themselves: upper'):
        Swap(('upper', 'coat'), ('lower', 'upper'))


CLASSES = st.lists(st.sampled_from(COLOURABLE), min_size=1)


@settings(deadline=None)
@given(CLASSES, COLOUR, st.sampled_from(list(PATTERNS)), COLOUR, st.floats(*SCALES))
def test_edits_survive_json(classes, colour, pattern, second, scale):
    edit = Recolour(classes, colour, pattern, None if pattern == 'plain' else second, scale)
    assert edit_from_json(json.loads(json.dumps(edit_to_json(edit)))) == edit
    assert hash(edit) == hash(edit_from_json(edit_to_json(edit)))


def test_the_wardrobe_survives_json():
    for change in WARDROBE:
        assert edit_from_json(json.loads(json.dumps(edit_to_json(change.edit)))) == change.edit
