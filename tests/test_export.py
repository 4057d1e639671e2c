"""ONNX: the same numbers in onnxruntime, for any number of images."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch
from PIL import Image

from ifd_zoo import Predictor, load_model, load_parser
from ifd_zoo.__main__ import main
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.hub import save_release
from ifd_zoo.hub.export import TOLERANCES, ExportError, export_onnx
from ifd_zoo.hub.onnx_graph import OPSETS
from ifd_zoo.models.features import feature_of
from ifd_zoo.models.fingerprint import hash_weights
from ifd_zoo.models.inference import infer


def run(path, **inputs):
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    assert {i.name: i.shape[1:] for i in session.get_inputs()} == {k: [3, *v.shape[2:]] for k, v in inputs.items()}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {k: v.numpy() for k, v in inputs.items()}), strict=True))


def test_the_exported_model_computes_the_embedding_of_the_zoo_for_any_number_of_images(exported):
    model = load_model('ifd_resnet10t.synthetic')
    for batch in (1, 5):
        image, masked = torch.randn(2, batch, 3, 128, 64)
        found, expected = run(exported, image=image, masked=masked), infer(model, image, masked)
        assert np.abs(found['embedding'] - expected.embedding.numpy()).max() < 1e-4
        assert np.abs(found['attention'] - expected.attention.numpy()).max() < 1e-4


def metadata(path):
    return onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider']).get_modelmeta().custom_metadata_map


def test_the_file_says_how_it_is_to_be_used_and_what_it_is(exported):
    model, stored = load_model('ifd_resnet10t.synthetic'), metadata(exported)
    assert stored['model'] == 'ifd_resnet10t.synthetic' and stored['weights_sha256'] == hash_weights(model)
    assert json.loads(stored['mean']) == list(model.pretrained_cfg['mean']) and stored['channels'] == 'RGB'
    assert json.loads(stored['std']) == list(model.pretrained_cfg['std']) and stored['parser'] == ''
    assert json.loads(stored['feature']) == feature_of(model) and json.loads(stored['flip']) is True


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    assert main(['export', '--model', 'ifd_resnet10t.synthetic', '--output', str(path)]) == 0
    assert [file.name for file in path.parent.iterdir()] == ['model.onnx']
    return path


def test_a_single_stream_has_one_input_and_no_attention(tmp_path):
    model = small('ifd_baseline_resnet10t', (32, 16))
    assert export_onnx(model, tmp_path / 'm.onnx', flip=False) < 1e-4
    image = torch.randn(2, 3, 32, 16)
    found = run(tmp_path / 'm.onnx', image=image)
    assert found.keys() == {'embedding'}
    assert np.abs(found['embedding'] - infer(model, image, image, flip=False).embedding.numpy()).max() < 1e-4


def small(name, size, **options):
    model = timm.create_model(name, **options).eval()
    model.pretrained_cfg['input_size'] = (3, *size)
    return model


def test_a_transformer_with_a_size_of_no_whole_patches(tmp_path):
    model = small('ifd_baseline_resnet10t', (40, 20), backbone='test_vit')
    positions = model.main_stream.backbone.net.model.pos_embed.shape
    assert export_onnx(model, tmp_path / 'm.onnx') < 1e-4
    assert model.main_stream.backbone.net.model.pos_embed.shape == positions  # the model is left as it was


def test_parser_and_model_in_one_graph_give_photos_the_embeddings_of_a_predictor(tmp_path):
    model, parser = load_model('ifd_resnet10t.synthetic'), load_parser('bundled')
    assert export_onnx(model, tmp_path / 'm.onnx', parser) < 1e-4
    stored = metadata(tmp_path / 'm.onnx')
    assert (stored['mean'], stored['std']) == ('[0.0, 0.0, 0.0]', '[1.0, 1.0, 1.0]')
    assert stored['parser'] == parser.identify()
    files = sorted((EXAMPLES / 'gallery').glob('*.jpg'))[:3]
    photos = [Image.open(path).convert('RGB').resize((64, 128)) for path in files]
    pixels = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2) / 255
    found = run(tmp_path / 'm.onnx', photo=pixels)['embedding']
    expected = Predictor(model, 'bundled', 'cpu', precision='fp32').embed(photos)
    # The parser's own resize rounds to 8 bits; clothing that is not erased would be seen in the first digit.
    assert np.abs(found - expected).max() < 5e-3


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    assert main(['export', '--model', 'ifd_resnet10t.synthetic', '--output', str(tmp_path / 'm.onnx')]) == 2
    assert 'onnxruntime is missing: pip install onnx onnxscript onnxruntime' in capsys.readouterr().err


def test_fresh_weights_are_exported_only_when_asked_and_16_bits_hardly_change_the_embedding(tmp_path, capsys):
    model = timm.create_model('ifd_resnet10t', backbone='test_efficientnet')
    release = save_release(model, tmp_path / 'release', 'test', {'input_size': [3, 64, 32]})
    half, single = tmp_path / 'half.onnx', tmp_path / 'single.onnx'
    command = ['export', '--model', str(release), '--no-flip', '--output']
    assert main([*command, str(half)]) == 2 and not half.exists()
    error = capsys.readouterr().err
    assert 'fresh weights, not trained; give a trained release, or --fresh-weights' in error
    assert main([*command, str(half), '--fresh-weights', '--precision', 'fp16', '--opset', '20']) == 0
    assert main([*command, str(single), '--fresh-weights']) == 0
    assert half.stat().st_size < 0.85 * single.stat().st_size  # the rest is the graph, of a small network
    assert (metadata(half)['precision'], metadata(single)['precision']) == ('fp16', 'fp32')
    assert metadata(half)['weights_sha256'] == metadata(single)['weights_sha256']
    assert {entry.domain: entry.version for entry in onnx.load(half).opset_import}[''] == 20
    images = dict(zip(('image', 'masked'), torch.randn(2, 3, 3, 64, 32), strict=True))
    first, second = (run(path, **images) for path in (half, single))
    assert first['embedding'].dtype == np.float32 and not np.array_equal(first['embedding'], second['embedding'])
    lengths = np.linalg.norm(first['embedding'], axis=1)
    assert ((first['embedding'] * second['embedding']).sum(1) / lengths).min() > 0.9999
    assert np.abs(lengths - 1).max() < 1e-3


@pytest.mark.parametrize('opset', [OPSETS[0] - 1, OPSETS[-1] + 1])
def test_an_opset_that_cannot_be_written_is_named(opset, tmp_path, capsys):
    command = ['export', '--model', 'ifd_baseline_resnet10t.synthetic', '--output', str(tmp_path / 'm.onnx')]
    assert main([*command, '--opset', str(opset)]) == 2
    assert f'opset: must be from {OPSETS[0]} to {OPSETS[-1]}, got {opset}' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name, parser, match', [
    ('ifd_baseline_resnet10t', 'bundled', 'needs no masks'), ('ifd_resnet10t', 'bundled', 'noise'),
    ('ifd_resnet10t', 'none', 'only zoo parsers'),
])  # fmt: skip
def test_a_parser_that_cannot_be_put_in_front_is_refused(tmp_path, name, parser, match):
    model = timm.create_model(name).eval()
    model.release_info = {'training': {'fill': 'noise'}}
    with pytest.raises(ExportError, match=match):
        export_onnx(model, tmp_path / 'm.onnx', load_parser(parser))


def test_a_graph_that_computes_something_else_is_not_left_behind(tmp_path, monkeypatch):
    monkeypatch.setitem(TOLERANCES, 'fp32', -1.0)
    with pytest.raises(ExportError, match='onnxruntime differs from torch'):
        export_onnx(small('ifd_baseline_resnet10t', (32, 16)), tmp_path / 'm.onnx')
    assert not list(tmp_path.iterdir())
