"""The four test features: what they are, and that everything that embeds gives them."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from ifd_zoo import Predictor
from ifd_zoo.common.choices import FEATURES
from ifd_zoo.models.features import FeatureError, embedding_size, feature_name, feature_of, with_feature
from ifd_zoo.models.inference import infer
from tests.necks import SIZE, make_model

SINGLE = ['neck', 'pooled']


@pytest.fixture(scope='module')
def two():
    return make_model('ifd_resnet10t')


@pytest.fixture(scope='module')
def one():
    return make_model('ifd_baseline_resnet10t')


def slow_parts(model, image, masked):
    """Each part of images without their mirror images, from the maps on."""
    maps = model.main_stream.backbone(image)
    parts = {}
    if model.needs_mask:
        attention_maps = model.attention_stream.backbone(masked)
        maps = model.ikt(attention_maps) * maps
        parts['attention'] = model.attention_stream.head.neck(attention_maps.mean((2, 3)))
    neck = model.main_stream.head.neck
    return parts | {'neck': neck(maps.mean((2, 3))), 'pooled': maps.mean((2, 3)) - neck.running_mean}


def slow_feature(model, feature, image, masked, flip):
    parts = slow_parts(model, image, masked)
    if flip:
        mirrored = slow_parts(model, image.flip(-1), masked.flip(-1))
        parts = {name: part + mirrored[name] for name, part in parts.items()}
    weight = {'pooled+attention': {'pooled': 1, 'attention': math.sqrt(0.5)}}.get(feature, {})
    return F.normalize(torch.cat([weight.get(n, 1) * F.normalize(parts[n]) for n in feature.split('+')], 1))


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('feature', FEATURES)
@torch.inference_mode()
def test_a_feature_is_its_parts_weighted_and_of_unit_length(two, one, feature, flip):
    for model in (two, one) if feature in SINGLE else (two,):
        image, masked = torch.randn(2, 3, 3, *SIZE)
        chosen = with_feature(model, feature)
        found = infer(chosen, image, masked, flip).embedding
        torch.testing.assert_close(found, slow_feature(model, feature, image, masked, flip), rtol=0, atol=1e-5)
        assert found.shape == (3, embedding_size(chosen)) and feature_name(chosen) == feature
        assert torch.allclose(found.norm(dim=1), torch.ones(3))


@torch.inference_mode()
def test_the_outputs_have_the_pooled_vector_before_the_neck(two, one):
    image, masked = torch.randn(2, 2, 3, *SIZE)
    for model in (two, one):
        output = model(image, masked)
        assert torch.equal(model.main_stream.head.neck(output.pooled), output.embedding)


def test_another_feature_leaves_the_model_as_it_was_and_shares_its_weights(two):
    copy = with_feature(two, 'pooled+attention')
    assert feature_of(two) == {'neck': 1.0} and with_feature(two, 'neck') is two and with_feature(two, None) is two
    assert copy is not two and all(a is b for a, b in zip(copy.parameters(), two.parameters(), strict=True))


def test_what_was_measured_with_another_feature_does_not_hold(two):
    model = with_feature(two, 'neck')
    model.release_info = {'figures': [1], 'precisions': {'bf16': {}}, 'comparison': {}, 'training': {'seed': 3}}
    try:
        assert with_feature(model, 'pooled').release_info == {'training': {'seed': 3}, 'feature': {'pooled': 1.0}}
    finally:
        del model.release_info


def test_a_feature_that_the_model_cannot_give_is_refused(one, two):
    for feature in FEATURES.keys() - set(SINGLE):
        with pytest.raises(FeatureError, match='has no attention stream; take neck or pooled'):
            Predictor(one, device='cpu', feature=feature)
    with pytest.raises(FeatureError, match='one of neck, pooled, pooled.attention, .*, got .gap.'):
        Predictor(two, device='cpu', feature='gap')


@pytest.mark.parametrize('feature', ['pooled', 'neck+pooled+attention'])
def test_a_predictor_gives_the_feature_that_is_asked_for(two, feature):
    photos = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (*SIZE, 3), dtype=np.uint8)) for i in range(2)]
    maps = [np.zeros(SIZE, np.uint8)] * 2
    predictor = Predictor(two, None, 'cpu', feature=feature)
    sample = predictor.transform.batch(photos)
    with torch.inference_mode():
        expected = slow_feature(two, feature, sample.image, sample.masked, True)
    found = predictor.embed(photos, maps)
    assert np.abs(found - expected.numpy()).max() < 1e-5
    assert predictor.embed([]).shape == (0, found.shape[1])


