"""`Predictor`: what comes out is right, in range and independent of batches; bad calls are errors that say so."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.hub import create_model, load_model, save_release
from ifd_zoo.images.loading import ImageError
from ifd_zoo.labels import LABELS
from ifd_zoo.predictor import Predictor, rank_embeddings
from ifd_zoo.transforms import EvalTransform


class FakeParser:
    """The lower half of every photo is a dress."""

    def __init__(self):
        self.calls = 0

    def parse(self, images):
        self.calls += 1
        maps = [np.zeros((image.height, image.width), np.uint8) for image in images]
        for label_map in maps:
            label_map[label_map.shape[0] // 2 :] = LABELS.index('dress')
        return maps


def photo(seed, width=60, height=120):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def predictor(ifd):
    return Predictor(ifd, FakeParser(), device='cpu')


def test_an_analysis_has_everything_at_the_photos_size(predictor):
    photos = [photo(0), photo(1, 90, 70)]
    analyses = predictor.analyze(photos)
    assert np.abs(np.stack([one.embedding for one in analyses]) - predictor.embed(photos)).max() < 1e-5
    for analysis, shape in zip(analyses, [(120, 60), (70, 90)], strict=True):
        assert analysis.embedding.shape == (512,) and analysis.embedding.dtype == np.float32
        assert np.linalg.norm(analysis.embedding) == pytest.approx(1, abs=1e-5)
        assert analysis.attention.shape == shape and analysis.attention.dtype == np.float32
        assert 0 <= analysis.attention.min() <= analysis.attention.max() <= 1
        assert analysis.label_map.shape == shape and analysis.label_map.dtype == np.uint8
        assert analysis.clothing.dtype == bool
        assert (analysis.clothing == (analysis.label_map == LABELS.index('dress'))).all()
        assert analysis.clothing.mean() == 0.5


def test_the_embedding_is_image_plus_flipped_image_behind_the_neck(predictor, ifd):
    label_map = predictor.parser.parse([photo(0)])[0]
    transform = EvalTransform(ifd.pretrained_cfg['input_size'][1:])
    total = 0
    with torch.inference_mode():
        for picture, labels in (
            (photo(0), label_map),
            (photo(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT), label_map[:, ::-1].copy()),
        ):
            image, masked, _ = transform(picture, labels)
            total = total + ifd(image[None], masked[None]).embedding
    expected = F.normalize(total, dim=1).numpy()
    assert np.abs(predictor.embed([photo(0)]) - expected).max() < 1e-4


def test_the_attention_is_w_i_enlarged(predictor, ifd):
    label_map = predictor.parser.parse([photo(0)])[0]
    image, masked, _ = EvalTransform(ifd.pretrained_cfg['input_size'][1:])(photo(0), label_map)
    with torch.inference_mode():
        expected = ifd(image[None], masked[None]).attention
    expected = F.interpolate(expected, size=(120, 60), mode='bilinear')[0, 0].numpy()
    assert np.abs(predictor.attention(photo(0)) - expected).max() < 1e-5


def test_results_do_not_depend_on_the_batch(ifd):
    photos = [photo(seed, 40 + 5 * seed, 100) for seed in range(5)]
    whole = Predictor(ifd, FakeParser(), 'cpu', batch_size=16).embed(photos)
    for size in (1, 2, 3):
        assert np.abs(Predictor(ifd, FakeParser(), 'cpu', batch_size=size).embed(photos) - whole).max() < 1e-5


def test_label_maps_of_large_photos_are_shrunk_with_them_and_others_refused(predictor, tmp_path):
    Image.new('RGB', (1500, 3000), 'white').save(tmp_path / 'large.png')
    label_map = np.zeros((3000, 1500), np.uint8)
    label_map[:1500] = LABELS.index('coat')
    (large,) = predictor.analyze([tmp_path / 'large.png'], [label_map])
    assert large.attention.shape == large.clothing.shape == (2048, 1024)
    assert large.clothing[:1024].all() and not large.clothing[1024:].any()
    small = predictor.embed([Image.new('RGB', (750, 1500), 'white')], [label_map[::2, ::2]])
    assert np.allclose(large.embedding, small, atol=1e-3)
    for shape in ((3000, 10), (4000, 1500), (300, 150), (1500, 3000)):
        with pytest.raises(ValueError, match='label map of size'):
            predictor.embed([tmp_path / 'large.png'], [np.zeros(shape, np.uint8)])


def test_the_mask_matters_and_given_label_maps_replace_the_parser(predictor):
    nothing = np.zeros((120, 60), np.uint8)
    bare = predictor.analyze([photo(0)], [nothing])[0]
    assert predictor.parser.calls == 0
    assert not bare.clothing.any()
    assert np.abs(bare.attention - predictor.attention(photo(0))).max() > 1e-6


def test_the_same_photo_is_found_first_with_similarity_one(predictor):
    gallery = [photo(seed) for seed in range(4)]
    matches = predictor.rank(photo(2), gallery, top_k=3)
    assert len(matches) == 3 and matches[0].index == 2
    assert matches[0].similarity == pytest.approx(1, abs=1e-5)
    assert max(match.similarity for match in matches) <= 1


def test_equal_photos_keep_the_gallerys_order(ifd):
    gallery = [photo(1), photo(0), photo(0), photo(1), photo(0)]
    matches = Predictor(ifd, FakeParser(), 'cpu', batch_size=2).rank(photo(0), gallery, top_k=99)
    assert [match.index for match in matches] == [1, 2, 4, 0, 3]


def test_ranking_embeddings_is_a_stable_sort_by_cosine():
    gallery = np.asarray([[0, 1], [1, 0], [0.6, 0.8], [1, 0]], np.float32)
    matches = rank_embeddings(np.asarray([1, 0], np.float32), gallery)
    assert [match.index for match in matches] == [1, 3, 2, 0]
    assert [match.similarity for match in matches] == pytest.approx([1, 1, 0.6, 0])


def test_an_empty_gallery_and_a_top_k_of_none_are_refused(predictor):
    with pytest.raises(ValueError, match='gallery is empty'):
        predictor.rank(photo(0), [])
    with pytest.raises(ValueError, match='top_k must be at least 1'):
        predictor.rank(photo(0), [photo(1)], top_k=0)


def test_no_images_give_no_embeddings(predictor):
    assert predictor.embed([]).shape == (0, 512)
    assert predictor.analyze([]) == []


def test_the_baseline_needs_no_parser_to_embed_and_has_no_attention(baseline):
    parser = FakeParser()
    predictor = Predictor(baseline, parser, 'cpu')
    predictor.embed([photo(0)])
    assert parser.calls == 0
    analysis = predictor.analyze([photo(0)])[0]
    assert analysis.attention is None and analysis.clothing.mean() == 0.5
    with pytest.raises(ValueError, match='no attention stream'):
        predictor.attention(photo(0))


def test_without_a_parser_it_warns_once_and_shows_the_whole_photo(ifd, baseline, recwarn):
    predictor = Predictor(ifd, None, 'cpu')
    predictor.embed([photo(0)])
    predictor.embed([photo(1)])
    assert [str(one.message) for one in recwarn if 'attention stream' in str(one.message)] == [
        'no parser: the attention stream sees the clothing as well'
    ]
    empty = [np.zeros((120, 60), np.uint8)]
    assert np.abs(predictor.embed([photo(0)]) - predictor.embed([photo(0)], empty)).max() < 1e-6
    recwarn.clear()
    Predictor(baseline, None, 'cpu')
    assert not [one for one in recwarn if 'attention stream' in str(one.message)]


def test_photos_without_clothing_are_counted_and_seen_whole(ifd, recwarn):
    class Bare(FakeParser):
        def parse(self, images):
            maps = super().parse(images)
            maps[0][:] = LABELS.index('hair')
            return maps

    bare = Predictor(ifd, Bare(), 'cpu').embed([photo(0), photo(1)])
    assert [str(one.message) for one in recwarn if 'no clothing' in str(one.message)] == [
        'no clothing found in 1 of 2 photos: the attention stream sees these whole'
    ]
    assert np.abs(bare[:1] - Predictor(ifd, 'none', 'cpu').embed([photo(0)])).max() < 1e-5


def test_a_bad_photo_is_named_by_file_or_position(predictor, tmp_path):
    (tmp_path / 'bad.jpg').write_text('no picture')
    with pytest.raises(ImageError, match=r'^bad\.jpg: '):
        predictor.embed([photo(0), tmp_path / 'bad.jpg'])
    with pytest.raises(ImageError, match='^image 1: '):
        predictor.embed([photo(0), np.zeros((2, 2), np.uint8)])


def test_another_number_of_label_maps_is_refused(predictor):
    with pytest.raises(ValueError, match='1 label maps for 2 images'):
        predictor.embed([photo(0), photo(1)], [np.zeros((120, 60), np.uint8)])


def test_the_models_own_input_size_is_used(ifd, tmp_path):
    folder = save_release(ifd, tmp_path / 'small', 'test', {'input_size': [3, 128, 64]})
    predictor = Predictor(folder, FakeParser(), 'cpu')
    assert predictor.transform.size == (128, 64)
    assert predictor.embed([photo(0)]).shape == (1, 512)


@pytest.mark.parametrize('kind', ['text', 'path', 'array', 'grey array', 'with alpha', 'picture'])
def test_one_picture_of_any_kind_is_a_list_of_one(predictor, tmp_path, kind):
    grey = photo(0).convert('L')
    photo(0).save(tmp_path / 'a.png')
    one = {
        'text': str(tmp_path / 'a.png'), 'path': tmp_path / 'a.png', 'array': np.asarray(photo(0)),
        'grey array': np.asarray(grey), 'with alpha': np.asarray(photo(0).convert('RGBA')), 'picture': photo(0),
    }[kind]  # fmt: skip
    expected = predictor.embed([grey if kind == 'grey array' else photo(0)])
    assert np.array_equal(predictor.embed(one), expected)


def test_every_method_takes_one_picture(predictor):
    (analysis,), (expected,) = predictor.analyze(photo(0)), predictor.analyze([photo(0)])
    assert np.array_equal(analysis.attention, expected.attention)
    label_map = np.zeros((120, 60), np.uint8)
    assert np.array_equal(predictor.embed(photo(0), label_map), predictor.embed([photo(0)], [label_map]))
    assert [match.index for match in predictor.rank(photo(0), photo(0))] == [0]


def test_arrays_of_several_pictures_are_several(predictor):
    colours, greys = np.stack([photo(0), photo(1)]), np.stack([photo(0).convert('L'), photo(1).convert('L')])
    assert len(predictor.embed(colours)) == len(predictor.embed(greys)) == 2
    assert len(predictor.embed(photo(seed) for seed in range(3))) == 3


@pytest.mark.parametrize('url', ['https://example.org/a.jpg', 'HTTP://example.org/a.jpg', 's3://bucket/a.jpg',
                                 'data:image/png;base64,' + 'A' * 5000])  # fmt: skip
def test_a_url_is_called_one_and_not_fetched(predictor, url):
    for one in (url, [photo(0), url]):
        with pytest.raises(ImageError, match='is a URL, and URLs are not fetched; save the picture'):
            predictor.embed(one)
    with pytest.raises(ImageError, match='is a URL'):
        predictor.attention(url)


def test_a_file_whose_name_looks_like_a_url_is_a_file(predictor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data:').mkdir()
    photo(0).save(tmp_path / 'data:' / 'a.png')
    assert len(predictor.embed('data:/a.png')) == 1


def test_fresh_weights_are_a_warning_and_trained_ones_are_none(ifd, tmp_path):
    folder = save_release(ifd, tmp_path / 'release', 'test', {'input_size': [3, 64, 32]})
    for source in (ifd, folder, create_model('ifd_baseline_resnet10t')):
        with pytest.warns(UserWarning, match='resnet10t.*: fresh weights, not trained'):
            Predictor(source, 'none', 'cpu', precision='fp32')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for source in ('ifd_resnet10t', load_model('ifd_baseline_resnet10t')):
            Predictor(source, 'none', 'cpu', precision='fp32')
