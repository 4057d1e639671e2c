"""`train/run.py` and `eval/run.py` as a user runs them, on a tiny tree."""

import json
import shutil
from itertools import product

import pytest
import timm
import torch
from safetensors.torch import save_file

from eval import run as eval_run
from ifd_zoo.common.errors import DIVERGED, REFUSED
from ifd_zoo.datasets.base import read_image, read_label_map
from ifd_zoo.hub import load_model
from ifd_zoo.parsing import load_parser
from ifd_zoo.transforms import EvalTransform, Masking
from tests.training import arguments, metrics
from tests.trees import write_folder_tree, write_ltcc_tree, write_prcc_tree
from train import run as train_run
from train import training
from train.augmentation.geometry_and_colour import Augmentation, TrainTransform
from train.build import build_data, build_model, build_stages
from train.checkpoint import Checkpoints
from train.config import Config
from train.engine import make_accelerator
from train.flags import parse_args, to_flags
from train.recipes import RECIPES, VARIANTS
from train.sampler import SAMPLERS, equal_shares
from train.schedule import learning_rate_factor
from train.start import load_backbone_weights


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


# Those of other papers are trained in test_methods.py.
@pytest.mark.parametrize('variant', [name for name, kind in VARIANTS.items() if not kind.reference])
def test_each_variant_trains_and_leaves_a_release_that_evaluates(variant, root, tmp_path, capsys):
    teacher = ['--teacher', 'ifd_resnet10t.synthetic'] if variant == 'student' else []
    assert train_run.main(arguments(root, tmp_path / 'run', '--variant', variant, '--epochs', '1', *teacher)) == 0
    release = tmp_path / 'run' / 'release'
    info = json.loads((release / 'config.json').read_text())['ifd']
    assert [row['mode'] for row in info['figures']] == ['general', 'cc', 'sc']
    assert info['data']['train_pids'] == 6 and info['training']['seed'] == 0
    assert str(root) not in (release / 'config.json').read_text()
    whole = {'no_person': 0, 'no_clothing': 0}
    kind = VARIANTS[variant]
    in_training = kind.sees_masks or kind.contrastive != 'none'
    assert info['data']['masks'] == ({'images': 36, **whole} if in_training else None)

    options = ['--root', str(root), '--output', str(tmp_path), '--workers', '0']
    assert eval_run.main(['--model', str(release), *options]) == 0
    report = json.loads((tmp_path / 'figures.json').read_text())
    assert report['coverage'] == ({'images': 18, **whole} if kind.sees_masks else None)
    figures = report['protocols']
    for now, then in zip(figures, info['figures'], strict=True):
        assert now == pytest.approx(then)
    assert '| cc |' in capsys.readouterr().out


def test_weights_that_a_release_cannot_hold_are_one_line(root, tmp_path, capsys, monkeypatch):
    def train(run):
        torch.nn.init.constant_(run.model.main_stream.head.neck.bias, 1e6)  # beyond float16

    monkeypatch.setattr(training.Run, 'train', train)
    assert train_run.main(arguments(root, tmp_path, '--variant', 'baseline')) == 2
    assert 'error: too large for float16: main_stream.head.neck.bias' in capsys.readouterr().err


def test_training_lowers_the_loss(root, tmp_path):
    fast = '--backbone resnet10t --epochs 10 --lr 2e-3 --schedule cosine --erasing 0'.split()
    train_run.main(arguments(root, tmp_path, *fast))
    losses = [float(line.split('id_main ')[1].split()[0]) for line in _log(tmp_path) if 'id_main' in line]
    assert losses[-1] < 0.7 * losses[0]


def _log(folder):
    return (folder / 'log.txt').read_text().splitlines()


# bf16 on the smallest images, as most processors emulate it.
OPTIONS = {
    '--precision bf16 --size 32x32 --stage1-epochs 0': {'precision': 'bf16'},
    '--optimizer sgd --accumulate 2 --sampler fixed_ras --epochs 2 --T 1 --T-end 0.25': {
        'optimizer': torch.optim.SGD, 'accumulate': 2, 'share': equal_shares, 'T': 1, 'T_end': 0.25,
    },
    '--sampler pk --max-appearances 2': {'share': None, 'max_appearances': 2},
}  # fmt: skip


def _settings(run):
    accelerator, sampler, stage = run.accelerator, run.engine.sampler, run.stages[-1]
    return {
        'precision': accelerator.mixed_precision,
        'accumulate': accelerator.gradient_accumulation_steps,
        'share': sampler.share,
        'max_appearances': sampler.max_appearances,
        'optimizer': type(stage.optimizer),
        'T': stage.task.T,
        'T_end': stage.task.T_end,
    }


def _start(root, output, *flags):
    run = training.Run(*parse_args(arguments(root, output, *flags)))
    run.tracker.close()
    return run


def _train(root, output, flags):
    """Config of the release of one epoch with these flags, which must be recorded in it."""
    given = arguments(root, output, '--epochs', '1', *flags.split())
    assert train_run.main(given) == 0
    record = parse_args(given)[0].to_record()
    assert json.loads((output / 'config.json').read_text()) == json.loads(json.dumps(record))
    release = json.loads((output / 'release' / 'config.json').read_text())
    assert json.loads(json.dumps(record)).items() <= release['ifd']['training'].items()
    assert parse_args(release['ifd']['command'].split()[2:])[0].to_record() == record
    return release


@pytest.mark.parametrize('flags', OPTIONS)
def test_options_change_only_what_they_name_and_are_recorded(flags, root, tmp_path):
    default = _settings(_start(root, tmp_path / 'default'))
    assert all(default[name] != value for name, value in OPTIONS[flags].items())
    assert _settings(_start(root, tmp_path / 'started', *flags.split())) == default | OPTIONS[flags]
    _train(root, tmp_path / 'trained', flags)


def test_the_release_is_the_model_that_the_flags_describe(root, tmp_path):
    sizes = '--last-stride 2 --ikt-kernel 3 --pool max_avg --detach-attention --no-neck-affine'
    release = _train(root, tmp_path, f'{sizes} --clothing-resize nearest --no-clothing-normalize')
    options = {'last_stride': 2, 'ikt_kernel': 3, 'pool': 'max_avg', 'detach_attention': True, 'neck_affine': False}
    options |= {'clothing_resize': 'nearest', 'clothing_normalize': False}
    assert options.items() <= release['model_args'].items()
    assert all(stream.head.neck.weight is None for stream in load_model(tmp_path / 'release').streams())


def test_added_losses_warm_ups_and_schedule_are_those_of_the_flags(root, tmp_path):
    losses = '--triplet-weight 0.5 --off-person-weight 1 --ccl-warmup 1 --epochs 2 --pid-draw proportional'
    images = '--fill noise --jitter 0.2 --crop 0.5'
    _train(root, tmp_path, f'{losses} {images} --schedule cosine --warmup-epochs 1')
    factors = [row['learning_rate'] / 3.5e-4 for row in metrics(tmp_path)]
    assert factors == pytest.approx([0.7, 0.7, 0.25])  # each is that of the last of three batches
    _, first, last = (row['losses'] for row in metrics(tmp_path))
    assert first['triplet'] > 0 and 0 < first['off_person'] < 1
    # A sixth and two thirds of the weight, on average.
    assert first['clothing'] < 0.7 * last['clothing']


def test_augmentation_and_masking_are_those_of_the_flags(root, tmp_path):
    flags = '--crop-scale 1.25 --flip 0.9 --erasing 0.2 --jitter 0.1 --fill noise'
    classes = ['--mask-classes', 'upper', '--clothing-classes', 'lower']
    run = _start(root, tmp_path, *flags.split(), *classes)
    masking = Masking(('upper',), ('lower',), 'noise')
    expected = TrainTransform((64, 32), Augmentation(1.25, 0.9, 0.2, 0.1), masking=masking)
    whole = EvalTransform((64, 32), masking=masking)
    for index, record in enumerate(run.dataset.train):
        image, label_map = read_image(record.path), read_label_map(record.label_map)
        torch.manual_seed(index)
        item = run.engine.loader.dataset.dataset[index]
        torch.manual_seed(index)
        for name, value in expected(image, label_map)._asdict().items():
            assert torch.equal(item[name], value), name
        assert all(map(torch.equal, run.transform(image, label_map), whole(image, label_map)))


def test_people_held_out_take_the_place_of_the_test_split(root, tmp_path):
    info = _train(root, tmp_path, '--masks bundled --val-pids 2')['ifd']
    assert info['data']['train_pids'] == 4 and info['data']['split'] == 'validation: 2 training people'
    assert info['figures'][0]['gallery'] == 8
    assert len(list((tmp_path / 'maps' / 'train').rglob('*.png'))) == 36


def test_a_compiled_backbone_has_the_losses_of_a_plain_one(root, tmp_path):
    for name, flags in (('plain', []), ('compiled', ['--compile'])):
        more = ['--variant', 'baseline', '--epochs', '1', *flags]
        assert train_run.main(arguments(root, tmp_path / name, *more)) == 0
    plain, compiled = (metrics(tmp_path / name)[-1]['losses'] for name in ('plain', 'compiled'))
    assert compiled == pytest.approx(plain, rel=1e-3)


def test_training_images_alone_are_enough_and_leave_a_release_without_figures(root, tmp_path):
    alone = shutil.copytree(root, tmp_path / 'alone', ignore=shutil.ignore_patterns('query', 'gallery'))
    assert train_run.main(arguments(alone, tmp_path / 'run', '--epochs', '1')) == 0
    assert json.loads((tmp_path / 'run' / 'release' / 'config.json').read_text())['ifd']['figures'] == []
    assert 'nothing measured' in _log(tmp_path / 'run')[-2]


def test_losses_of_each_stage_are_logged_and_attention_pictures_are_drawn_at_intervals(root, tmp_path):
    train_run.main(arguments(root, tmp_path, '--epochs', '3', '--picture-epochs', '2'))
    first, second, *_ = [line for line in _log(tmp_path) if line.startswith('stage')]
    assert first.startswith('stage 1 epoch 1/1  id_attention') and 'lr 3.50e-04' in first
    assert all(name in second for name in ('stage 2 epoch 1/3', 'id_main', 'id_attention', 'clothing'))
    names = sorted(path.name for path in (tmp_path / 'attention').iterdir())
    assert names == ['stage2-epoch002.png', 'stage2-epoch003.png']


@pytest.mark.parametrize('source', ['weights.safetensors', 'weights.pth', 'parser', 'ifd_baseline_resnet10t.synthetic'])
def test_every_stream_starts_from_the_weights_of_a_file_the_bundled_parser_or_a_trained_model(source, root, tmp_path):
    if source == 'parser':
        weights = load_parser('bundled_resnet10t').net.encoder.state_dict()
    elif source.startswith('weights'):
        weights = timm.create_model('resnet10t', num_classes=10).state_dict()
        save_file(weights, tmp_path / 'weights.safetensors')
        torch.save(weights, tmp_path / 'weights.pth')
    else:
        weights = load_model(source).main_stream.backbone.net.state_dict()
    given = str(tmp_path / source) if source.startswith('weights') else source
    config, _ = parse_args(arguments(root, tmp_path, '--backbone', 'resnet10t', '--backbone-weights', given))
    model = build_model(config, 3)
    assert source in load_backbone_weights(model, config)
    assert len(model.streams()) == 2
    for stream in model.streams():
        assert all(torch.equal(value, weights[key]) for key, value in stream.backbone.net.state_dict().items())


@pytest.mark.parametrize(
    'more, word',
    [
        (['--epochs', '0'], 'epochs'),
        (['--size', 'big'], '--size: HEIGHTxWIDTH'),
        (['--mask-classes', 'trousers'], 'mask_classes'),
        (['--ikt-kernel', '4'], 'ikt_kernel'),
        (['--size', '8x8'], 'size'),
        (['--lr', 'nan'], 'lr: must be finite'),
        (['--lr', '-0.1'], 'lr: must be positive'),
        (['--lr-drops', '0.5,nan'], 'lr_drops: must be finite'),
        (['--flip', '1.5'], 'flip: must be in [0, 1]'),
        (['--erasing', '-0.1'], 'erasing: must be in [0, 1]'),
        (['--crop-scale', '0.9'], 'crop_scale: must be at least 1'),
        (['--crop-scale', 'inf'], 'crop_scale: must be finite'),
        (['--T-end', '-1'], 'T_end'),
        (['--ema-decay', '1'], 'ema_decay'),
        (['--learning-rate', '1'], '--learning-rate'),
        (['--variant', 'idf'], '--variant'),
    ],
)
def test_impossible_flags_stop_the_run_with_the_name_of_the_field(more, word, root, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        train_run.main(arguments(root, tmp_path, *more))
    assert stop.value.code == 2 and word in capsys.readouterr().err


def test_a_training_that_diverges_says_so_and_has_an_exit_code_of_its_own(root, tmp_path, capsys):
    assert train_run.main(arguments(root, tmp_path, '--lr', '1e30', '--schedule', 'cosine')) == DIVERGED
    error = capsys.readouterr().err
    assert 'error: ' in error and 'lower --lr' in error and 'Traceback' not in error
    assert DIVERGED not in (0, REFUSED)


def test_the_recorded_command_of_any_recipe_and_variant_gives_the_same_config_again():
    changes = '--lr 0.002 --fill mean --lr-drops 0.5,0.9 --seed 3 --no-test-flip --root DIR --output DIR'.split()
    for recipe, variant in product(RECIPES, VARIANTS):
        config, _ = parse_args(['--recipe', recipe, '--variant', variant, *changes])
        assert parse_args(to_flags(config))[0] == config, (recipe, variant)


@pytest.mark.parametrize('native, precision', [(True, 'bf16'), (False, 'fp32')])
def test_auto_is_what_the_processor_is_fastest_in_and_what_is_recorded(native, precision, monkeypatch):
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: native)
    config, _ = parse_args('--recipe synthetic --device cpu --root DIR --output DIR'.split())
    assert config.precision == config.to_record()['precision'] == precision
    assert f'--precision {precision}' in ' '.join(to_flags(config))


def test_bf16_that_is_only_emulated_is_warned_of(root, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: False)
    config, _ = parse_args([*arguments(root, tmp_path), '--precision', 'bf16', '--device', 'cpu'])
    with pytest.warns(UserWarning, match='only emulates bf16'):
        make_accelerator(config)


@pytest.mark.parametrize('recipe', ['paper', 'prcc', 'ltcc'])
def test_the_papers_recipes_are_its_setting(recipe):
    config, _ = parse_args(['--recipe', recipe, '--root', 'DIR', '--output', 'DIR'])
    assert config.model == 'ifd_resnet50' and config.backbone_weights == 'imagenet'
    with torch.device('meta'):  # the weights do not matter here, and take a second to initialise
        model = build_model(config, 2)
    assert model.pretrained_cfg['input_size'] == (3, 384, 192) and config.size == (0, 0)
    assert config.num_pids * config.num_images == 64 and config.sampler == 'proportional_ras' in SAMPLERS


@pytest.mark.parametrize('recipe, write', [('prcc', write_prcc_tree), ('ltcc', write_ltcc_tree)])
@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')
def test_the_papers_recipes_train_on_the_exact_layouts(recipe, write, tmp_path):
    root = write(tmp_path / 'data')
    flags = ['--recipe', recipe, '--maps', str(tmp_path / 'maps'), '--num-pids', '2', '--epochs', '1']
    assert train_run.main(arguments(root, tmp_path / 'run', *flags)) == 0
    figures = json.loads((tmp_path / 'run' / 'release' / 'config.json').read_text())['ifd']['figures']
    assert {row['mode'] for row in figures} >= {'cc'} and list((tmp_path / 'maps').rglob('*.png'))


def _factors(*epochs, **options):
    config = Config(root='x', output='x', **options)
    return [learning_rate_factor(epoch, 60, config, config.lr_drops) for epoch in epochs]


def test_the_step_schedule_divides_by_ten_at_each_drop():
    assert _factors(0, 19, 20, 40, 59) == pytest.approx([1, 1, 0.1, 0.01, 0.01])


def test_warm_up_is_a_line_and_the_cosine_falls_to_a_hundredth():
    factors = _factors(0, 5, 10, 22.5, 35, 47.5, 59.9, schedule='cosine', warmup_epochs=10)
    assert factors == pytest.approx([0.1, 0.55, 1, 0.8536, 0.5, 0.1464, 0.01], abs=1e-4)


def test_evaluation_names_what_is_wrong(root, tmp_path, capsys):
    assert eval_run.main(['--model', 'nothing', '--root', str(root)]) == 2
    assert 'nothing' in capsys.readouterr().err


def _groups(root, output, *more):
    config, _ = parse_args(arguments(root, output, *more))
    model = build_model(config, 6)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = build_stages(model, config, build_data(config))[-1].optimizer.param_groups
    return {names[id(parameter)]: group['share'] for group in groups for parameter in group['params']}


def test_backbones_and_attention_stream_get_their_share_of_the_rate(root, tmp_path):
    shares = _groups(root, tmp_path, '--backbone-rate', '0.25', '--attention-rate', '0.1')
    assert shares['main_stream.head.classifier.weight'] == 1 and shares['ikt.conv.weight'] == 1
    assert shares['main_stream.backbone.net.conv1.0.weight'] == 0.25
    assert shares['attention_stream.head.classifier.weight'] == 0.1
    assert shares['attention_stream.backbone.net.conv1.0.weight'] == pytest.approx(0.025)
    assert set(_groups(root, tmp_path).values()) == {1.0}


def test_a_step_of_sgd_has_momentum_decay_and_the_shares_of_the_rate(root, tmp_path):
    config, _ = parse_args(arguments(root, tmp_path, *'--optimizer sgd --lr 0.1 --backbone-rate 0.1'.split()))
    model = build_model(config, 6)
    optimizer = build_stages(model, config, build_data(config))[-1].optimizer
    for group in optimizer.param_groups:
        group['lr'] = config.lr * group['share']  # as the engine does before each step
    weights = model.main_stream.backbone.net.conv1[0].weight, model.main_stream.head.neck.weight
    expected = [weight.detach().clone() for weight in weights]
    velocity = [torch.zeros_like(weight) for weight in weights]
    for _ in range(2):
        for i, (weight, rate) in enumerate(zip(weights, (0.01, 0.1), strict=True)):
            weight.grad = torch.ones_like(weight)
            velocity[i] = 0.9 * velocity[i] + 1 + 5e-4 * expected[i]
            expected[i] = expected[i] - rate * velocity[i]
        optimizer.step()
    assert all(map(torch.allclose, weights, expected))


@pytest.mark.parametrize('rate', ['0', '1'])
def test_an_attention_stream_without_rate_stays_as_stage_1_left_it(rate, root, tmp_path):
    flags = ['--attention-rate', rate, '--weight-decay', '0', '--epochs', '1']
    assert train_run.main(arguments(root, tmp_path, *flags)) == 0
    name = 'attention_stream.backbone.net.conv1.0.weight'
    after, before = (torch.load(path, weights_only=True) for path in Checkpoints(tmp_path / 'checkpoints').paths())
    assert (before['stage'], after['stage']) == (1, 2)
    assert torch.equal(before['model'][name], after['model'][name]) is (rate == '0')


def test_photos_train_beside_persons_and_no_classifier_counts_them(root, tmp_path):
    photos = tmp_path / 'photos'
    photos.mkdir()
    for number, path in enumerate(sorted(root.glob('train/*/*/*.jpg'))[::9]):
        shutil.copy(path, photos / f'{number}.jpg')
    options = f'--photos {photos} --num-photos 2 --person-weight 1 --epochs 1'.split()
    changes = '--camera 0.5 --recolour 0.5 --background 0.5'.split()
    assert train_run.main(arguments(root, tmp_path / 'run', *options, *changes)) == 0
    first, second = metrics(tmp_path / 'run')
    assert first['losses']['photos_attention'] > 0 and second['losses']['photos_main'] > 0
    assert first['losses']['persons_attention'] > 0 and second['losses']['persons_main'] > 0
    info = json.loads((tmp_path / 'run' / 'release' / 'config.json').read_text())['ifd']
    assert info['data']['train_pids'] == 6 and info['training']['photos'] == 'photos'
