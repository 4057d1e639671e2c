"""Sensitivity to clothing: the formula, changes that do not apply, and the chart of it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ifd_zoo.images.loading import ImageError
from ifd_zoo.labels import LABELS
from ifd_zoo.predictor import Predictor
from ifd_zoo.recolour import WARDROBE, Series, Swap, clothing_sensitivity, movement_chart, try_on

SVG = '{http://www.w3.org/2000/svg}'
CHANGES = (WARDROBE[0], WARDROBE[6], WARDROBE[11])


class HalfAndHalf:
    """Every photo shows an upper garment above a lower one."""

    def __init__(self):
        self.calls = 0

    def parse(self, images):
        self.calls += 1
        return [dressed(image.width, image.height) for image in images]


def dressed(width=40, height=80):
    labels = np.zeros((height, width), np.uint8)
    labels[height // 4 : height // 2, 5:-5] = LABELS.index('upper')
    labels[height // 2 :, 5:-5] = LABELS.index('lower')
    return labels


def photo(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (10, 5, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((40, 80))


@pytest.fixture(scope='module')
def predictor(ifd):
    return Predictor(ifd, HalfAndHalf(), 'cpu')


@pytest.fixture(scope='module')
def gallery(predictor):
    return predictor.embed([photo(seed) for seed in (1, 2)])


@pytest.mark.parametrize('network', ['ifd', 'baseline'])
def test_the_number_is_that_of_a_slow_loop(request, network):
    predictor = Predictor(request.getfixturevalue(network), HalfAndHalf(), 'cpu')
    gallery = predictor.embed([photo(seed) for seed in (1, 2)])
    result = clothing_sensitivity(predictor, photo(0), gallery, changes=CHANGES)
    label_map, changes = dressed(), []
    before = predictor.embed([photo(0)], [label_map])[0]
    for number, change in enumerate(CHANGES):
        after = predictor.embed([change.edit.apply(photo(0), label_map)], [label_map])[0]
        for index, other in enumerate(gallery):
            assert result.changed[number, index] == pytest.approx(after @ other, abs=1e-5)
            assert result.base[index] == pytest.approx(before @ other, abs=1e-5)
            changes.append(abs(after @ other - before @ other))
    assert result.value == pytest.approx(np.mean(changes), abs=1e-5)
    assert 0 < result.value <= 2
    assert result.outfits.names == tuple(change.name for change in CHANGES) and result.outfits.left_out == ()


def test_the_query_is_parsed_once_and_a_given_label_map_replaces_the_parser(predictor, gallery):
    before = predictor.parser.calls
    parsed = clothing_sensitivity(predictor, photo(0), gallery, changes=CHANGES)
    assert predictor.parser.calls == before + 1
    given_map = clothing_sensitivity(predictor, photo(0), gallery, dressed(), CHANGES)
    assert predictor.parser.calls == before + 1
    assert given_map.value == parsed.value


def test_changes_that_do_not_apply_are_left_out_and_named(predictor, gallery):
    labels = dressed()
    labels[labels == LABELS.index('lower')] = 0
    result = clothing_sensitivity(predictor, photo(0), gallery, labels, CHANGES)
    assert result.outfits.names == ('white top',)
    assert result.outfits.left_out == ('beige bottom', 'top and bottom swapped')
    assert result.changed.shape == (1, 2) and len(result.outfits.pictures) == 1
    assert result.outfits.pictures[0].size == (40, 80)


def test_outfits_keep_the_order_of_the_changes():
    outfits = try_on(photo(0), dressed())
    assert outfits.names == tuple(change.name for change in WARDROBE)
    assert outfits.pictures[11].tobytes() == Swap(('upper',), ('lower',)).apply(photo(0), dressed()).tobytes()


def test_what_cannot_be_measured_is_an_error(predictor, gallery):
    with pytest.raises(ValueError, match='no clothes to change'):
        clothing_sensitivity(predictor, photo(0), gallery, np.zeros((80, 40), np.uint8))
    with pytest.raises(ValueError, match=r'shape \(G, 512\), at least one, got \(0, 512\)'):
        clothing_sensitivity(predictor, photo(0), gallery[:0])
    with pytest.raises(ValueError, match=r'got \(2, 9\)'):
        clothing_sensitivity(predictor, photo(0), gallery[:, :9])
    with pytest.raises(ValueError, match=r'label map of size \(40, 40\)'):
        clothing_sensitivity(predictor, photo(0), gallery, dressed(40, 40))
    with pytest.raises(ImageError, match='nowhere.jpg: no such file'):
        clothing_sensitivity(predictor, 'nowhere.jpg', gallery)


def series(name='IFD', photos=2, changes=3):
    rng = np.random.default_rng(0)
    return Series(name, rng.uniform(-1, 1, photos), rng.uniform(-1, 1, (changes, photos)))


def words(svg, tag):
    return [element.text for element in ElementTree.fromstring(svg).iter(SVG + tag)]


def test_the_chart_says_its_numbers_in_words():
    one = Series('IFD', np.array([0.5, -0.25]), np.array([[0.4, -0.2], [0.6, -0.3]]))
    svg = movement_chart(['a.jpg', 'b.jpg'], [one, series('baseline')], 'Similarities')
    (description,) = words(svg, 'desc')
    assert 'a.jpg: IFD 0.500, in other clothes 0.400 to 0.600; baseline' in description
    assert 'b.jpg: IFD -0.250, in other clothes -0.300 to -0.200; baseline' in description
    title, *notes = words(svg, 'title')
    assert title == 'Similarities' and ' '.join(dict.fromkeys(notes)) == description
    assert {'a.jpg', 'b.jpg', 'IFD', 'baseline', 'similarity'} <= set(words(svg, 'text'))


def dots(svg):
    """Places of the dots of photos, which have notes."""
    groups = (group for group in ElementTree.fromstring(svg).iter(SVG + 'g') if group.find(SVG + 'title') is not None)
    return [float(dot.get('x')) for group in groups for dot in group.iter(SVG + 'use')]


def ticks(svg):
    """Numbers of the axis, to their places."""
    texts = ElementTree.fromstring(svg).iter(SVG + 'text')
    found = {text.text.replace('\N{MINUS SIGN}', '-'): float(text.get('x')) for text in texts if text.get('x')}
    return {float(text): place for text, place in found.items() if re.fullmatch(r'-?[\d.]+', text)}


def test_marks_lie_where_the_axis_says():
    one = Series('IFD', np.array([0.2, 0.4, 0.5]), np.array([[0.0, 0.6, 0.5]]))
    svg = movement_chart(['a', 'b', 'c'], [one], 'x')
    axis = ticks(svg)
    assert dots(svg)[:2] == pytest.approx([axis[0.2], axis[0.4]], abs=0.01)
    assert dots(svg)[2] == pytest.approx((axis[0.4] + axis[0.6]) / 2, abs=0.01)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=3), st.text(), st.text())
def test_any_text_gives_a_well_formed_picture_of_text_alone(names, model, title):
    root = ElementTree.fromstring(movement_chart(names, [series(model, len(names))], title))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *('svg', 'title', 'desc', 'g', 'path', 'text', 'defs', 'use', 'clipPath', 'rect')
    }
    assert all(element.get('href', '#').startswith('#') for element in root.iter())


def test_hostile_file_names_are_shown_as_text():
    name = '</text><script>alert(1)</script>&"\x00\ud800.jpg'
    svg = movement_chart([name], [series(photos=1)], name)
    assert '<script' not in svg and '\x00' not in svg
    assert words(svg, 'title')[0] == '</text><script>alert(1)</script>&"\ufffd\ufffd.jpg'
    svg.encode()


@pytest.mark.parametrize('value', [0.0, -1.0, 0.1234567, 1 - 1e-9])
def test_similarities_that_are_all_equal_have_an_axis(value):
    svg = movement_chart(['a', 'b'], [Series('IFD', np.full(2, value), np.full((3, 2), value))], 'x')
    numbers = ticks(svg)
    assert len(numbers) >= 2 and min(numbers) - 1e-6 <= value <= max(numbers) + 1e-6
    assert len(dots(svg)) == 2 and np.isfinite(dots(svg)).all()


def test_a_chart_without_changes_shows_the_dots():
    svg = movement_chart(['a', 'b'], [series(changes=0)], 'x')
    assert 'other clothes' not in svg and len(dots(svg)) == 2


def test_numbers_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match='at least one photo'):
        movement_chart([], [series(photos=0)], 'x')
    with pytest.raises(ValueError, match='one to 3 models'):
        movement_chart(['a', 'b'], [series()] * 4, 'x')
    with pytest.raises(ValueError, match=r'IFD: similarities of shape \(2,\)'):
        movement_chart(['a'], [series()], 'x')
    with pytest.raises(ValueError, match='not finite'):
        movement_chart(['a'], [Series('IFD', np.array([np.nan]), np.zeros((1, 1)))], 'x')
