"""Overlays: right places, right colours, sizes that fit."""

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.explain import overlays as explain
from ifd_zoo.labels import LABELS, PALETTE

PHOTO = Image.new('RGB', (20, 40), (10, 200, 90))
LEFT = np.zeros((40, 20), bool)
LEFT[:, :10] = True


def test_the_colour_map_runs_from_black_to_yellow_and_brightens_all_the_way():
    colours = explain.colour_map(np.linspace(0, 1, 256)[None]).astype(float)
    assert colours[0, 0].max() < 5 and colours[0, -1] == pytest.approx((252, 255, 164), abs=1)
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
    assert (stretched[[0, -1], [0, -1]] == explain.colour_map(np.array([[0.0, 1.0]]))[0]).all()
    flat = explain.attention_overlay(PHOTO, np.full((40, 20), 0.5, np.float32), opacity=1, stretch=True)
    assert len(flat.getcolors()) == 1


def test_the_mask_is_tinted_outlined_and_the_rest_untouched():
    overlay = np.asarray(explain.mask_overlay(PHOTO, LEFT, colour=(255, 0, 0)))
    assert (overlay[:, 10:] == PHOTO.getpixel((0, 0))).all()
    assert tuple(overlay[20, 9]) == (255, 0, 0)
    inside = overlay[20, 5]
    assert 120 < inside[0] < 140 and 90 < inside[1] < 110
    assert explain.mask_overlay(PHOTO, np.zeros((40, 20), bool)).tobytes() == PHOTO.tobytes()


@pytest.mark.parametrize('draw', [explain.attention_overlay, explain.mask_overlay])
def test_values_of_another_size_are_refused(draw):
    with pytest.raises(ValueError, match=r'\(20, 40\) for an image of size \(40, 20\)'):
        draw(PHOTO, np.zeros((20, 40)))


def test_views_leave_the_attention_out_when_there_is_none():
    both = explain.views(PHOTO, np.full((40, 20), 0.25, np.float32), LEFT)
    assert [caption for _, caption in both] == ['photo', 'attention 0.25 to 0.25', 'clothing']
    assert [caption for _, caption in explain.views(PHOTO, None, LEFT)] == ['photo', 'clothing']


def test_side_by_side_has_one_height_and_gaps():
    row = explain.side_by_side([PHOTO, Image.new('RGB', (100, 50))], height=80, gap=5)
    assert row.size == (40 + 5 + 160, 80)
    assert row.getpixel((42, 40))[3] == 0 and row.getpixel((39, 40)) == (10, 200, 90, 255)


def photo_view(attention=0.25):
    label_map = np.where(LEFT, LABELS.index('upper'), 0).astype(np.uint8)
    return explain.PhotoView(PHOTO, None if attention is None else np.full((40, 20), attention, np.float32), label_map)


def test_every_view_can_be_drawn_and_no_other():
    heatmap = LEFT.astype(np.float32)
    drawn = {view: explain.draw(photo_view(), view, 0.5, heatmap) for view in explain.VIEWS}
    assert drawn['side by side'].width > 3 * 160 and drawn['photo'].tobytes() == PHOTO.tobytes()
    assert all(picture.size == PHOTO.size for view, picture in drawn.items() if view != 'side by side')
    assert len({picture.tobytes() for picture in drawn.values()}) == len(explain.VIEWS)
    with pytest.raises(ValueError, match='view must be one of side by side, '):
        explain.draw(photo_view(), 'x-ray')


def test_what_a_model_does_not_have_is_drawn_as_the_photo():
    assert explain.draw(photo_view(attention=None), 'attention').tobytes() == PHOTO.tobytes()
    assert explain.draw(photo_view(), 'Grad-CAM').tobytes() == PHOTO.tobytes()


def test_the_masked_input_is_black_where_clothes_were():
    pixels = np.asarray(explain.masked_picture(PHOTO, LEFT))
    assert (pixels[:, :10] == 0).all() and (pixels[:, 10:] == PHOTO.getpixel((0, 0))).all()


def test_a_photo_view_is_shrunk_with_its_maps_and_never_enlarged():
    photo, attention = Image.new('RGB', (500, 1000)), np.full((1000, 500), 0.3)
    large = explain.make_photo_view(photo, attention, np.ones((1000, 500), np.uint8))
    assert large.photo.size == (192, 384) and large.attention.shape == large.label_map.shape == (384, 192)
    assert np.abs(large.attention - 0.3).max() < 1e-3 and (large.label_map == 1).all()
    assert explain.make_photo_view(PHOTO, None, LEFT.astype(np.uint8)).photo.size == PHOTO.size


def test_every_label_has_its_colour_and_a_layer_corrects_where_it_is_painted():
    label_map = np.arange(800, dtype=np.uint8).reshape(40, 20) % len(LABELS)
    picture = explain.label_map_picture(label_map)
    assert [picture.getpixel((x, 0)) for x in range(len(LABELS))] == list(PALETTE)
    assert (explain.read_layer(Image.new('RGBA', (20, 40)), label_map) == label_map).all()
    assert (explain.read_layer(picture.convert('RGBA'), np.zeros((40, 20), np.uint8)) == label_map).all()


def test_a_layer_over_a_photo_leaves_background_transparent():
    label_map = np.where(LEFT, 3, 0).astype(np.uint8)
    layer = explain.label_layer(label_map, 0.4)
    assert layer.getpixel((2, 2)) == (*PALETTE[3], 102) and layer.getpixel((15, 2))[3] == 0


def test_a_stroke_is_its_class_on_any_size_also_when_its_colour_is_a_little_off():
    before = np.full((40, 20), LABELS.index('upper'), np.uint8)
    layer = Image.new('RGBA', (40, 80))
    layer.paste((*(min(255, part + 3) for part in PALETTE[LABELS.index('coat')]), 255), (10, 20, 30, 60))
    layer.paste((2, 1, 0, 255), (0, 0, 10, 10))
    after = explain.read_layer(layer, before)
    assert (after[10:30, 5:15] == LABELS.index('coat')).all() and (after[:5, :5] == 0).all()
    assert (after[31:] == LABELS.index('upper')).all()


def test_maps_of_other_sizes_are_fitted_and_stay_in_range():
    values = explain.resize_map(np.eye(4, dtype=np.float32), (20, 40))
    assert values.shape == (40, 20) and 0 <= values.min() <= values.max() <= 1
