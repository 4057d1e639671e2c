"""JSON as somebody writes it who wants to do harm, or who cannot write it: strategies for hypothesis."""

import copy
import json
import struct

from hypothesis import strategies as st

ODD = [
    None, True, False, 0, 1, -1, 3, 1.5, 10**6, 2**63, 10**400, float('nan'), float('inf'), -float('inf'), '', 'a', '0',
    '../../evil', '/etc/passwd', 'hf-hub:evil/evil', 'file:///a', 'a\0b', 'a\nb', '\ud800', 'x' * 5000, [], {}, [[]],
    [0, 0, 0], [1, 2], [3, 0, 0], [3, -1, -1], [3, 10**6, 10**6], ['a', 'b', 'c'], [float('nan')] * 3, {'': {}},
]  # fmt: skip
VALUES = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


def paths_of(value, path=()):
    """Of every value within a value of JSON, keys and positions that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, part in inner for one in paths_of(part, (*path, key)))]


@st.composite
def mutated(draw, document):
    """The document with one to three values taken out, replaced, or put where there were none."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_of(changed)))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return draw(VALUES)
            continue
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(['replace', 'replace', 'remove', 'swap']))
        if action == 'remove':
            del holder[path[-1]]
        elif action == 'swap':  # with a value of a field beside it
            other = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
            holder[path[-1]] = copy.deepcopy(holder[other])
        else:
            holder[path[-1]] = copy.deepcopy(draw(VALUES))  # changed in the next round, perhaps
    return changed


def split(content):
    """Header and data of a safetensors file."""
    (length,) = struct.unpack('<Q', content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header, data):
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data
