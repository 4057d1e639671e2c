"""Precision: what is asked for, what the processor has, and what the release of a model has on record."""

import copy
import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from eval import precision as eval_precision
from eval.measure import compare_embeddings
from ifd_zoo.datasets import Record
from ifd_zoo.gallery import example_photos
from ifd_zoo.hub import list_bundled, load_model, save_release
from ifd_zoo.images.loading import load_image
from ifd_zoo.models import inference
from ifd_zoo.models.backbone import ImageConv2d
from ifd_zoo.models.batching import COPIES, MOST, batch_size_for, free_memory, group_by_size, stack_images
from ifd_zoo.models.inference import choose_precision, infer, keeps_answer, precision
from ifd_zoo.predictor import Predictor
from tests.trees import write_folder_tree

CPU = torch.device('cpu')
GOOD = {'min_cosine': 0.9995, 'rank1_change': -0.1}
BUNDLED = list_bundled()


@pytest.fixture(scope='module')
def model(ifd):
    return ifd


@pytest.mark.filterwarnings('error')
def test_what_is_asked_for_is_taken_with_a_warning_where_the_processor_emulates_it(model, monkeypatch):
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda native=native: native)
        assert [choose_precision(model, CPU, asked) for asked in ('fp32', 'fp16')] == ['fp32', 'fp16']
        with nullcontext() if native else pytest.warns(UserWarning, match='only emulates bf16'):
            assert choose_precision(model, CPU, 'bf16') == 'bf16'


def test_another_precision_is_refused(model):
    with pytest.raises(ValueError, match='precision must be one of auto, fp32, bf16, fp16'):
        choose_precision(model, CPU, 'int8')


def test_a_precision_keeps_the_answer_by_cosine_and_rank_1():
    assert keeps_answer(GOOD)
    for change in ({'min_cosine': 0.999}, {'rank1_change': -0.3}, {'rank1_change': 0.3}):
        assert not keeps_answer(GOOD | change)


@pytest.mark.parametrize('native, checks, chosen, reason', [
    ('bf16', {'bf16': GOOD}, 'bf16', None),
    ('bf16', {}, 'fp32', 'has not been checked in bf16'),
    ('bf16', {'bf16': GOOD | {'min_cosine': 0.99}}, 'fp32', 'differs too much in bf16'),
    ('fp32', {}, 'fp32', None),
])  # fmt: skip
def test_auto_is_what_is_native_if_the_record_allows_it_or_says_why_not(
    model, monkeypatch, recwarn, native, checks, chosen, reason
):
    monkeypatch.setattr(inference, 'native_precision', lambda device: native)
    monkeypatch.setattr(model, 'release_info', {'precisions': checks}, raising=False)
    assert choose_precision(model, CPU) == chosen
    warned = [str(one.message).partition(';')[0] for one in recwarn]
    assert warned == ([f'ifd_resnet10t.photos {reason}, so it computes in fp32'] if reason else [])


@pytest.mark.parametrize('name', BUNDLED)
def test_bundled_models_have_passed_and_keep_their_embeddings_in_bfloat16(name):
    model = load_model(name)
    assert keeps_answer(model.release_info['precisions']['bf16'])
    photos = [load_image(path) for path in example_photos('gallery')[:6]]
    exact, rounded = (Predictor(model, 'none', 'cpu', precision=one).embed(photos) for one in ('fp32', 'bf16'))
    assert 0.999 < (exact * rounded).sum(1).min() and not np.array_equal(exact, rounded)


def test_the_image_is_read_in_float32_by_each_stream(model):
    seen, model = {}, copy.deepcopy(model)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output, name=name: seen.update({name: output.dtype}))
    image = torch.randn(1, 3, 64, 32)
    with torch.no_grad(), precision(CPU, 'bf16'):
        model(image, image)
    exact = {name for name, dtype in seen.items() if dtype == torch.float32}
    assert exact == {name for name, module in model.named_modules() if isinstance(module, ImageConv2d)}
    assert exact == {f'{stream}_stream.backbone.net.conv1.0' for stream in ('main', 'attention')}
    model.train()
    with torch.no_grad(), precision(CPU, 'bf16'):  # training stays as it was
        model(torch.randn(2, 3, 64, 32), image.expand(2, -1, -1, -1))
    assert set(seen.values()) == {torch.bfloat16}


def test_attention_is_that_of_the_image_alone_and_one_tensor_may_serve_as_both_inputs(model):
    torch.manual_seed(0)
    image, masked = torch.randn(2, 3, 3, 64, 32)
    with torch.inference_mode():
        expected = model(image, masked).attention
    for flip in (True, False):
        torch.testing.assert_close(infer(model, image, masked, flip).attention, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(infer(model, image, image).embedding, infer(model, image, image.clone()).embedding)


def test_float32_makes_the_bundled_parser_exact_too(model):
    assert Predictor(model, 'bundled', 'cpu', precision='fp32').parser.precision == 'fp32'


def test_batches_fit_into_a_quarter_of_the_free_memory(model, monkeypatch):
    assert free_memory(CPU) > 2**20
    assert batch_size_for(model, (64, 32)) == MOST['cpu']
    largest = 4 * 64 * 32 * 16  # the stem: 64 channels at half the height and width, 4 bytes each
    monkeypatch.setattr('ifd_zoo.models.batching.free_memory', lambda device: 4 * COPIES * largest * 5)
    assert batch_size_for(model, (64, 32)) == 5
    monkeypatch.setattr('ifd_zoo.models.batching.free_memory', lambda device: 0)
    assert batch_size_for(model, (64, 32)) == 1


def test_images_of_one_size_are_stacked_together():
    photos = [load_image(np.full((size, 10, 3), value, np.uint8)) for value, size in enumerate((9, 8, 9))]
    assert group_by_size(photos) == [[0, 2], [1]]
    (rows, tall), (_, short) = stack_images(photos)
    assert rows == [0, 2] and tall.shape == (2, 3, 9, 10) and short.shape == (1, 3, 8, 10)
    assert tall[:, 0, 0, 0].tolist() == [0, 2] and tall.dtype == torch.uint8


def make_records(labels):
    return [Record(Path(f'{row}.jpg'), *one) for row, one in enumerate(labels)]


def test_rank_1_of_a_check_is_over_all_images_and_modes():
    rng = np.random.default_rng(0)
    records = make_records([(pid, camid, 2 * pid + camid % 2) for pid in range(4) for camid in range(3)])
    exact = rng.normal(size=(12, 8)).astype(np.float32)
    rounded = exact + 0.5 * rng.normal(size=exact.shape).astype(np.float32)
    exact, rounded = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (exact, rounded))
    hits = {'exact': 0, 'rounded': 0}
    queries = 0
    for mode in ('general', 'cc', 'sc'):
        for query, one in enumerate(records):
            right = [
                row for row, other in enumerate(records)
                if other.pid == one.pid and other.camid != one.camid
                and {'general': True, 'cc': other.clothes_id != one.clothes_id,
                     'sc': other.clothes_id == one.clothes_id}[mode]
            ]
            wrong = [row for row, other in enumerate(records) if other.pid != one.pid]
            queries += bool(right)
            for name, x in (('exact', exact), ('rounded', rounded)):
                hits[name] += bool(right) and max(x[right] @ x[query]) > max(x[wrong] @ x[query])
    found = compare_embeddings(exact, rounded, records)
    assert found['queries'] == queries and found['images'] == 12
    assert found['rank1'] == pytest.approx(100 * hits['rounded'] / queries, abs=1e-3)
    assert found['rank1_change'] == pytest.approx(100 * (hits['rounded'] - hits['exact']) / queries, abs=1e-3)
    cosines = [float(a @ b) for a, b in zip(exact, rounded, strict=True)]
    assert found['min_cosine'] == pytest.approx(min(cosines), abs=1e-5)
    assert found['mean_cosine'] == pytest.approx(sum(cosines) / 12, abs=1e-5)


def test_the_command_records_its_check_in_config_and_card(model, tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data')
    release = save_release(model, tmp_path / 'release', 'tiny', {'input_size': [3, 64, 32]})
    before = json.loads((release / 'config.json').read_text())
    assert 'Not checked in 16 bits' in (release / 'README.md').read_text()
    flags = ['--model', str(release), '--root', str(root), '--workers', '0', '--device', 'cpu']
    assert eval_precision.main(flags) == 0
    text = capsys.readouterr().out
    assert 'release bf16: cosine at least' in text and 'over ' in text
    config = json.loads((release / 'config.json').read_text())
    check = config['ifd'].pop('precisions')['bf16']
    assert config == before and check['data'] == 'data' and check['queries'] > 0
    assert load_model(release).release_info['precisions'] == {'bf16': check}
    assert f'over {check["queries"]} queries of data' in (release / 'README.md').read_text()


def test_a_check_without_a_release_or_data_is_refused(model, tmp_path, capsys):
    release = save_release(model, tmp_path / 'release', 'tiny', {'input_size': [3, 64, 32]})
    assert eval_precision.main(['--model', str(release), '--root', str(tmp_path / 'nowhere')]) == 2
    alone = shutil.copy(release / 'model.safetensors', tmp_path / 'alone.safetensors')
    assert eval_precision.main(['--model', str(alone), '--root', str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert 'nowhere' in errors and 'has no config.json to write to' in errors
    lonely = [replace(one, camid=0) for one in make_records([(0, 0, 0), (1, 1, 1)])]
    with pytest.raises(ValueError, match='no test image has a right match'):
        compare_embeddings(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), lonely)
