"""Training of the parser: loss, figures, augmentation, and the script from start to released folder."""

import json
import shutil

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import tv_tensors

from ifd_zoo.common.errors import DIVERGED
from ifd_zoo.hub.check import check_release
from ifd_zoo.labels import LABELS
from ifd_zoo.parsing import load_parser
from ifd_zoo.parsing.training_sources import (
    BODY,
    CLOTHING_CO_PARSING,
    TARGETS,
    SourceError,
    allowed_table,
    rendered_pairs,
)
from train import parser as script
from train.parsers import training as parser_training
from train.parsers.data import (
    ColourCast,
    Compression,
    LowResolution,
    ParserDataset,
    PersonCrop,
    geometry,
    read_sources,
    train_loader,
)
from train.parsers.losses import MergedCrossEntropy, balanced_weights, exact_table

PERSON = ('hair', 'face', 'upper', 'lower', 'shoes')


def draw_person(folder, image_name, map_name, values, seed):
    """A column of coloured bands on a grey ground, and its label map with the given values."""
    rng = np.random.default_rng(seed)
    pixels = np.full((64, 40, 3), 120, np.uint8)
    label_map = np.zeros((64, 40), np.uint8)
    for band, value in enumerate(values):
        rows = slice(6 + 10 * band, 16 + 10 * band)
        pixels[rows, 12:28] = rng.integers(0, 256, 3)
        label_map[rows, 12:28] = value
    for name, array in ((image_name, pixels), (map_name, label_map)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(folder / name)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    values = [LABELS.index(name) for name in PERSON]
    for folder, count in (('train', 4), ('query', 1), ('gallery', 2)):
        for index in range(count):
            stem = f'{folder}/{index:04d}/0/c0_0'
            draw_person(root / 'rendered', f'{stem}.jpg', f'parsing/{stem}.png', values, index)
    names = list(CLOTHING_CO_PARSING)
    values = [names.index(name) for name in ('hair', 'skin', 'sweater', 'jeans', 'boots')]
    for number in (1, 2, 3, 4):
        draw_person(root / 'photos', f'photos/{number:04d}.jpg', f'labels/{number:04d}.png', values, number)
    text = ''.join(f'{index}\t{name}\n' for index, name in enumerate(names))
    (root / 'photos' / 'label_names.txt').write_text(text)
    return root


def flags(data, output, *more):
    small = '--coarse-epochs 1 --batch-size 2 --size 64x32 --width 16 --workers 0 --backbone mobilenetv4_conv_small_050'
    start = '--encoder-weights none'
    return ['--rendered', str(data / 'rendered'), '--output', str(output), *small.split(), *start.split(), *more]


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    """The smallest run, for tests that change nothing in it."""
    folder = tmp_path_factory.mktemp('trained')
    assert script.main(flags(data, folder, '--epochs', '1')) == 0
    return folder


@pytest.mark.parametrize('weights', [None, torch.arange(1.0, len(TARGETS) + 1)], ids=['plain', 'weighted'])
def test_merged_loss_equals_the_obvious_version(weights):
    torch.manual_seed(0)
    logits = torch.randn(2, len(LABELS), 3, 4, requires_grad=True)
    targets = torch.randint(len(TARGETS), (2, 3, 4))
    probabilities, total, shares = logits.softmax(1), 0.0, 0.0
    for b in range(2):
        for y in range(3):
            for x in range(4):
                target = targets[b, y, x]
                weight = 1.0 if weights is None else weights[target]
                allowed = [LABELS.index(name) for name in TARGETS[target]]
                total -= weight * sum(probabilities[b, label, y, x] for label in allowed).log()
                shares += weight
    loss = MergedCrossEntropy(exact_table(), weights)(logits, targets)
    torch.testing.assert_close(loss, total / shares)
    loss.backward()
    assert logits.grad.isfinite().all()


def test_merged_loss_is_stable_and_needs_a_label():
    logits = torch.full((1, len(LABELS), 1, 1), -1e4)
    logits[0, 0] = 1e4
    assert MergedCrossEntropy(exact_table())(logits, torch.ones(1, 1, 1, dtype=torch.long)).item() == pytest.approx(2e4)
    with pytest.raises(ValueError, match='at least one'):
        MergedCrossEntropy(torch.zeros(2, 3, dtype=torch.bool))


def test_balanced_weights():
    weights = balanced_weights(np.array([300.0, 0, 75, 32, 1]))
    assert weights.tolist() == pytest.approx([1, 1, 1.1662, 1.7854, 2], abs=1e-4)


def test_sources_split_and_map(data):
    train, validation = read_sources(data / 'rendered', data / 'photos')
    assert {name: len(source) for name, source in train.items()} == {'rendered': 4, 'photos': 3}
    assert {name: len(source) for name, source in validation.items()} == {'rendered': 3, 'photos': 1}
    targets = validation['photos'][0][1]
    assert {TARGETS[value] for value in np.unique(targets)} == {
        ('background',), ('hair',), BODY, ('upper',), ('lower',), ('shoes',)
    }  # fmt: skip


def test_missing_label_map_is_named(data, tmp_path):
    draw_person(tmp_path, 'train/0000/0/c0_0.jpg', 'elsewhere.png', [1], seed=0)
    with pytest.raises(SourceError, match='c0_0.png'):
        list(rendered_pairs(tmp_path, ['train']))
    with pytest.raises(SourceError, match='no images'):
        list(rendered_pairs(tmp_path, ['query']))


def test_image_and_map_move_together():
    torch.manual_seed(0)
    step = geometry((64, 32))
    targets = torch.zeros(90, 60, dtype=torch.uint8)
    targets[10:80, 15:45] = 5
    for _ in range(20):
        white = (targets > 0).to(torch.uint8).expand(3, -1, -1) * 255
        image, moved = step(tv_tensors.Image(white), tv_tensors.Mask(targets))
        assert image.shape == (3, 64, 32) and moved.shape == (64, 32) and set(moved.unique().tolist()) <= {0, 5}
        wrong = (image[0] > 190) != (moved > 0)
        assert wrong.float().mean() < 0.1


def test_uncropped_people_keep_their_pixels_and_photos_never_do(data):
    torch.manual_seed(0)
    train, _ = read_sources(data / 'rendered', data / 'photos')
    size = (64, 40)  # that of the pictures, which are narrower than the network's input elsewhere
    shares = {}
    for as_drawn in (0.0, 0.5, 1.0):
        dataset = ParserDataset(train, size, as_drawn, paste=0.0)
        for name, positions in (('rendered', range(4)), ('photos', range(4, len(dataset)))):
            kept = []
            for position in [*positions] * 20:
                source, index = dataset.items[position]
                drawn, targets = torch.from_numpy(np.array(source[index][1])), dataset[position][1]
                kept.append(torch.equal(targets, drawn) or torch.equal(targets, drawn.flip(-1)))
            shares[name, as_drawn] = np.mean(kept)
    assert shares['rendered', 1.0] == 1 and 0.35 < shares['rendered', 0.5] < 0.7
    assert max(shares['rendered', 0.0], *(shares['photos', value] for value in (0.0, 0.5, 1.0))) < 0.15


def test_person_crop_keeps_some_of_the_person():
    torch.manual_seed(0)
    targets = torch.zeros(80, 50, dtype=torch.uint8)
    targets[20:70, 15:35] = 5
    for _ in range(50):
        assert PersonCrop()(tv_tensors.Mask(targets)).any()
    assert PersonCrop()(tv_tensors.Mask(torch.zeros(8, 4, dtype=torch.uint8))).shape == (8, 4)


@pytest.mark.parametrize('step', [ColourCast(), Compression(), LowResolution()])
def test_appearance_changes_the_picture_and_keeps_size_and_type(step):
    torch.manual_seed(0)
    before = tv_tensors.Image(torch.randint(256, (3, 40, 20), dtype=torch.uint8))
    for _ in range(3):
        image = step(before)
        assert image.shape == (3, 40, 20) and image.dtype == torch.uint8 and not torch.equal(image, before)


def test_photos_are_drawn_at_their_share(data):
    train, _ = read_sources(data / 'rendered', data / 'photos')
    config = script.parse_args(flags(data, data))
    weights = train_loader(train, config, photo_share=0.75).sampler.weights
    assert weights[:4].sum() == pytest.approx(0.25) and weights[4:].sum() == pytest.approx(0.75)


def test_learning_rate_rises_then_falls_to_zero():
    rates = [parser_training.learning_rate(step, 200, 1.0) for step in range(200)]
    assert rates[0] < rates[5] == max(rates) == 1.0 and rates[-1] < 1e-3
    assert rates[6:] == sorted(rates[6:], reverse=True)


def test_encoder_learns_at_its_own_rate(data, tmp_path):
    config = script.parse_args(flags(data, tmp_path, '--encoder-rate', '0.5', '--lr', '0.01'))
    train, _ = read_sources(config.rendered, None)
    training = parser_training.Training(config, train)
    before = {name: value.detach().clone() for name, value in training.net.named_parameters()}
    training.run_epoch(train_loader(train, config, 0.0))
    rates = {}
    for group in training.optimizer.param_groups:
        for parameter in group['params']:
            rates[id(parameter)] = group['lr'], group['weight_decay']
    assert len(rates) == len(before)
    top = max(rate for rate, _ in rates.values())
    for name, parameter in training.net.named_parameters():
        rate, decay = rates[id(parameter)]
        assert rate == pytest.approx(top * (0.5 if name.startswith('encoder.') else 1))
        assert decay == (config.weight_decay if parameter.ndim > 1 else 0)
        largest = parameter.grad.abs().max()
        if largest == 0 or largest > 1e-9:  # below, where detail begins, steps are lost to rounding
            assert torch.equal(parameter, before[name]) == (largest == 0), name


def test_script_starts_from_encoder_weights_and_records_them(data, tmp_path):
    name = 'mobilenetv4_conv_small_050'
    start = tmp_path / 'start.safetensors'
    save_file(timm.create_model(name).state_dict(), start)
    argv = flags(data, tmp_path / 'run', '--epochs', '1', '--lr', '0', '--encoder-weights', str(start))
    assert script.main(argv) == 0
    parser, weights = load_parser(tmp_path / 'run'), load_file(start)
    kept = dict(parser.net.encoder.named_parameters())
    assert len(kept) > 40
    for key, value in list(kept.items())[1:]:  # the first convolution is fitted to our normalisation
        torch.testing.assert_close(value, weights[key], rtol=1e-3, atol=1e-3)  # released as float16
    assert parser.config['encoder_weights'].startswith('start.safetensors (SHA-256 ')
    assert '--encoder-weights start.safetensors' in parser.config['command']
    assert 'start.safetensors' in (tmp_path / 'run' / 'README.md').read_text()


def test_script_does_not_start_from_random_weights_unasked(data, tmp_path, capsys):
    assert script.main(flags(data, tmp_path / 'run', '--encoder-weights', 'imagenet')) == 2  # the tests have no network
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1].startswith('error: ImageNet weights of ') and '--encoder-weights none' in errors[-1]


def test_script_trains_releases_and_resumes(data, tmp_path, capsys):
    photos = ['--photos', str(data / 'photos'), '--epochs', '2']
    script.main(flags(data, tmp_path / 'whole', *photos))
    parser = load_parser(tmp_path / 'whole')
    assert set(parser.config['figures']) == {'rendered', 'photos'}
    assert parser.config['command'].startswith('python train/parser.py --rendered DIR --output DIR --photos DIR')
    assert '--seed 0' in parser.config['command'] and '--bf16' not in parser.config['command']
    assert str(tmp_path) not in (tmp_path / 'whole' / 'config.json').read_text()
    assert 'epoch 2 loss' in capsys.readouterr().out

    config = script.parse_args(flags(data, tmp_path / 'halves', *photos, '--resume'))
    config.output.mkdir()
    train, _ = read_sources(config.rendered, config.photos)
    torch.manual_seed(config.seed)
    training = parser_training.Training(config, train)
    training.run_epoch(train_loader(train, config, config.photo_share))
    training.save()
    script.main(flags(data, tmp_path / 'halves', *photos, '--resume'))
    assert 'epoch 1 loss' not in capsys.readouterr().out
    whole, halves = (load_parser(tmp_path / name).net.state_dict() for name in ('whole', 'halves'))
    for name, value in whole.items():
        torch.testing.assert_close(halves[name], value, rtol=1e-2, atol=1e-3)


def test_a_release_records_its_images_and_is_whole(trained):
    record = json.loads((trained / 'config.json').read_text())
    assert record['images'] == {'rendered': {'train': 4, 'validation': 3}}
    assert allowed_table().shape[1] == len(record['labels'])
    assert not (trained / 'checkpoint.tmp').exists()
    assert 'as released' in check_release(trained)


@pytest.mark.parametrize('is_release', [True, False], ids=['a release', 'a stopped run'])
def test_script_starts_from_another_parser(is_release, data, trained, tmp_path, capsys):
    source = trained
    if not is_release:  # its checkpoint holds the averaged weights, which are the released ones
        source = tmp_path / 'stopped'
        shutil.copytree(trained / 'checkpoints', source / 'checkpoints')
    argv = flags(data, tmp_path / 'run', '--epochs', '1', '--init', str(source))
    assert script.main([*argv, '--lr', '0']) == 0
    first, second = (load_parser(folder) for folder in (trained, tmp_path / 'run'))
    assert all(torch.equal(a, b) for a, b in zip(first.net.parameters(), second.net.parameters(), strict=True))
    assert second.config['init']['command'] == first.config['command'] and second.config['init']['epochs'] == 1
    assert '--init DIR' in second.config['command']
    assert script.main([*argv, '--width', '32', '--output', str(tmp_path / 'other')]) == 2
    assert 'not a mobilenetv4_conv_small_050 parser of width 32' in capsys.readouterr().err


def test_script_adds_detail_to_a_parser_without_and_begins_where_that_was(data, tmp_path):
    argv = flags(data, tmp_path / 'plain', '--epochs', '1', '--detail', '0')
    assert script.main(argv) == 0
    argv = flags(data, tmp_path / 'finer', '--epochs', '1', '--lr', '0', '--init', str(tmp_path / 'plain'))
    assert script.main([*argv, '--detail', '8']) == 0
    plain, finer = (load_parser(tmp_path / name) for name in ('plain', 'finer'))
    assert plain.net.detail is None and plain.config['detail'] == 0 and finer.config['detail'] == 8
    stored = finer.net.state_dict()
    assert all(torch.equal(stored[name], value) for name, value in plain.net.named_parameters())
    assert not finer.net.detail.head.weight.any()
    inputs = torch.rand(1, 3, 64, 32)
    plain.net.load_state_dict({name: stored[name] for name in plain.net.state_dict()})  # with its batch statistics
    with torch.no_grad():
        torch.testing.assert_close(finer.net(inputs), plain.net(inputs))
    assert script.main([*argv, '--detail', '8', '--output', str(tmp_path / 'again'), '--init', str(tmp_path / 'finer'),
                        '--detail', '4']) == 2  # fmt: skip


@pytest.mark.parametrize('more, words', [
    (['--lr', '0.5', '--resume'], 'another run'),
    ([], 'holds a run; give --resume'),
])
def test_a_folder_with_a_run_is_not_trained_into_again(more, words, data, trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / 'run')
    before = sorted(path.name for path in (run / 'checkpoints').iterdir())
    assert script.main(flags(data, run, '--epochs', '1', *more)) == 2
    assert words in capsys.readouterr().err
    assert before and sorted(path.name for path in (run / 'checkpoints').iterdir()) == before


def test_resume_refuses_other_pictures_and_names_one(data, trained, tmp_path, capsys):
    run, other = shutil.copytree(trained, tmp_path / 'run'), shutil.copytree(data, tmp_path / 'data')
    argv = flags(other, run, '--epochs', '1', '--resume')
    assert script.main(argv) == 0
    stem = 'train/0002/0/c0_0'
    draw_person(other / 'rendered', f'{stem}.jpg', f'parsing/{stem}.png', [4], 9)
    assert script.main(argv) == 2
    error = capsys.readouterr().err
    assert f'1 image is of another size, such as rendered/{stem}.jpg; 1 image is of another label map' in error


def test_a_loss_that_is_not_finite_leaves_no_checkpoint(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(parser_training, 'learning_rate', lambda *args: float('inf'))
    assert script.main(flags(data, tmp_path, '--epochs', '2')) == DIVERGED
    assert 'error: epoch 1: the loss is nan; lower --lr' in capsys.readouterr().err
    assert not (tmp_path / 'checkpoints').exists()


def rename_a_photo(photos, run):
    (photos / 'photos' / '0002.jpg').rename(photos / 'photos' / 'odd.jpg')
    (photos / 'labels' / '0002.png').rename(photos / 'labels' / 'odd.png')


@pytest.mark.parametrize('spoil, words', [
    (lambda photos, run: (photos / 'label_names.txt').unlink(), 'label_names.txt'),
    (lambda photos, run: run.touch(), 'File exists'),
    (rename_a_photo, 'odd.jpg: expected a number as the name'),
    (lambda photos, run: shutil.rmtree(photos.parent / 'rendered'), 'rendered'),
], ids=['no label names', 'a file for a folder', 'a name that is no number', 'no pictures'])
def test_folders_that_cannot_be_used_are_refused_in_one_line(spoil, words, data, tmp_path, capsys):
    own, run = shutil.copytree(data, tmp_path / 'data'), tmp_path / 'run'
    spoil(own / 'photos', run)
    assert script.main(flags(own, run, '--photos', str(own / 'photos'))) == 2
    errors = capsys.readouterr().err
    assert errors.count('error: ') == 1 and 'Traceback' not in errors
    assert errors.splitlines()[-1].startswith('error: ') and words in errors.splitlines()[-1]


@pytest.mark.parametrize('flag', [['--size', 'big'], ['--backbone', 'resnet5000']])
def test_impossible_flags_stop_the_run_with_their_name(flag, tmp_path, capsys):
    with pytest.raises(SystemExit):
        script.main(['--rendered', str(tmp_path), '--output', str(tmp_path), *flag])
    assert flag[0] in capsys.readouterr().err
