"""Image, masked image and mask stay in line through every transform."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from ifd_zoo.labels import LABELS
from ifd_zoo.masks import FILLS, class_mask, erase
from ifd_zoo.transforms import EvalTransform, Masking
from tests.trees import draw_person
from train.augmentation.geometry_and_colour import Augmentation, TrainTransform

PLAIN = dict(mean=(0, 0, 0), std=(1, 1, 1))


def white_person(height=64, width=32):
    """A white image whose label map is `upper` in a block off the centre: what is black in M is exactly psi."""
    label_map = np.zeros((height, width), np.uint8)
    label_map[10:30, 5:15] = LABELS.index('upper')
    return Image.new('RGB', (width, height), 'white'), label_map


def grown(mask):
    """(1, H, W) bool: a pixel more in every direction."""
    return F.max_pool2d(mask, 3, 1, 1).bool()


def transforms(size, masking=None):
    """The transform of a test, and that of training where it draws nothing but a place to crop from."""
    training = Augmentation(flip=0, erasing=0)
    return EvalTransform(size, masking=masking, **PLAIN), TrainTransform(size, training, masking=masking, **PLAIN)


@pytest.mark.parametrize('size', [(128, 64), (48, 24), (100, 70)])
def test_a_resized_masked_image_shows_no_clothing(size):
    rng = np.random.default_rng(0)
    label_map = np.kron(rng.random((25, 11)) < 0.5, np.ones((11, 13))).astype(np.uint8) * LABELS.index('coat')
    photo = Image.fromarray((label_map > 0).astype(np.uint8) * 255).convert('RGB')  # clothing is white, all else black
    for transform in transforms(size):
        image, masked = transform(photo, label_map)[:2]
        assert image.max() > 0.9 and masked.max() <= 0.11


def test_psi_covers_the_pixels_of_which_half_or_more_is_clothing():
    label_map = np.zeros((128, 64), np.uint8)
    label_map[31:81, 17:40] = LABELS.index('lower')
    photo = Image.fromarray((label_map > 0).astype(np.uint8) * 255).convert('RGB')
    for masking in (Masking(), Masking(('lower',)), Masking(('face',), ('lower',))):
        for transform in (*transforms((56, 24), masking), *transforms((64, 32), masking)):
            sample = transform(photo, label_map)
            image, clothing = sample.image, sample.clothing
            assert torch.equal(clothing[0] > 0, image[0] >= 0.5) and clothing.any() and not clothing.all()


def test_image_masked_image_and_mask_move_together_and_at_random():
    torch.manual_seed(0)
    transform = TrainTransform((48, 24), Augmentation(erasing=0), **PLAIN)
    places = set()
    for _ in range(8):
        image, masked, clothing, _ = transform(*white_person())
        assert image.min() > 0.99
        erased = masked[:1] < 0.5
        assert clothing.any() and (erased >= clothing.bool()).all() and (erased <= grown(clothing)).all()
        places.add(clothing.numpy().tobytes())
    assert len(places) > 2


@pytest.mark.parametrize('masking', [Masking(), Masking(('upper',), ('lower',))])
def test_training_knows_where_the_person_is(masking):
    pixels, label_map = draw_person(1, 0, 0)
    transform = TrainTransform((64, 32), Augmentation(crop_scale=1.0, flip=0, erasing=0), masking=masking, **PLAIN)
    sample = transform(Image.fromarray(pixels), label_map)
    assert np.array_equal(sample.person[0].numpy() > 0, label_map > 0)
    assert np.array_equal(sample.clothing[0].numpy() > 0, class_mask(label_map, masking.clothing_classes))
    assert not transform(Image.fromarray(pixels)).person.any()


def test_random_erasing_hits_both_images_in_the_same_place_and_leaves_the_mask():
    torch.manual_seed(0)
    # Everything but the erased pixels and the mask is white, so what is black shows where erasing went.
    transform = TrainTransform((48, 24), Augmentation(crop_scale=1.0, flip=0, erasing=1), **PLAIN)
    plain = EvalTransform((48, 24), **PLAIN)(*white_person())
    image, masked, clothing, _ = transform(*white_person())
    assert (image == 0).any() and torch.equal(clothing, plain.clothing)
    assert torch.equal(masked == 0, (image == 0) | (plain.masked == 0))


def test_colour_jitter_changes_the_image_before_masking_and_erased_pixels_stay_black():
    torch.manual_seed(0)
    transform = TrainTransform((48, 24), Augmentation(crop_scale=1.0, flip=0, erasing=0, jitter=0.8), **PLAIN)
    image, masked, clothing, _ = transform(*white_person())
    assert not torch.allclose(image, torch.ones_like(image))
    erased = (masked == 0).all(0, keepdim=True)
    assert torch.equal(erased.expand(3, -1, -1), masked == 0)
    assert (erased >= clothing.bool()).all() and (erased <= grown(clothing)).all()


def test_noise_in_erased_pixels_is_the_same_for_each_photo_and_new_in_training():
    masking = Masking(fill='noise')
    transform = EvalTransform((48, 24), masking=masking)
    image, label_map = white_person()
    first, second = (transform(image, label_map) for _ in range(2))
    batch = transform.batch([image] * 2, [label_map] * 2)
    assert torch.equal(first.masked, second.masked) and not torch.equal(first.masked, first.image)
    assert all(torch.equal(one, first.masked) for one in batch.masked)
    training = TrainTransform((48, 24), Augmentation(crop_scale=1.0, flip=0, erasing=0), masking=masking)
    assert not torch.equal(training(image, label_map).masked, training(image, label_map).masked)


def test_the_test_transform_resizes_and_normalises():
    pixels, label_map = draw_person(1, 0, 0)
    transform = EvalTransform((64, 32), (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    image, masked, clothing = transform(Image.fromarray(pixels), label_map)
    expected = (torch.from_numpy(pixels).permute(2, 0, 1) / 255 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / 0.2
    assert torch.allclose(image, expected, atol=1e-5)
    assert np.array_equal(clothing[0].numpy() > 0, class_mask(label_map))
    assert torch.equal(image[:, clothing[0] == 0], masked[:, clothing[0] == 0])


def test_fills():
    image, mask = torch.rand(2, 3, 8, 4), torch.zeros(2, 1, 8, 4)
    mask[:, :, 2:5] = 1
    hole = mask.bool().expand_as(image)
    black, mean, noise = (erase(image, mask, fill) for fill in ('black', 'mean', 'noise'))
    for result in (black, mean, noise):
        assert torch.equal(result[~hole], image[~hole])
    assert (black[hole] == 0).all()
    kept = torch.cat([image[:, :, :2], image[:, :, 5:]], dim=2).mean((-2, -1))
    assert torch.allclose(mean[:, :, 3, 0], kept, atol=1e-6)
    assert noise[hole].std() > 0.1 and not torch.equal(noise[hole], image[hole])
    with pytest.raises(ValueError, match='fill'):
        erase(image, mask, 'pink')


@pytest.mark.parametrize('fill', FILLS)
def test_a_batch_equals_its_single_samples_stacked(fill):
    rng = np.random.default_rng(0)
    sizes = [(64, 32), (130, 61), (64, 32), (33, 40), (130, 61)]
    images = [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
    maps = [rng.integers(0, len(LABELS), size, dtype=np.uint8) for size in sizes]
    maps[2] = None
    transform = EvalTransform((64, 32), masking=Masking(('default', 'hair'), ('upper',), fill))
    torch.manual_seed(0)
    singles = [transform(image, label_map) for image, label_map in zip(images, maps, strict=True)]
    torch.manual_seed(0)
    batch = transform.batch(images, maps)
    for name in ('image', 'clothing') if fill == 'noise' else ('image', 'masked', 'clothing'):
        expected = torch.stack([getattr(single, name) for single in singles])
        # The mean colour is a sum over pixels, which is rounded by its order.
        torch.testing.assert_close(getattr(batch, name), expected, rtol=0, atol=1e-6 if fill == 'mean' else 0)
    assert torch.equal(batch.image[2], batch.masked[2]) and not torch.equal(batch.image[0], batch.masked[0])
    assert batch.image.is_contiguous(memory_format=torch.channels_last)
    assert batch.masked.is_contiguous(memory_format=torch.channels_last)


def test_masks_equal_those_of_the_obvious_lookup():
    image, label_map = Image.new('RGB', (32, 64), (200, 100, 50)), np.zeros((64, 32), np.uint8)
    label_map[:30], label_map[40:] = LABELS.index('coat'), LABELS.index('hair')
    transform = EvalTransform((32, 16), masking=Masking(('coat',), ('hair',)), **PLAIN)
    sample = transform(image, label_map)
    small = np.asarray(Image.fromarray(label_map))[::2, ::2]
    assert np.array_equal(sample.clothing[0].numpy() > 0, class_mask(small, ('hair',)))
    erased = (sample.masked == 0).all(0).numpy()
    assert np.array_equal(erased[:15], class_mask(small, ('coat',))[:15])
    assert erased[15].all() and not erased[16:].any()  # an eighth of row 15 is row 29 of the coat


def test_without_label_maps_image_and_masked_image_are_one():
    images = [white_person()[0], white_person(40, 30)[0]]
    transform = EvalTransform((48, 24))
    single, batch = transform(images[0]), transform.batch(images)
    assert torch.equal(single.image, single.masked) and not single.clothing.any()
    assert batch.masked is batch.image and batch.image.shape == (2, 3, 48, 24)
    assert not batch.clothing.any() and batch.clothing.shape == (2, 1, 48, 24)


def test_label_maps_that_do_not_fit_are_refused():
    (image, label_map), transform = white_person(), EvalTransform((48, 24))
    with pytest.raises(ValueError, match='label map of size'):
        transform(image, label_map[:-1])
    with pytest.raises(ValueError, match='label map of size'):
        transform.batch([image], [label_map[:-1]])
    with pytest.raises(ValueError, match='outside the label set'):
        transform.batch([image], [np.full_like(label_map, len(LABELS))])
    with pytest.raises(ValueError, match='two dimensions'):
        transform.batch([image], [label_map[None]])
    with pytest.raises(ValueError):
        transform.batch([image, image], [label_map])
