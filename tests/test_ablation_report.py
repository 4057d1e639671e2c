"""Table, chart and record of an ablation study, and the comparison of runs with flags."""

import json
import random
import re
from xml.etree import ElementTree

import pytest

from eval.reports.summary import SummaryError, summarise
from ifd_zoo.hub.comparison import format_spread
from train.recipes import RECIPES
from train.studies.chart import draw_chart
from train.studies.records import RecordError, agrees, parse_flags
from train.studies.report import build_report, markdown_block, write_report
from train.studies.rows import STUDIES, settings


def figures(values, queries=240):
    modes = ('general', 'cc', 'sc')
    sizes = {'queries': 240, 'gallery': 720, 'valid_queries': queries}
    return [
        {'protocol': mode, 'mode': mode, **sizes, 'rank1': rank1, 'mAP': mean}
        for mode, (rank1, mean) in zip(modes, values, strict=True)
    ]


def hand_written_runs(arms, seeds):
    rng = random.Random(0)
    training = {'recipe': 'ablation', 'epochs': 20, 'stage1_epochs': 5, 'torch': '2', 'seconds': 60}
    return {
        arm: [
            {
                'name': f'{arm}-seed{seed}',
                'seed': seed,
                'figures': figures([(rng.uniform(0, 100), rng.uniform(0, 100)) for _ in range(3)]),
                'training': {**training, 'seed': seed, **settings(arm, RECIPES['ablation'])},
                'data': {'name': 'folder'},
            }
            for seed in seeds
        ]
        for arm in arms
    }


def make_report(study='components', seeds=(0, 1, 2)):
    rows = STUDIES[study]
    return build_report(study, rows, hand_written_runs(rows, seeds), 'python train/ablation.py')


def test_means_and_deviations_are_those_of_a_slow_obvious_version():
    for seeds in ((0, 1), (0, 1, 2, 3, 4)):
        for runs in hand_written_runs(STUDIES['components'], seeds).values():
            summary = summarise(runs)
            for mode in ('general', 'cc', 'sc'):
                for name in ('rank1', 'mAP'):
                    values = [row[name] for run in runs for row in run['figures'] if row['mode'] == mode]
                    mean = sum(values) / len(values)
                    std = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
                    assert summary[mode][name] == pytest.approx({'mean': mean, 'std': std})


def test_modes_without_a_valid_query_are_left_out_and_none_at_all_is_refused():
    nothing = figures([(float('nan'),) * 2] * 3, queries=0)
    run = {'name': 'ifd-seed0', 'figures': [nothing[0], figures([(1, 2)] * 3)[1], nothing[2]]}
    assert list(summarise([run])) == ['cc']
    with pytest.raises(SummaryError, match='ifd-seed0: no figures'):
        summarise([{'name': 'ifd-seed0', 'figures': nothing}])


def test_the_table_says_what_was_measured_and_keeps_the_papers_figures_apart():
    text = markdown_block(make_report())
    assert 'over 3 seeds (0, 1, 2)' in text and '240 queries and 720 images' in text and '20 epochs after 5' in text
    rows = [line for line in text.splitlines() if line.startswith('| ')]
    assert rows[0] == '| model | cc | sc | general | *paper: PRCC cc* | *paper: LTCC cc* |'
    assert [row.split(' | ')[0].removeprefix('| ') for row in rows[1:]] == list(STUDIES['components'].values())
    assert rows[-1].endswith('| *65.3 / 61.7* | *64.3 / 42.3* |')
    assert all(re.search(r'\d+\.\d ± \d+\.\d / \d+\.\d ± \d+\.\d', row) for row in rows[1:])
    assert 'not measured here' in text


@pytest.mark.parametrize('first', [True, False])
def test_a_row_that_the_paper_does_not_have_leaves_its_cells_empty(first):
    new, rows = {'ifd-pk': 'IFD, P×K'}, STUDIES['components']
    rows = new | rows if first else rows | new
    text = markdown_block(build_report('components', rows, hand_written_runs(rows, (0, 1)), 'python train/ablation.py'))
    row = next(line for line in text.splitlines() if line.startswith('| IFD, P×K |'))
    assert row.endswith('|  |  |') and row.count('|') == 7 and '| *65.3 / 61.7* | *64.3 / 42.3* |' in text


def test_rows_with_masks_and_without_stand_in_one_table():
    rows = STUDIES['components']
    runs = hand_written_runs(rows, (0, 1))
    for arm, own in runs.items():
        for run in own:
            run['data']['masks'] = None if arm == 'baseline' else {'images': 36, 'no_person': 0, 'no_clothing': 1}
    assert [row['name'] for row in build_report('components', rows, runs, '')['rows']] == [*rows]


def test_a_single_seed_has_no_spread_and_other_studies_no_paper_columns():
    text = markdown_block(make_report('sampler', seeds=(4,)))
    assert 'a single seed (4)' in text and '±' not in text and 'paper' not in text
    assert format_spread({'mean': 21.26, 'std': None}) == '21.3'
    assert format_spread({'mean': 5, 'std': 0.0}) == '5.0 ± 0.0'


@pytest.mark.parametrize('study, seeds', [('components', (0, 1, 2)), ('sampler', (0,))])
def test_the_chart_has_a_bar_for_each_figure_and_the_same_bytes_each_time(study, seeds, tmp_path):
    report = make_report(study, seeds)
    write_report(report, tmp_path)
    first = (tmp_path / f'{study}.svg').read_bytes()
    assert len(first) < 150_000 and str(tmp_path).encode() not in first
    fills = re.findall(r'fill: (#0072b2|#e69f00)', first.decode())
    bars = 2 * 2 * len(STUDIES[study]) + 2  # panels, figures, rows, and the legend
    assert len(fills) == bars and ElementTree.fromstring(first).tag.endswith('svg')
    draw_chart(report, tmp_path / 'again.svg')
    assert (tmp_path / 'again.svg').read_bytes() == first
    assert json.loads((tmp_path / f'{study}.json').read_text()) == report


@pytest.mark.parametrize(
    'recorded, flag, same',
    [
        (20, '20', True), (20, '21', False), (0.001, '1e-3', True), (20, 'many', False),
        ([64, 32], '64x32', True), ([64, 32], '64x64', False), ([0.5, 0.9], '0.5,0.90', True),
        (['upper', 'box'], 'upper, box', True), (True, True, True), (False, True, False), (True, '1', False),
        ('maps', '/data/maps', True), ('none', 'none', True), ('none', 'imagenet', False), (None, 'x', False),
    ],
)  # fmt: skip
def test_recorded_values_are_held_against_flags(recorded, flag, same):
    assert agrees(recorded, flag) is same


def test_flags_are_taken_apart():
    flags = parse_flags('--epochs 5 --size=64x32 --no-test-flip --sync-bn --lr-drops 0.5,0.9'.split())
    expected = {'epochs': '5', 'size': '64x32', 'test_flip': False, 'sync_bn': True, 'lr_drops': '0.5,0.9'}
    assert flags == expected and parse_flags([]) == {}
    with pytest.raises(RecordError, match='5'):
        parse_flags(['--no-flip', '5'])
