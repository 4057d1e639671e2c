"""Which pictures a synthetic set has, and the flags that say so."""

import shlex
from dataclasses import fields, replace

import numpy as np
import pytest

from eval.metrics import Labels, judge
from ifd_zoo.datasets import MODES
from ifd_zoo.synthetic.__main__ import main, parse_args, read_settings
from ifd_zoo.synthetic.bodies.identity import draw_shape
from ifd_zoo.synthetic.flags import command
from ifd_zoo.synthetic.metadata import JOURNAL, append_rows, as_text, read_rows, write_rows
from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.plan import CAMERAS, UNSEEN_CAMERAS, Settings, plan_set
from ifd_zoo.synthetic.streams import stream


def shots_of(plan, split):
    return [shot for shot in (*plan.shots, *(copy for _, copy in plan.copies)) if shot.split == split]


def labels_of(shots):
    return Labels(*np.array([(s.identity, s.camera, s.identity * 1000 + s.outfit) for s in shots]).T)


def test_counts_follow_from_the_settings():
    plan = plan_set(Settings(ids=5, test_ids=3, outfits=4, views=4, hard=True))
    counts = {split: len(shots_of(plan, split)) for split in ('train', 'query', 'gallery', 'hard/query')}
    assert counts == {'train': 5 * 16, 'query': 3 * 4, 'gallery': 3 * 12, 'hard/query': 3 * 4}
    assert len(shots_of(plan, 'hard/gallery')) == 3 * 12 * 2
    assert len(shots_of(plan, 'unseen_cameras/query')) == 3 * 4
    assert not shots_of(plan_set(Settings(ids=1, test_ids=1, unseen=False)), 'unseen_cameras/query')


def test_no_two_pictures_share_a_random_stream_or_a_file():
    plan = plan_set(Settings(ids=20, test_ids=10, outfits=3, views=5, hard=True))
    assert len({shot.number for shot in plan.shots}) == len(plan.shots)
    assert len({shot.key for shot in plan.shots}) == len(plan.shots)
    paths = [path for s in (*plan.shots, *(copy for _, copy in plan.copies)) for path in (s.image, s.label_map)]
    assert len(set(paths)) == len(paths)


def test_training_test_and_look_alikes_are_different_people():
    plan = plan_set(Settings(ids=30, test_ids=20, outfits=2, views=3, hard=True))
    train, test = ({shot.identity for shot in shots_of(plan, split)} for split in ('train', 'query'))
    look_alikes = {shot.identity for shot in shots_of(plan, 'hard/gallery')} - test
    assert len(train) == 30 and len(test) == 20 and len(look_alikes) == 20
    assert not train & test and not look_alikes & train
    assert {shot.identity for shot in shots_of(plan, 'unseen_cameras/gallery')} == test


@pytest.mark.parametrize('views', [3, 4, 9, 20])
@pytest.mark.parametrize('root', ['', 'unseen_cameras/', 'hard/'])
def test_every_query_has_an_answer_in_each_mode(views, root):
    plan = plan_set(Settings(ids=0, test_ids=8, outfits=2, views=views, hard=True))
    query, gallery = (labels_of(shots_of(plan, root + split)) for split in ('query', 'gallery'))
    assert all(judge(query, gallery, mode).relevant.any(1).all() for mode in MODES)


def test_look_alikes_are_of_the_sex_of_those_whose_clothes_they_wear():
    plan = plan_set(Settings(ids=0, test_ids=30, outfits=2, views=3, hard=True, seed=3))
    pairs = {(shot.identity, shot.owner) for shot in plan.shots if shot.identity != shot.owner}
    male = [[draw_shape(stream(3, 'identity', number))['male'] > 0.5 for number in pair] for pair in pairs]
    assert len(male) == 30 and all(first == second for first, second in male)


def test_unseen_cameras_are_in_no_training_picture():
    plan = plan_set(Settings(ids=20, test_ids=20))
    assert {shot.camera for shot in shots_of(plan, 'train')} == set(CAMERAS)
    assert {shot.camera for shot in shots_of(plan, 'unseen_cameras/gallery')} == set(UNSEEN_CAMERAS)


def test_the_planned_camera_is_the_first_draw_of_the_pictures_own_stream():
    for shot in plan_set(Settings(ids=3, test_ids=3, seed=5)).shots:
        cameras = UNSEEN_CAMERAS if shot.split.startswith('unseen') else CAMERAS
        assert shot.camera == cameras[int(stream(5, 'view', shot.number).integers(len(cameras)))]


def test_cameras_are_equally_likely_and_know_nothing_of_the_person():
    """The cameras of a person's first outfits do not foretell those of the others."""
    shots = plan_set(Settings(ids=400, test_ids=0)).shots
    counts = np.zeros((400, 2, len(CAMERAS)))
    for shot in shots:
        counts[shot.identity, shot.outfit // 2, shot.camera] += 1
    expected = len(shots) / len(CAMERAS)
    assert np.abs(counts.sum((0, 1)) - expected).max() < 4 * np.sqrt(expected)
    first, second = (counts[:, half].ravel() - counts[:, half].mean() for half in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(first))
    by_person = counts.sum(1)
    mean = by_person.mean()
    degrees = (len(by_person) - 1) * (len(CAMERAS) - 1)
    assert ((by_person - mean) ** 2 / mean).sum() < degrees + 4 * np.sqrt(2 * degrees)


def test_a_smaller_set_is_part_of_a_larger_one():
    small, large = (set(plan_set(Settings(ids=n, test_ids=n, hard=True)).shots) for n in (3, 6))
    assert small < large


def test_another_seed_gives_other_cameras():
    first, second = ([shot.camera for shot in plan_set(Settings(ids=9, test_ids=0, seed=s)).shots] for s in (0, 1))
    assert first != second


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        ('--ids -1', '--ids must be from 0 to 100000, not -1'),
        ('--ids 0 --test-ids 0', '--ids and --test-ids are both 0'),
        ('--outfits 1', '--outfits must be from 2 to 1000 when there are test people (--test-ids 200), not 1'),
        ('--views 2', '--views must be from 3 to 500 when there are test people'),
        ('--outfits 0 --test-ids 0', '--outfits must be from 1 to 1000, not 0'),
        ('--seed -1', '--seed must be at least 0, not -1'),
        ('--fabrics -1', '--fabrics must be at least 0'),
        ('--quality 101', '--quality must be from 1 to 100'),
        ('--supersampling 0', '--supersampling must be from 1 to 8'),
        ('--noise 2', '--noise 2.0: '),
        ('--size 8x8', '--size must be between 16x16 and 2048x2048, not 8x8'),
    ],
)
def test_settings_that_cannot_be_are_refused_by_the_name_of_the_flag(flags, message, tmp_path, capsys):
    assert main([*flags.split(), '--output', str(tmp_path / 'out')]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('flags', ['--size 256', '--workers 0'])
def test_flags_that_cannot_be_read_are_refused(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        parse_args([*flags.split(), '--output', 'out'])
    assert stop.value.code == 2 and f'argument {flags.split()[0]}' in capsys.readouterr().err


def settings_of(*flags):
    return read_settings(parse_args([*flags, '--output', 'out']))


def test_every_realism_option_can_be_switched_off_alone_or_with_all_others():
    plain = Options.plain()
    assert settings_of().options == Options()
    assert settings_of('--plain').options == plain
    for field in fields(Options):
        alone = replace(Options(), **{field.name: getattr(plain, field.name)})
        assert settings_of(f'--{field.name.replace("_", "-")}', '0').options == alone


def test_an_option_is_set_by_its_value_also_among_those_that_are_off():
    number = next(field.name for field in fields(Options) if isinstance(field.default, float))
    flag = f'--{number.replace("_", "-")}'
    assert settings_of(flag, '0.125').options == replace(Options(), **{number: 0.125})
    assert settings_of('--plain', flag, '0.125').options == replace(Options.plain(), **{number: 0.125})


def test_the_command_of_the_card_gives_the_settings():
    for settings in (Settings(), Settings(ids=7, size=(64, 32), hard=True, unseen=False, options=Options.plain())):
        assert read_settings(parse_args(shlex.split(command(settings))[3:])) == settings


def test_rows_come_back_as_they_were_written_and_a_torn_journal_costs_only_its_own_line(tmp_path):
    heights = {'a': 1 / 3, 'b': -1 / 3, 'c': 0.0}
    rows = {
        name: {'file': name, 'split': 'train', 'height': as_text(height), 'hat': as_text('')}
        for name, height in heights.items()
    }
    write_rows(tmp_path, {'a': rows['a']})
    append_rows(tmp_path, [rows['b']])
    with open(tmp_path / JOURNAL, 'a') as file:
        file.write('\n[{"file": "torn", "spl')
    append_rows(tmp_path, [rows['c']])
    assert read_rows(tmp_path) == rows
    write_rows(tmp_path, read_rows(tmp_path))
    assert read_rows(tmp_path) == rows and not (tmp_path / JOURNAL).exists()
