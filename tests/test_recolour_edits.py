"""Edits as values: wrong ones are told so."""

import pytest
from hypothesis import strategies as st

from ifd_zoo.recolour import Recolour, Swap

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
    ],
)
def test_a_wrong_edit_is_refused_with_the_field_named(change, message):
    good = {'classes': ['upper'], 'colour': '#102030'}
    assert Recolour(**good) == Recolour(('upper',), (16, 32, 48))
    with pytest.raises(ValueError, match=message):
        Recolour(**(good | change))


def test_a_swap_with_itself_is_refused():
    with pytest.raises(ValueError, match='with themselves: upper'):
        Swap(('upper', 'coat'), ('lower', 'upper'))
