"""The table of all methods by one command: the search for rates on people kept out, and PRCC and LTCC as they come."""

import json

import pytest

from ifd_zoo.common.errors import DIVERGED
from ifd_zoo.common.variants import VARIANTS
from tests.test_ablation import SMALL, arguments
from tests.test_ablation_report import figures
from tests.trees import write_ltcc_tree, write_prcc_tree
from train import ablation
from train import run as train_run
from train.flags import parse_args
from train.studies.rate_search import FACTORS, candidates
from train.studies.rows import STUDIES

ROWS = STUDIES['sampler']
LARGEST = 1e-3 * max(FACTORS)


def leave_release(config, level):
    """What a run of that config leaves, with a cc mAP of `level`."""
    record = {
        'figures': figures([(1, 2), (level, level), (3, 4)]),
        'training': {'seconds': 60, 'torch': '2', **json.loads(json.dumps(config.to_record()))},
        'data': {'name': 'folder', 'folder': 'tree'},
    }
    (config.output / 'release').mkdir(parents=True)
    (config.output / 'release/config.json').write_text(json.dumps({'ifd': record}))


@pytest.fixture
def trained(monkeypatch):
    """The config of each run that was started, in place of its training; the largest rate is too much for a row."""
    started = []

    def pretend(jobs, side_by_side, on_start, on_finish):
        for job in jobs:
            config, _ = parse_args(job.command[2:])
            started.append(config)
            diverges = config.sampler == 'pk' and config.lr >= LARGEST
            assert not diverges or DIVERGED in job.also_good
            if not diverges:
                level = 50 - 10 * abs(config.lr / 1e-3 - 1 / 3) if config.sampler == 'pk' else 7 + 1000 * config.lr
                leave_release(config, level)
            on_finish(job, 60.0)

    monkeypatch.setattr(ablation, 'run_jobs', pretend)
    return started


def study(tmp_path, *more):
    command = arguments(tmp_path / 'tree', tmp_path, '--study', 'sampler', '--seeds', '4', '5', '--search', '9')
    return ablation.main([*command, *more])


def test_each_row_is_trained_with_the_rate_that_was_best_on_people_kept_out(trained, tmp_path, capsys):
    assert study(tmp_path, '--search-epochs', '3', '--', '--epochs', '8') == 0
    tried, runs = trained[: 3 * len(ROWS)], trained[3 * len(ROWS) :]
    assert {(one.seed, one.val_pids, one.epochs) for one in tried} == {(4, 9, 3)}
    assert {(one.val_pids, one.epochs) for one in runs} == {(0, 8)} and [one.seed for one in runs] == [4] * 3 + [5] * 3
    chosen = {one.sampler: one.lr for one in runs}
    assert chosen == {'pk': 0.000333, 'fixed_ras': LARGEST, 'proportional_ras': LARGEST}
    out, text = capsys.readouterr().out, (tmp_path / 'sampler.md').read_text()
    assert 'ifd-pk: learning rate 0.000333' in out and 'ifd-pk-lr0.003 diverged' in out
    line = '| P×K | 0.001: 43.3 | 0.000333: 50.0 | diverged | 0.000333 |'
    assert line in out and line in text and '9 training people held out' in text and 'seed 4, 3 epochs' in text
    assert '--search 9 --search-epochs 3 -- --epochs 8' in text and '--rates' not in text
    search = json.loads((tmp_path / 'sampler.json').read_text())['search']
    assert [row['chosen'] for row in search['rows']] == [0.000333, LARGEST, LARGEST]


def test_what_was_tried_is_not_tried_again(trained, tmp_path, capsys):
    assert study(tmp_path) == 0
    first = [*trained]
    trained.clear()
    capsys.readouterr()
    assert study(tmp_path) == 0
    out = capsys.readouterr().out
    assert trained == [] and out.count('already finished') == len(first) - 1 and 'ifd-pk-lr0.003: diverged' in out
    # Another length of the search is another search.
    assert study(tmp_path, '--search-epochs', '2') == 2 and 'with epochs' in capsys.readouterr().err


def test_a_given_rate_is_not_searched_for(trained, tmp_path):
    assert study(tmp_path, '--rates', 'ifd-pk=0.002') == 0
    assert {one.lr for one in trained if one.sampler == 'pk'} == {0.002}
    assert [one.val_pids for one in trained if one.sampler == 'pk'] == [0, 0]


def test_a_row_that_diverges_at_every_rate_is_named(trained, tmp_path, capsys):
    assert study(tmp_path, '--', '--lr', '0.1') == 2
    assert 'ifd-pk: diverged at every rate of the search (0.1, 0.0333, 0.3)' in capsys.readouterr().err


def test_people_are_kept_out_by_the_search_alone(tmp_path, capsys):
    with pytest.raises(SystemExit):
        study(tmp_path, '--', '--val-pids', '3')
    assert '--val-pids' in capsys.readouterr().err


def test_the_rates_around_a_rows_own_begin_with_it():
    assert candidates(3.5e-4) == [3.5e-4, 1.17e-4, 1.05e-3]


def in_process(jobs, side_by_side, on_start, on_finish):
    for job in jobs:
        on_start(job)
        assert train_run.main(job.command[2:]) == 0
        on_finish(job, 1.0)


@pytest.mark.parametrize('data, write', [('prcc', write_prcc_tree), ('ltcc', write_ltcc_tree)])
@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning', 'ignore:.*fresh weights')
def test_one_command_gives_the_table_of_all_methods_on_the_exact_layouts(data, write, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ablation, 'run_jobs', in_process)
    transreid = VARIANTS['transreid']
    tiny = transreid.settings | {'backbone': 'test_vit', 'backbone_weights': 'none'}
    monkeypatch.setitem(VARIANTS, 'transreid', transreid._replace(settings=tiny))
    root, rows = write(tmp_path / 'data'), STUDIES['methods']
    rates = [f'{row}=0.001' for row in rows if row != 'cal']
    more = '--num-pids 2 --backbone test_efficientnet --device cpu --masks label-maps'.split()
    command = ['--data', data, '--root', str(root), '--output', str(tmp_path / 'out'), '--recipe', data]
    command += ['--study', 'methods', '--seeds', '0', '--search', '1', '--rates', *rates, '--', *SMALL, *more]
    assert ablation.main(command) == 0
    report, text = (json.loads((tmp_path / 'out/methods.json').read_text()), (tmp_path / 'out/methods.md').read_text())
    assert [row['label'] for row in report['rows']] == [*rows.values()]
    assert {row['row'] for row in report['pairs']['pooled']} == {*rows.values()}
    assert [row['name'] for row in report['search']['rows']] == ['cal'] and '| CAL | 0.00035: ' in text
    assert f'{data.upper()} cc' in text
    started = capsys.readouterr().out.count('started')
    assert started == len(rows) + len(FACTORS)
    assert ablation.main(command) == 0
    assert 'started' not in capsys.readouterr().out
