"""Overlays: right places, right colours, sizes that fit."""

import numpy as np
import pytest
from PIL import Image

from ifd_zoo import explain
from ifd_zoo.parsing.labels import LABELS, PALETTE

PHOTO = Image.new('RGB', (20, 40), (10, 200, 90))
LEFT = np.zeros((40, 20), bool)
LEFT[:, :10] = True


def test_the_colour_map_runs_from_black_to_yellow_and_brightens_all_the_way():
    colours = explain.colour_map(np.linspace(0, 1, 256)[None]).astype(float)
    assert tuple(colours[0, 0]) == explain.INFERNO[0] and tuple(colours[0, -1]) == explain.INFERNO[-1]
    luminance = colours[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -1).all() and luminance[-1] - luminance[0] > 200


def test_attended_places_are_brighter_than_ignored_ones():
    overlay = np.asarray(explain.attention_overlay(PHOTO, LEFT.astype(np.float32))).astype(int)
    assert overlay.shape == (40, 20, 3)
    assert overlay[:, :10].sum() > 2 * overlay[:, 10:].sum()


def test_opacity_goes_from_the_grey_photo_to_the_colours_alone():
    attention = np.full((40, 20), 0.5, np.float32)
    assert np.ptp(np.asarray(explain.attention_overlay(PHOTO, attention, opacity=0)), axis=2).max() == 0
    alone = np.asarray(explain.attention_overlay(PHOTO, attention, opacity=1))
    assert (alone == explain.colour_map(attention)).all()


def test_stretching_uses_the_whole_colour_map_and_a_flat_map_survives_it():
    attention = np.linspace(0.4, 0.6, 800, dtype=np.float32).reshape(40, 20)
    stretched = np.asarray(explain.attention_overlay(PHOTO, attention, opacity=1, stretch=True))
    assert tuple(stretched[0, 0]) == explain.INFERNO[0] and tuple(stretched[-1, -1]) == explain.INFERNO[-1]
    flat = explain.attention_overlay(PHOTO, np.full((40, 20), 0.5, np.float32), opacity=1, stretch=True)
    assert len(flat.getcolors()) == 1


def test_the_mask_is_tinted_outlined_and_the_rest_untouched():
    overlay = np.asarray(explain.mask_overlay(PHOTO, LEFT, colour=(255, 0, 0)))
    assert (overlay[:, 10:] == PHOTO.getpixel((0, 0))).all()
    assert tuple(overlay[20, 9]) == (255, 0, 0)
    inside = overlay[20, 5]
    assert 120 < inside[0] < 140 and 90 < inside[1] < 110


def test_an_empty_mask_leaves_the_photo():
    assert explain.mask_overlay(PHOTO, np.zeros((40, 20), bool)).tobytes() == PHOTO.tobytes()


@pytest.mark.parametrize('draw', [explain.attention_overlay, explain.mask_overlay])
def test_values_of_another_size_are_refused(draw):
    with pytest.raises(ValueError, match=r'\(20, 40\) for an image of size \(40, 20\)'):
        draw(PHOTO, np.zeros((20, 40)))


def test_every_label_has_its_colour():
    picture = explain.label_map_picture(np.arange(len(LABELS), dtype=np.uint8)[None])
    assert [picture.getpixel((x, 0)) for x in range(len(LABELS))] == list(PALETTE)


def test_views_leave_the_attention_out_when_there_is_none():
    both = explain.views(PHOTO, np.full((40, 20), 0.25, np.float32), LEFT)
    assert [caption for _, caption in both] == ['photo', 'attention 0.25 to 0.25', 'clothing']
    assert [caption for _, caption in explain.views(PHOTO, None, LEFT)] == ['photo', 'clothing']


def test_side_by_side_has_one_height_and_gaps():
    row = explain.side_by_side([PHOTO, Image.new('RGB', (100, 50))], height=80, gap=5)
    assert row.size == (40 + 5 + 160, 80)
    assert row.getpixel((42, 40))[3] == 0 and row.getpixel((39, 40)) == (10, 200, 90, 255)
