"""Recolouring: the right pixels, the asked-for colour, the old folds; and edits that are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ifd_zoo.labels import LABELS
from ifd_zoo.recolour import PATTERNS, WARDROBE, Recolour, Swap
from ifd_zoo.recolour.colour import from_linear, from_oklab, light_to_oklab, parse_colour, to_linear, to_oklab
from ifd_zoo.recolour.seams import reach

UPPER, LOWER, FACE = (LABELS.index(name) for name in ('upper', 'lower', 'face'))
HEIGHT, WIDTH = 160, 80
COLOUR = st.tuples(*[st.integers(0, 255)] * 3)
BLACK, WHITE = (25, 25, 28), (225, 225, 222)


def label_map():
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[5:25, 32:48] = FACE
    labels[25:85, 15:65] = UPPER
    labels[85:150, 20:60] = LOWER
    return labels


def inner(label):
    """Pixels of a class beyond every seam."""
    mask = label_map() == label
    for axis in (0, 1):
        for shift in (-4, 4):
            mask &= np.roll(label_map() == label, shift, axis)
    return mask


def person(upper=(40, 110, 60), lower=(120, 60, 40), seed=0):
    """Two plain garments with folds and a little noise, on a grey ground."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light = np.exp(0.3 * np.sin(columns / 4 + rows / 15))[..., None]
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    labels = label_map()
    for label, colour in ((UPPER, upper), (LOWER, lower), (FACE, (220, 180, 160))):
        cloth = from_linear(to_linear(np.array(colour)) * light)
        pixels[labels == label] = cloth[labels == label]
    noisy = pixels + rng.normal(0, 1.5, pixels.shape)
    return Image.fromarray(np.clip(np.round(noisy), 0, 255).astype(np.uint8))


def lightness(photo, mask):
    return to_oklab(np.asarray(photo)[mask])[:, 0]


def middle(photo, mask):
    return np.median(np.asarray(photo)[mask], axis=0)


EDITS = [
    Recolour(('upper',), (190, 30, 40)),
    *(Recolour(('upper',), (190, 30, 40), name, (240, 240, 235)) for name in PATTERNS if name != 'plain'),
]


@pytest.mark.parametrize('edit', EDITS, ids=lambda edit: edit.pattern)
def test_only_the_clothes_and_a_narrow_seam_change(edit):
    photo = person()
    difference = np.abs(np.asarray(edit.apply(photo, label_map())).astype(int) - np.asarray(photo)).max(axis=2)
    distant = np.ones((HEIGHT, WIDTH), bool)
    margin = reach((HEIGHT, WIDTH))
    assert margin <= 3
    distant[25 - margin : 85 + margin, 15 - margin : 65 + margin] = False
    assert difference[distant].max() == 0
    assert (difference[inner(UPPER)] > 0).mean() > 0.95


def test_the_photo_itself_is_left_alone_and_the_result_is_the_same_each_time():
    photo, before = person(), person().tobytes()
    results = [WARDROBE[3].edit.apply(photo, label_map()).tobytes() for _ in range(2)]
    assert photo.tobytes() == before and results[0] == results[1] != before


@settings(max_examples=40, deadline=None)
@given(source=COLOUR, target=COLOUR)
def test_any_cloth_takes_any_colour(source, target):
    after = Recolour(('upper',), target).apply(person(upper=source), label_map())
    reached = to_oklab(middle(after, inner(UPPER)).astype(np.uint8))
    wanted = to_oklab(np.array(target, np.uint8))
    # A cloth as bright as the screen gets a little darker, or its folds could not be seen.
    assert abs(reached[0] - wanted[0]) < 0.07
    assert np.hypot(*(reached - wanted)[1:]) < 0.03


def test_the_hue_is_that_of_the_colour_in_every_fold():
    after = Recolour(('upper',), (190, 30, 40)).apply(person(), label_map())
    lab = to_oklab(np.asarray(after)[inner(UPPER)])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    wanted = to_oklab(np.array([190, 30, 40], np.uint8))
    assert np.abs(hue - np.degrees(np.arctan2(wanted[2], wanted[1]))).max() < 4


@pytest.mark.parametrize(('source', 'target'), [(BLACK, WHITE), (WHITE, BLACK), ((40, 110, 60), (190, 30, 40))])
def test_cloth_takes_the_colour_and_keeps_its_folds(source, target):
    photo = person(upper=source)
    after = Recolour(('upper',), target).apply(photo, label_map())
    before_light, after_light = (lightness(one, inner(UPPER)) for one in (photo, after))
    assert np.corrcoef(before_light, after_light)[0, 1] > 0.9
    assert after_light.std() > 0.02 * after_light.mean()
    assert np.abs(middle(after, inner(UPPER)) - target).max() < 8
    assert np.asarray(after)[inner(UPPER)].max() < 255, 'a fold was cut off'


def test_a_printed_pattern_is_no_fold():
    photo = np.array(person())
    rows = np.arange(HEIGHT)[:, None] // 8 % 2 == 0
    photo[inner(UPPER) & rows] = (220, 200, 40)
    old = lightness(photo, inner(UPPER)).std()
    after = Recolour(('upper',), (120, 130, 190)).apply(Image.fromarray(photo), label_map())
    assert lightness(after, inner(UPPER)).std() < 0.35 * old


def test_no_rim_of_the_old_colour_stays():
    """Cloth whose edge is mixed with the ground, as in every real photo: the red of it is gone from the seam."""
    labels = label_map()
    share = Image.fromarray((labels == UPPER).astype(np.uint8) * 255).resize((40, 80)).resize((WIDTH, HEIGHT))
    photo = Image.composite(Image.new('RGB', share.size, (230, 20, 20)), Image.new('RGB', share.size, 'grey'), share)
    after = np.asarray(Recolour(('upper',), (30, 40, 200)).apply(photo, labels)).astype(int)
    redness = after[..., 0] - after[..., 1:].max(axis=2)
    before = np.asarray(photo).astype(int)
    assert redness.max() < 0.4 * (before[..., 0] - before[..., 1]).max()


@pytest.mark.parametrize('name', [name for name in PATTERNS if name != 'plain'])
def test_patterns_have_both_colours_the_asked_period_and_folds(name):
    edit = Recolour(('upper',), (20, 40, 160), name, (230, 230, 225), 0.1)
    pixels = np.asarray(edit.apply(person(), label_map()))[inner(UPPER)].astype(int)
    blue, white = pixels[:, 2] - pixels[:, 0] > 60, np.ptp(pixels, axis=1) < 40
    assert blue.mean() > 0.15 and white.mean() > 0.1
    period = 14.5  # a tenth of the person's 145 pixels
    share = PATTERNS[name](*np.meshgrid(np.arange(60.0), np.arange(60.0)), period)
    along = np.meshgrid(np.arange(60.0) + (name != 'stripes') * period, np.arange(60.0) + (name == 'stripes') * period)
    assert np.allclose(share, PATTERNS[name](*along, period), atol=1e-6)
    assert 0 <= share.min() < 0.05 and 0.95 < share.max() <= 1


def test_a_larger_scale_has_fewer_stripes():
    def changes(scale):
        edit = Recolour(('upper',), (0, 0, 120), 'stripes', (230, 230, 225), scale)
        column = np.asarray(edit.apply(person(), label_map()))[30:80, 40, 0] > 100
        return np.count_nonzero(np.diff(column))

    assert changes(0.05) > changes(0.1) > changes(0.3)


def test_classes_are_shaded_each_by_itself():
    after = Recolour(('upper', 'lower'), (200, 180, 40)).apply(person(upper=BLACK, lower=WHITE), label_map())
    assert np.abs(middle(after, inner(UPPER)) - middle(after, inner(LOWER))).max() < 8


def test_classes_that_a_photo_does_not_show_are_passed_over():
    both, one = (Recolour(names, (190, 30, 40)) for names in (('upper', 'coat'), ('upper',)))
    assert both.apply(person(), label_map()).tobytes() == one.apply(person(), label_map()).tobytes()


@pytest.mark.parametrize('source', [(40, 110, 60), BLACK, WHITE])
def test_swapping_exchanges_colours_and_swapping_back_restores_them(source):
    photo, swap = person(upper=source), Swap(('upper',), ('lower',))
    there = swap.apply(photo, label_map())
    assert np.abs(middle(there, inner(UPPER)) - middle(photo, inner(LOWER))).max() < 8
    assert np.abs(middle(there, inner(LOWER)) - middle(photo, inner(UPPER))).max() < 8
    back = np.asarray(swap.apply(there, label_map())).astype(int)
    for label in (UPPER, LOWER):
        assert np.abs(back - np.asarray(photo))[inner(label)].mean() < 8


def test_a_garment_of_a_pixel_and_one_at_the_border_can_be_recoloured():
    labels = np.zeros((20, 10), np.uint8)
    labels[0, 0] = UPPER
    pixels = np.asarray(Recolour(('upper',), (250, 0, 0)).apply(Image.new('RGB', (10, 20), 'navy'), labels))
    assert pixels[0, 0, 0] > 60 and (pixels[10:] == pixels[19, 9]).all()
    labels[:] = LOWER
    assert np.asarray(Recolour(('lower',), (9, 99, 9)).apply(Image.new('RGB', (10, 20)), labels)).std((0, 1)).max() == 0


def test_the_wardrobe_is_twelve_changes_of_different_names_and_looks():
    assert len({change.name for change in WARDROBE}) == len(WARDROBE) == 12
    assert len({change.edit for change in WARDROBE}) == 12
    looks = {change.edit.apply(person(), label_map()).tobytes() for change in WARDROBE}
    assert len(looks) == 12


def test_a_label_map_that_does_not_fit_is_refused():
    for edit in (EDITS[0], Swap(('upper',), ('lower',))):
        with pytest.raises(ValueError, match=r'size \(80, 80\) for a photo of size \(160, 80\)'):
            edit.apply(person(), label_map()[:80])
        with pytest.raises(ValueError, match='photo shows no'):
            edit.apply(person(), np.full((HEIGHT, WIDTH), FACE, np.uint8))
        assert edit.applies(label_map()) and not edit.applies(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match='must be RGB, got L'):
        EDITS[0].apply(person().convert('L'), label_map())


def test_colours_survive_their_spaces_and_light_scales_oklab():
    levels = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    assert np.abs(from_linear(to_linear(levels)).astype(int) - levels).max() <= 1
    assert np.abs(from_oklab(to_oklab(levels)).astype(int) - levels).max() <= 1
    assert to_oklab(np.array([255, 255, 255], np.uint8)) == pytest.approx([1, 0, 0], abs=1e-3)
    red = to_oklab(np.array([255, 0, 0], np.uint8))
    assert red == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-3)
    assert light_to_oklab(to_linear(levels) / 8) == pytest.approx(to_oklab(levels) / 2, abs=1e-5)
    assert parse_colour('#0a0B0c') == parse_colour([10, 11, 12]) == (10, 11, 12)


@pytest.mark.parametrize(
    'change, message',
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
