"""What training changes in pictures: other clothes, another background, another outline, and nothing else."""

import numpy as np
import pytest
import torch
from PIL import Image

from ifd_zoo.datasets import Record
from ifd_zoo.labels import LABELS, class_indices
from ifd_zoo.masks import class_mask
from ifd_zoo.transforms import EvalTransform
from train.augmentation.clothes_and_background import (
    Variation,
    VariedDataset,
    person_box,
    recolour_clothes,
    replace_background,
    shrink,
    warp_view,
)

UPPER, LOWER, FACE = class_indices(('upper', 'lower', 'face'))


def figure(height=96, width=48):
    """A person of three parts in plain colours in the middle of a grey picture, and its label map."""
    labels = np.zeros((height, width), np.uint8)
    rows = np.linspace(0.1, 0.9, 4) * height
    for label, top, bottom in zip((FACE, UPPER, LOWER), rows[:-1], rows[1:], strict=True):
        labels[int(top) : int(bottom), width // 4 : 3 * width // 4] = label
    colours = np.full((len(LABELS), 3), 128, np.uint8)
    colours[[FACE, UPPER, LOWER]] = (220, 170, 150), (200, 30, 30), (30, 30, 200)
    return Image.fromarray(colours[labels]), labels


@pytest.fixture
def records(tmp_path):
    found = []
    for number, pid in enumerate((0, 1, -1)):
        image, labels = figure()
        image.save(tmp_path / f'{number}.png')
        Image.fromarray(labels).save(tmp_path / f'{number}_labels.png')
        found.append(Record(tmp_path / f'{number}.png', pid, 0, pid, tmp_path / f'{number}_labels.png'))
    return found


def test_redressing_changes_clothes_and_leaves_face_and_background():
    image, labels = figure()
    after = np.asarray(recolour_clothes(image, labels, np.random.default_rng(0))).astype(int)
    change = np.abs(after - np.asarray(image)).max(-1)
    edge = 3
    inside = class_mask(labels, ('upper',))
    assert change[inside].mean() > 20
    face = np.zeros_like(inside)
    face[12:30, 16:32] = labels[12:30, 16:32] == FACE
    assert change[face].max() == 0 and change[:, : 12 - edge].max() == 0


def test_another_background_leaves_the_person_and_replaces_the_rest():
    image, labels = figure()
    behind = Image.new('RGB', (300, 200), (10, 250, 10))
    after = np.asarray(replace_background(image, labels, behind, np.random.default_rng(0)))
    core = class_mask(labels, ('upper',))
    core[:, :15] = core[:, 33:] = False
    assert (after[core] == (200, 30, 30)).all()
    assert (after[:8] == (10, 250, 10)).all()


def test_views_of_a_photo_have_other_outlines_and_their_maps_follow_them():
    image, labels = figure(256, 160)
    views = [warp_view(image, labels, np.random.default_rng(seed), (160, 80)) for seed in range(8)]
    shares = set()
    for picture, moved in views:
        assert picture.size == (80, 160) and moved.shape == (160, 80) and moved.dtype == np.uint8
        pixels = np.asarray(picture).astype(int)
        upper = moved == UPPER
        assert upper.any()
        distance = np.abs(pixels[upper] - (200, 30, 30)).max(-1)
        assert (distance < 20).mean() > 0.9  # all but the edges, which are mixed
        shares.add(round(float((moved > 0).mean()), 4))
    assert len(shares) == 8


def test_a_map_without_a_person_is_viewed_whole():
    assert person_box(np.zeros((20, 10), np.uint8)) == (0, 0, 20, 10)


def test_shrinking_keeps_image_and_map_of_one_size():
    image, labels = figure(400, 200)
    small, small_labels = shrink(image, labels, 100)
    assert small.size == (50, 100) and small_labels.shape == (100, 50)
    assert set(np.unique(small_labels)) == set(np.unique(labels))


def test_nothing_changes_unless_asked_and_only_photos_are_persons_in_two_outfits(records):
    plain = VariedDataset(records[:2], EvalTransform((64, 32)), Variation(), records[2:])
    exact = EvalTransform((64, 32))(*plain.load(0))
    assert torch.equal(plain[0]['image'], exact.image) and plain[0]['clothes_id'] == 0
    first, second = plain[2], plain[2]
    assert first['pid'] == second['pid'] == -1
    assert first['clothes_id'] != second['clothes_id'] and min(first['clothes_id'], second['clothes_id']) < 0
    assert not torch.equal(first['image'], second['image'])


def test_recoloured_pictures_are_outfits_of_their_own(records):
    varied = VariedDataset(records, EvalTransform((64, 32)), Variation(recolour=1.0))
    first, second = varied[0], varied[0]
    assert first['pid'] == 0 and first['clothes_id'] < 0 and first['clothes_id'] != second['clothes_id']
    differ = (first['masked'] != second['masked']).any(0)
    assert differ.float().mean() < 0.1  # once the clothes are erased, all but their edges are the same


def test_the_seed_of_torch_decides_every_view(records):
    varied = VariedDataset(records[:2], EvalTransform((64, 32)), Variation(1.0, 1.0), records[2:])
    views = []
    for _ in range(2):
        torch.manual_seed(3)
        views.append([varied[0]['image'], varied[2]['image']])
    assert all(torch.equal(a, b) for a, b in zip(*views, strict=True))
