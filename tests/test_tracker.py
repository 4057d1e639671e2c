"""What a run records: lines, figures, TensorBoard and attention pictures."""

import io
import json
import sys

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tqdm import tqdm

from ifd_zoo.datasets import DatasetError, load_dataset
from ifd_zoo.models.inference import pick_device
from ifd_zoo.transforms import EvalTransform
from tests.trees import write_folder_tree
from train.attention_pictures import GAP, TILE_HEIGHT, AttentionPictures, pick_records
from train.tracker import EpochReport, Tracker, peak_memory_mb

LOSSES = {'id_main': 4.12341, 'id_attention': 3.98762, 'clothing': 1.23454}


def report(epoch, stage=2, **changes):
    values = {'epochs': 45, 'losses': LOSSES, 'learning_rate': 1e-3, 'images': 810, 'seconds': 10.0, **changes}
    return EpochReport(stage=stage, epoch=epoch, **values)


def metrics(folder):
    return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def events(folder, stage):
    return EventAccumulator(str(folder / 'tensorboard' / f'stage{stage}'), size_guidance={'images': 0}).Reload()


@pytest.fixture
def tracker(tmp_path):
    tracker = Tracker(tmp_path / 'run')
    yield tracker
    tracker.close()


def test_an_epoch_is_one_readable_line_on_screen_and_in_the_log(tracker, capsys):
    tracker.epoch(report(12))
    line = (tracker.folder / 'log.txt').read_text().splitlines()[-1]
    head, peak = line.split('  peak ')
    assert head == 'stage 2 epoch 12/45  id_main 4.1234  id_attention 3.9876  clothing 1.2345  lr 1.00e-03  81 images/s'
    assert 0.1 < float(peak.split(' GB')[0]) < 1000
    assert capsys.readouterr().out == line + '\n'


def test_each_epoch_is_one_json_object_of_figures(tracker):
    tracker.epoch(report(1, stage=1, losses={'id_attention': 5.0}, learning_rate=3.5e-4, waited=0.5))
    tracker.epoch(report(1))
    first, second = metrics(tracker.folder)
    assert first.pop('peak_memory_mb') == pytest.approx(peak_memory_mb(), rel=0.1)
    first.pop('peak_gpu_memory_mb', None)
    rates = {'learning_rate': 3.5e-4, 'images_per_second': 81.0, 'seconds': 10.0, 'waited_seconds': 0.5}
    assert first == {'stage': 1, 'epoch': 1, 'losses': {'id_attention': 5.0}, **rates}
    assert second['stage'] == 2 and second['losses'] == LOSSES


def test_peak_memory_is_in_megabytes_and_that_of_a_gpu_is_recorded_exactly_when_one_is_in_use(tracker):
    block = np.ones(100_000_000, np.uint8)
    assert block.nbytes / 1e6 <= peak_memory_mb() < 200_000
    device = pick_device()
    block = torch.zeros(2_000_000, device=device)  # 8 MB
    tracker.epoch(report(1))
    used = metrics(tracker.folder)[0].get('peak_gpu_memory_mb', 0)
    assert used >= block.nbytes / 1e6 if device.type == 'cuda' else used == 0


def test_a_line_does_not_tear_the_progress_bar(tracker, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(sys, 'stdout', terminal)
    monkeypatch.setattr(sys, 'stderr', terminal)
    with tqdm(total=3, desc='stage 1', leave=False, file=sys.stderr) as bar:
        bar.update()
        tracker.log('a line')
        bar.refresh()
    rows = [row.split('\r')[-1] for row in terminal.getvalue().split('\n')]
    assert rows[0] == 'a line' and 'stage 1' in terminal.getvalue().split('a line\n')[1]


def test_tensorboard_gets_every_figure_under_the_epoch_of_its_stage(tracker):
    tracker.epoch(report(1, stage=1, losses={'id_attention': 5.0}))
    for epoch in (1, 2):
        tracker.epoch(report(epoch, losses={**LOSSES, 'id_main': 4.0 - epoch}))
    # Read while the run still has its files open: every epoch is flushed.
    first, second = events(tracker.folder, 1), events(tracker.folder, 2)
    common = {'learning_rate', 'images_per_second', 'seconds', 'waited_seconds', 'peak_memory_mb'}
    for run, losses in ((first, ['id_attention']), (second, LOSSES)):
        assert set(run.Tags()['scalars']) - {'peak_gpu_memory_mb'} == common | {f'loss/{name}' for name in losses}
    assert [(event.step, event.value) for event in second.Scalars('loss/id_main')] == [(1, 3.0), (2, 2.0)]
    (line,) = [line for line in (tracker.folder / 'log.txt').read_text().splitlines() if 'TensorBoard' in line]
    assert f'--logdir {tracker.folder / "tensorboard"}' in line


def test_a_resumed_run_replaces_its_later_epochs_in_tensorboard(tracker):
    tracker.rewind(0, 0)
    tracker.epoch(report(1, stage=1))
    for epoch in (1, 2, 3):
        tracker.epoch(report(epoch, learning_rate=0.5))
    tracker.close()
    resumed = Tracker(tracker.folder)
    resumed.rewind(2, 1)
    resumed.epoch(report(2, learning_rate=0.25))
    resumed.close()
    rates = events(tracker.folder, 2).Scalars('learning_rate')
    assert [(event.step, event.value) for event in rates] == [(1, 0.5), (2, 0.25)]
    assert [event.step for event in events(tracker.folder, 1).Scalars('learning_rate')] == [1]


def test_without_tensorboard_the_rest_is_written_and_the_log_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, 'torch.utils.tensorboard', raising=False)
    monkeypatch.setitem(sys.modules, 'tensorboard', None)
    tracker = Tracker(tmp_path)
    tracker.epoch(report(1))
    tracker.picture('attention', 2, 1, Image.new('RGB', (4, 4)))
    assert len(metrics(tmp_path)) == 1 and (tmp_path / 'attention' / 'stage2-epoch001.png').exists()
    assert (tmp_path / 'log.txt').read_text().count('pip install tensorboard') == 1
    assert not (tmp_path / 'tensorboard').exists()


def test_pictures_are_saved_by_stage_and_epoch_and_sent_to_tensorboard(tracker):
    picture = Image.new('RGB', (30, 20), (200, 10, 50))
    tracker.picture('attention', 2, 12, picture)
    with Image.open(tracker.folder / 'attention' / 'stage2-epoch012.png') as saved:
        assert saved.convert('RGB').tobytes() == picture.tobytes()
    (event,) = events(tracker.folder, 2).Images('attention')
    assert (event.step, event.width, event.height) == (12, 30, 20)


@pytest.mark.parametrize('point, kept', [((0, 0), 0), ((1, 1), 1), ((2, 0), 2), ((2, 9), 4)])
def test_rewinding_keeps_the_epochs_up_to_the_point_and_the_whole_log(point, kept, tracker):
    epochs = [(1, 1), (1, 2), (2, 1), (2, 2)]
    for stage, epoch in epochs:
        tracker.epoch(report(epoch, stage))
    before = (tracker.folder / 'log.txt').read_text()
    tracker.rewind(*point)
    assert [(line['stage'], line['epoch']) for line in metrics(tracker.folder)] == epochs[:kept]
    assert (tracker.folder / 'log.txt').read_text().startswith(before)
    assert not list(tracker.folder.glob('*.tmp'))


@pytest.mark.parametrize('torn', ['{"stage": 2, "epoch": 1', '\0\0\0', '2', '{"stage": 2}', '\udc80'])
def test_rewinding_drops_a_torn_line_and_the_next_epoch_has_a_line_of_its_own(torn, tracker):
    tracker.epoch(report(1))
    with open(tracker.folder / 'metrics.jsonl', 'a', errors='surrogateescape') as file:
        file.write(torn)
    tracker.rewind(2, 1)
    tracker.epoch(report(2))
    assert [line['epoch'] for line in metrics(tracker.folder)] == [1, 2]
    assert 'removed 1 line(s)' in (tracker.folder / 'log.txt').read_text()


@pytest.mark.parametrize('name', ['log.txt', 'metrics.jsonl'])
def test_a_full_disk_is_not_hidden(name, tracker):
    (tracker.folder / name).unlink(missing_ok=True)
    (tracker.folder / name).symlink_to('/dev/full')
    with pytest.raises(OSError):
        tracker.epoch(report(1))


@pytest.fixture(scope='module')
def records(tmp_path_factory):
    return load_dataset('folder', write_folder_tree(tmp_path_factory.mktemp('data'))).train


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return timm.create_model('ifd_resnet10t', num_classes=6)


TRANSFORM, CPU = EvalTransform((64, 32)), torch.device('cpu')


def test_the_sheet_has_a_column_per_photo_and_three_readable_rows(records, model):
    sheet = AttentionPictures(records, TRANSFORM, count=4)(model, CPU)
    width, height, line = TILE_HEIGHT // 2, TILE_HEIGHT, 16
    assert sheet.height == 2 * line + 3 * height + 6 * GAP
    left = sheet.width - 4 * (width + GAP)
    assert 40 < left < 80  # room for the names

    def middle(row):  # of the first photo, where the upper clothing is
        return sheet.getpixel((left + width // 2, line + 2 * GAP + row * (height + GAP) + height // 3))

    with Image.open(pick_records(records, 4)[0].path) as photo:
        expected = photo.getpixel((16, 21))
    assert np.abs(np.subtract(middle(0), expected)).max() < 12
    assert max(middle(1)) < 5
    columns = np.asarray(sheet.crop((left, sheet.height - line - 2 * GAP - height, sheet.width, sheet.height)))
    assert len(np.unique(columns.reshape(-1, 3), axis=0)) > 500  # the attention is stretched to the whole colour map
    large = AttentionPictures(records, EvalTransform((256, 64)), count=1)(model, CPU)
    assert large.height == 2 * line + 3 * 256 + 6 * GAP and 64 <= large.width - left < 100


def test_the_choice_is_spread_over_people_and_independent_of_the_order(records):
    assert [record.pid for record in pick_records(records, 3)] == [0, 2, 5]
    assert pick_records(records[::-1], 3) == pick_records(records, 3)
    assert [record.pid for record in pick_records(records, 8)] == [0, 0, 1, 1, 2, 3, 4, 5]
    assert len(set(pick_records(records, 8))) == 8
    assert len({record.clothes_id for record in pick_records(records, 12)}) == 12
    assert set(pick_records(records, 1000)) == set(records)


def test_a_model_gives_the_same_picture_in_any_mode_and_photos_are_read_once(tmp_path, model):
    records = load_dataset('folder', write_folder_tree(tmp_path, train=3, test=1)).train
    pictures = AttentionPictures(records, TRANSFORM, count=2)
    before = pictures(model.eval(), CPU)
    for record in records:
        record.path.unlink()
    assert pictures(model.train(), CPU).tobytes() == before.tobytes()
    with pytest.raises(DatasetError, match='cannot be read'):
        AttentionPictures(records, TRANSFORM, count=2)(model, CPU)


def test_drawing_leaves_modes_statistics_and_random_numbers_alone(records, model):
    model.train()
    model.attention_stream.eval()  # partly frozen: model.train() alone would not restore this
    modes = [module.training for module in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    generators = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  (the global one is meant)
    AttentionPictures(records, TRANSFORM, count=2)(model, CPU)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert (np.random.get_state()[1] == generators[1]).all()  # noqa: NPY002  (as above)


def test_modes_are_restored_when_the_model_fails(records, model):
    model.train()
    with pytest.raises(RuntimeError):
        AttentionPictures(records, TRANSFORM, count=1)(model, torch.device('meta'))
    assert all(module.training for module in model.modules())


def test_a_model_without_attention_stream_has_no_picture(records):
    baseline = timm.create_model('ifd_baseline_resnet10t', num_classes=6)
    assert AttentionPictures(records, TRANSFORM, count=1)(baseline, CPU) is None


@pytest.mark.parametrize('count', [0, 1])
def test_nothing_to_draw_is_refused(count, records):
    with pytest.raises(ValueError, match='at least one'):
        AttentionPictures(() if count else records, TRANSFORM, count)
