"""Grad-CAM of a similarity against finite differences; the model is left alone."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ifd_zoo.explain.gradcam import gradcam
from ifd_zoo.models.features import embedding_size, feature_of, with_feature
from ifd_zoo.models.inference import infer
from tests.necks import make_model

SIZE = (64, 48)  # a feature map of 4 x 3: mirror images that are not turned back are noticed


def make_photos(count=2, seed=1):
    image = torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(seed))
    masked = image.clone()
    masked[:, :, SIZE[0] // 2 :] = 0
    return image, masked


def some_feature(model):
    feature = torch.randn(1, embedding_size(model), generator=torch.Generator().manual_seed(2))
    return F.normalize(feature, dim=1)


def last_maps(model, image, masked):
    """F_rg of eq. 2 and F_a; or F_g."""
    maps = model.main_stream.backbone(image)
    if not model.needs_mask:
        return [maps]
    aside = model.attention_stream.backbone(masked)
    return [model.ikt(aside) * maps, aside]


def slow_feature(model, views):
    """The embedding of last maps, of photo and mirror image."""
    sums = {}
    for maps in views:
        heads = [stream.head for stream in model.streams()]
        pooled, *aside = (head.pool(values) for head, values in zip(heads, maps, strict=True))
        parts = {'neck': heads[0].neck(pooled), 'pooled': pooled - heads[0].neck.running_mean}
        parts |= {'attention': heads[1].neck(aside[0])} if aside else {}
        sums = {name: part + sums.get(name, 0) for name, part in parts.items()}
    weights = feature_of(model).items()
    return torch.cat([weight * F.normalize(sums[name]) for name, weight in weights], 1)


@torch.no_grad()
def slow_gradcam(model, image, masked, reference, flip):
    """(h, w) of one photo, before the ReLU: the definition, with the gradients by finite differences."""
    model, step = copy.deepcopy(model).double(), 1e-5
    image, masked, reference = image.double(), masked.double(), reference.double()
    views = [last_maps(model, image, masked)]
    if flip:
        views.append(last_maps(model, image.flip(-1), masked.flip(-1)))

    def similarity(view, stream, channel, by):
        moved = [[one.clone() for one in maps] for maps in views]
        moved[view][stream][:, channel] += by
        return float(F.cosine_similarity(slow_feature(model, moved), reference))

    total = np.zeros(views[0][0].shape[-2:])
    for view, maps in enumerate(views):
        for stream, values in enumerate(maps):
            for channel in range(values.shape[1]):
                change = similarity(view, stream, channel, step) - similarity(view, stream, channel, -step)
                part = change / (2 * step) / values[0, channel].numel() * values[0, channel].numpy()
                total += part[:, ::-1] if view else part
    return total


@pytest.mark.parametrize(('name', 'pool', 'feature', 'flip'), [
    ('ifd_resnet10t', 'avg', 'neck', True),
    ('ifd_resnet10t', 'avg', 'neck', False),
    ('ifd_baseline_resnet10t', 'avg', 'neck', True),
    ('ifd_baseline_resnet10t', 'avg', 'pooled', False),
    ('ifd_resnet10t', 'max_avg', 'pooled+attention', True),
])
def test_it_is_what_finite_differences_give(name, pool, feature, flip):
    model = with_feature(make_model(name, pool=pool), feature)
    image, masked = make_photos()
    reference = some_feature(model)
    # Of the opposite feature it is what the ReLU has cut off.
    up, down = (gradcam(model, image, masked, sign * reference, (4, 3), flip) for sign in (1, -1))
    for index in range(2):
        one = slice(index, index + 1)
        expected = slow_gradcam(model, image[one], masked[one], reference, flip)
        got = up.heatmap[index] * up.scale[index] - down.heatmap[index] * down.scale[index]
        assert np.ptp(expected) > 0.1 * np.abs(expected).max() > 0
        np.testing.assert_allclose(got, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize('name', ['ifd_resnet10t', 'ifd_baseline_resnet10t'])
def test_the_similarity_is_that_of_the_test_features(name):
    model = make_model(name)
    photos, others = make_photos(), make_photos(2, seed=5)
    reference = infer(model, *others).embedding
    expected = (infer(model, *photos).embedding * reference).sum(1)
    np.testing.assert_allclose(gradcam(model, *photos, reference).similarity, expected, atol=1e-5)


def test_heatmaps_have_the_size_that_was_asked_for_and_lie_in_0_to_1():
    model = make_model('ifd_resnet10t')
    for size, shape in ((None, SIZE), ((100, 31), (100, 31))):
        pair = [gradcam(model, *make_photos(3), sign * some_feature(model), size) for sign in (1, -1)]
        assert any(result.scale.any() for result in pair)
        for result in pair:
            assert result.heatmap.shape == (3, *shape) and result.heatmap.dtype == np.float32
            assert result.heatmap.min() >= 0 and ((result.heatmap.max((1, 2)) == 1) == (result.scale > 0)).all()
            assert result.scale.shape == result.similarity.shape == (3,)


@pytest.mark.parametrize('name', ['ifd_resnet10t', 'ifd_baseline_resnet10t'])
def test_constant_photos_and_a_photo_compared_with_itself_give_finite_values(name):
    model = make_model(name)
    flat = torch.zeros(1, 3, *SIZE)
    for photos, others in (((flat, flat), (flat, flat)), ((flat, flat), (flat + 1, flat)), (make_photos(1),) * 2):
        result = gradcam(model, *photos, infer(model, *others).embedding)
        assert all(np.isfinite(values).all() for values in result)
        assert 0 <= result.heatmap.min() <= result.heatmap.max() <= 1


def test_no_place_that_raises_the_similarity_is_a_heatmap_of_zeros():
    model = make_model('ifd_baseline_resnet10t')
    head = model.main_stream.head
    nn.init.zeros_(head.neck.weight)  # a feature that does not depend on the photo
    result = gradcam(model, *make_photos(1), some_feature(model))
    assert not result.heatmap.any() and not result.scale.any()


def test_the_model_is_left_as_it_was():
    model = make_model('ifd_resnet10t')
    before = copy.deepcopy(model.state_dict())
    head = model.main_stream.head
    gradcam(model, *make_photos(), some_feature(model))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not head._forward_pre_hooks and not any(module.training for module in model.modules())


def test_frozen_weights_and_a_caller_without_gradients_change_nothing():
    model = make_model('ifd_resnet10t')
    reference = infer(model, *make_photos(1, seed=2)).embedding
    expected = gradcam(model, *make_photos(), reference)
    model.requires_grad_(False)
    with torch.inference_mode():
        got = gradcam(model, *make_photos(), reference)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_in_training_mode_is_refused():
    model = make_model('ifd_resnet10t')
    model.attention_stream.train()
    with pytest.raises(ValueError, match=r'call model\.eval\(\)'):
        gradcam(model, *make_photos(), some_feature(model))
