"""onnxruntime in the place of torch: the same answers, wherever a model is asked for embeddings."""

import sys

import numpy as np
import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from eval.extract import main as extract
from ifd_zoo.export import ExportError
from ifd_zoo.fingerprint import hash_weights
from ifd_zoo.hub import load_model
from ifd_zoo.inference import choose_precision, infer
from ifd_zoo.onnx_model import OnnxModel
from ifd_zoo.predictor import Predictor
from tests.trees import write_folder_tree


@pytest.fixture(scope='module')
def bundled():
    return load_model('ifd_resnet10t.synthetic')


@pytest.fixture(scope='module')
def by_onnxruntime(bundled):
    return OnnxModel(bundled)


@pytest.mark.parametrize('batch', [1, 5])
@pytest.mark.parametrize('flip', [True, False])
def test_inference_gives_what_torch_gives(bundled, by_onnxruntime, batch, flip):
    torch.manual_seed(0)
    image, masked = torch.randn(2, batch, 3, 128, 64)
    expected, found = infer(bundled, image, masked, flip), infer(by_onnxruntime, image, masked, flip)
    assert torch.allclose(found.embedding, expected.embedding, atol=1e-5)
    assert torch.allclose(found.attention, expected.attention, atol=1e-4)


def test_a_single_stream_needs_no_mask(baseline):
    baseline.pretrained_cfg = baseline.pretrained_cfg | {'input_size': (3, 32, 16)}
    images = torch.randn(3, 3, 32, 16)
    expected, found = infer(baseline, images, images), infer(OnnxModel(baseline), images, images)
    assert torch.allclose(found.embedding, expected.embedding, atol=1e-5) and found.attention is None


def test_a_predictor_takes_it_as_its_model(by_onnxruntime):
    photos = [np.random.default_rng(seed).integers(0, 256, (140, 60, 3), dtype=np.uint8) for seed in range(9)]
    ours, theirs = Predictor(by_onnxruntime), Predictor(precision='fp32')
    assert ours.precision == 'fp32'
    maps = np.random.default_rng(9).integers(0, 14, (9, 140, 60), dtype=np.uint8)
    for a, b in zip(ours.analyze(photos, maps), theirs.analyze(photos, maps), strict=True):
        assert np.abs(a.embedding - b.embedding).max() < 1e-4 and np.abs(a.attention - b.attention).max() < 1e-3


def test_its_weights_count_as_those_of_the_model(bundled, by_onnxruntime):
    assert hash_weights(by_onnxruntime) == hash_weights(bundled)


def test_it_refuses_a_precision_that_it_does_not_have(by_onnxruntime):
    assert choose_precision(by_onnxruntime, torch.device('cpu')) == 'fp32'
    with pytest.raises(ValueError, match="OnnxModel computes in fp32 alone, got precision 'bf16'"):
        choose_precision(by_onnxruntime, torch.device('cpu'), 'bf16')


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ExportError, match='onnxruntime is missing: pip install onnx onnxscript onnxruntime'):
        OnnxModel(timm.create_model('ifd_baseline_resnet10t', num_classes=0))


def test_extraction_by_onnxruntime_gives_the_rows_of_torch(tmp_path):
    write_folder_tree(tmp_path / 'data')
    common = ['--model', 'ifd_resnet10t.synthetic', '--root', str(tmp_path / 'data'), '--workers', '0']
    files = {name: tmp_path / f'{name}.safetensors' for name in ('torch', 'onnxruntime')}
    for name, file in files.items():
        assert extract([*common, '--runtime', name, '--precision', 'fp32', '--output', str(file)]) == 0
    rows = [load_file(file)['embeddings'] for file in files.values()]
    assert len(rows[0]) and np.abs(rows[0] - rows[1]).max() < 1e-4
    with safe_open(files['onnxruntime'], 'np') as file:
        assert file.metadata()['runtime'] == '"onnxruntime"'


@pytest.mark.parametrize('flags', [['--precision', 'bf16'], ['--device', 'cuda']])
def test_extraction_refuses_what_onnxruntime_is_not_for(tmp_path, capsys, flags):
    with pytest.raises(SystemExit):
        extract(['--model', 'x', '--images', str(tmp_path), '--output', 'y', '--runtime', 'onnxruntime', *flags])
    assert '--runtime onnxruntime computes in fp32 on the CPU' in capsys.readouterr().err
