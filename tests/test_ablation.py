"""`train/ablation.py` as a user runs it: its runs, and what it skips and refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.test_ablation_report import figures
from tests.trees import write_folder_tree
from train import ablation
from train.recipes import RECIPES
from train.studies.jobs import Job, JobError, run_jobs
from train.studies.rows import ROW_SETTINGS, STUDIES, settings

SCRIPT = Path(ablation.__file__)
SMALL = (
    '--size 64x32 --num-pids 3 --num-images 4 --workers 0 --epochs 1 --stage1-epochs 1 --backbone resnet10t '
    '--backbone-weights none --picture-epochs 0'
).split()


def write_release(output, arm, seed, changed=()):
    """A finished run as `train/run.py` would leave it, with figures that depend on arm and seed."""
    level = 10 * list(ROW_SETTINGS).index(arm) + seed
    decided = {'recipe': 'ablation', 'data': 'folder', 'seed': seed, **settings(arm, RECIPES['ablation'])}
    record = {
        'figures': figures([(level, level / 2), (level + 1, level / 3), (level + 2, level / 4)]),
        'training': {'seconds': 60, 'torch': '2', 'epochs': 20, 'stage1_epochs': 5, 'size': [128, 64], **decided},
        'data': {'name': 'folder', 'folder': 'tree', 'train_images': 36},
    }
    record['training'].update(changed)
    release = output / 'runs' / f'{arm}-seed{seed}' / 'release'
    release.mkdir(parents=True)
    (release / 'config.json').write_text(json.dumps({'ifd': record}))


def arguments(root, output, *more):
    return ['--data', 'folder', '--root', str(root), '--output', str(output), *more]


@pytest.fixture
def root(tmp_path):
    return write_folder_tree(tmp_path / 'tree')


def test_real_runs_are_interrupted_go_on_and_give_table_chart_and_record(root, tmp_path, capsys):
    output = tmp_path / 'out'
    command = arguments(root, output, '--study', 'temperature', '--jobs', '2', '--seeds', '0')
    process = start([*command, '--', *SMALL])
    wait_for(lambda: list(output.glob('runs/*/checkpoints/*.pt')), process)
    assert len(processes_about(output)) == 3
    process.send_signal(signal.SIGTERM)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + signal.SIGTERM and 'run the same command again' in error
    assert processes_about(output) == [] and not list(output.glob('*.md'))

    assert ablation.main([*command, '--', *SMALL]) == 0
    assert any('resumed after stage 1' in path.read_text() for path in output.glob('runs/*/train.out'))
    check_report(output, [0])

    for run in list(output.glob('runs/*-seed0')):
        as_seed_1(run)
    capsys.readouterr()
    assert ablation.main([*command, '1', '--', *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.count('skipped') == 6 and 'started' not in out
    check_report(output, [0, 1])


def start(command):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition, process):
    deadline = time.monotonic() + 600
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_about(folder):
    """Command lines of living processes that name a folder."""
    lines = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            lines.append(path.read_text().replace('\0', ' '))
        except OSError:  # it has ended meanwhile
            continue
    return [line for line in lines if str(folder) in line]


def as_seed_1(run):
    """Copy a finished run as if it had been made with seed 1 and come out a little better."""
    record = json.loads((run / 'release/config.json').read_text())
    record['ifd']['training']['seed'] = 1
    record['ifd']['figures'][1]['rank1'] += 2
    release = run.with_name(run.name.replace('seed0', 'seed1')) / 'release'
    release.mkdir(parents=True)
    (release / 'config.json').write_text(json.dumps(record))


def check_report(output, seeds):
    text = (output / 'temperature.json').read_text()
    report = json.loads(text)
    assert [row['name'] for row in report['rows']] == ['ifd-T1', 'ifd', 'ifd-T0.25'] and report['seeds'] == seeds
    assert [row['T'] for row in report['rows']] == [1, 0.5, 0.25]
    assert all(row['epochs'] == 1 for row in report['rows']) and report['training']['size'] == [64, 32]
    for row in report['rows']:
        for run in row['runs']:
            release = output / 'runs' / f'{row["name"]}-seed{run["seed"]}' / 'release' / 'config.json'
            assert json.loads(release.read_text())['ifd']['figures'] == run['figures']
        expected = pytest.approx(2**0.5) if len(seeds) > 1 else None
        assert row['summary']['cc']['rank1']['std'] == expected
    assert str(output.parent) not in text + (output / 'temperature.md').read_text()
    assert (output / 'temperature.svg').stat().st_size > 10_000


def test_each_study_runs_its_rows_and_shares_the_common_one(tmp_path):
    def names(*studies):
        args = ablation.parse_args(arguments(tmp_path, tmp_path, '--study', *studies, '--seeds', '3'))
        return [run.folder.name for run in ablation.Ablation(args).runs]

    assert names('components') == [f'{name}-seed3' for name in ('baseline', 'ikt', 'cbd', 'ifd_cl', 'ifd')]
    assert names('sampler') == ['ifd-pk-seed3', 'ifd-fixed_ras-seed3', 'ifd-seed3']
    assert len(names('components', 'sampler', 'temperature')) == 5 + 2 + 2
    assert list(STUDIES['components'].values()) == ['baseline', 'w/ IKT', 'w/ CBD', 'IFD w/ CL', 'IFD']


def test_controls_differ_in_what_they_are_named_after():
    given = {'epochs': '20', 'stage1_epochs': '5', 'masks': 'bundled'}
    rows = {name: settings(name, given) for name in STUDIES['controls']}
    ifd = rows.pop('ifd')
    common = {'sampler': 'proportional_ras', 'T': 0.5, 'ccl_unit_mean': False, 'masks': 'bundled', 'epochs': 20}
    assert ifd == {'variant': 'ifd', **common}
    changes = {name: {key: value for key, value in row.items() if value != ifd.get(key)} for name, row in rows.items()}
    assert changes == {
        'baseline': {'variant': 'baseline'},
        'baseline-equal': {'variant': 'baseline', 'epochs': 45},
        'masked': {'variant': 'masked'},
        'ikt-no_masks': {'variant': 'ikt', 'masks': 'none'},
        'ikt': {'variant': 'ikt'},
        'ifd_cl': {'variant': 'ifd_cl'},
        'ifd-T1': {'T': 1.0},
        'ifd-unit_mean': {'ccl_unit_mean': True},
    }


def test_finished_runs_are_read_and_reported_without_training(tmp_path, capsys):
    for arm in STUDIES['components']:
        for seed in (0, 1, 2):
            write_release(tmp_path, arm, seed)
    assert ablation.main(arguments(tmp_path / 'tree', tmp_path, '--', '--epochs', '20', '--workers', '9')) == 0
    out = capsys.readouterr().out
    assert out.count('skipped') == 15 and 'ifd-seed2: already finished, cc rank-1 43.0 mAP 14.0 (15 of 15)' in out
    assert '| IFD | 42.0 ± 1.0 / 13.7 ± 0.3 |' in (tmp_path / 'components.md').read_text()
    assert '-- --epochs 20 --workers 9' in (tmp_path / 'components.md').read_text()


@pytest.mark.parametrize(
    'recorded, more, words',
    [
        ({'T': 0.4}, [], ('ifd-seed0', 'T 0.4')),
        ({'sampler': 'pk'}, [], ('ifd-seed0', 'sampler')),
        ({'variant': 'ikt'}, [], ('ifd-seed0', 'variant')),
        ({'recipe': 'paper'}, [], ('ifd-seed0', 'recipe')),
        ({'seed': 7}, [], ('ifd-seed0', 'seed')),
        ({}, ['--', '--epochs', '30'], ('-seed0', 'epochs 20')),
        ({}, ['--', '--size=64x32'], ('-seed0', 'size')),
        ({'lr': 0.1}, [], ('ifd-seed0', 'lr is 0.1')),
    ],
)
def test_a_finished_run_with_other_settings_is_refused_by_folder_and_field(recorded, more, words, tmp_path, capsys):
    write_release(tmp_path, 'ifd-pk', 0)
    write_release(tmp_path, 'ifd-fixed_ras', 0)
    write_release(tmp_path, 'ifd', 0, recorded)
    command = arguments(tmp_path / 'tree', tmp_path, '--study', 'sampler', '--seeds', '0')
    assert ablation.main([*command, *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and all(word in error for word in words)


def test_runs_on_other_data_or_without_a_readable_record_are_refused(tmp_path, capsys):
    command = ['--study', 'sampler', '--seeds', '0']
    for arm in STUDIES['sampler']:
        write_release(tmp_path, arm, 0)
    assert ablation.main(arguments(tmp_path / 'other', tmp_path, *command)) == 2
    assert 'data folder' in capsys.readouterr().err
    (tmp_path / 'runs/ifd-seed0/release/config.json').write_text('{"ifd"')
    assert ablation.main(arguments(tmp_path / 'tree', tmp_path, *command)) == 2
    assert 'ifd-seed0' in capsys.readouterr().err


@pytest.mark.parametrize(
    'more, word',
    [
        (['--study', 'colour'], '--study'),
        (['--jobs', '0'], '--jobs'),
        (['--seeds', '-1'], '--seeds'),
        (['--', '--variant', 'ifd'], '--variant'),
        (['--', '--T', '1'], '--T'),
        (['--', '--extend'], '--extend'),
        (['--', 'epochs', '1'], 'epochs'),
        (['--', '--epochs', '1', '2'], "'2'"),
        (['--epochs', '1'], '--epochs'),
    ],
)
def test_impossible_flags_are_named(more, word, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        ablation.main(arguments(tmp_path, tmp_path, *more))
    assert stop.value.code == 2 and word in capsys.readouterr().err


def test_a_failing_run_stops_the_study_with_the_end_of_its_output(tmp_path, capsys):
    write_release(tmp_path, 'ifd-pk', 0)
    command = arguments(tmp_path / 'tree', tmp_path, '--study', 'sampler', '--seeds', '0')
    assert ablation.main(command) == 2
    printed = capsys.readouterr()
    assert 'skipped ifd-pk-seed0' in printed.out
    assert 'ifd-fixed_ras-seed0 failed with exit status 2' in printed.err and 'no such folder' in printed.err
    assert str(tmp_path / 'runs/ifd-fixed_ras-seed0/train.out') in printed.err
    assert (tmp_path / 'runs/ifd-pk-seed0/release/config.json').exists()


def test_control_c_in_a_terminal_ends_everything_without_stack_trace(root, tmp_path):
    output = tmp_path / 'out'
    process = start(arguments(root, output, '--seeds', '0'))
    assert process.stdout.readline() == 'started baseline-seed0\n'
    for pid in [process.pid, *children(process.pid)]:
        os.kill(pid, signal.SIGINT)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + signal.SIGINT and error.startswith('interrupted by SIGINT; run the same command')
    assert processes_about(output) == []


def children(pid):
    return [int(child) for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def python(code):
    return [sys.executable, '-c', code]


def test_jobs_run_side_by_side_and_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    meet = python('import os, sys; open(sys.argv[1], "w")\nwhile not os.path.exists(sys.argv[2]): pass')
    tell = python('import os; print(os.environ["OMP_NUM_THREADS"])')
    pair = [str(tmp_path / 'a'), str(tmp_path / 'b')]
    jobs = [Job('1', meet + pair, tmp_path / '1.out'), Job('2', meet + pair[::-1], tmp_path / '2.out')]
    finished = []
    run_jobs([*jobs, Job('3', tell, tmp_path / '3.out')], 2, print, lambda job, _: finished.append(job.name))
    assert sorted(finished) == ['1', '2', '3']
    assert int((tmp_path / '3.out').read_text()) == max(1, len(os.sched_getaffinity(0)) // 2)
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    run_jobs([Job('4', tell, tmp_path / '3.out')], 2, print, lambda *_: None)
    assert (tmp_path / '3.out').read_text().split()[1] == '7'


def test_a_failing_job_ends_the_others_and_shows_only_the_end(tmp_path):
    sleep = Job('long', python('import time; time.sleep(60)'), tmp_path / 'long.out')
    fail = Job('short', python('for i in range(100): print("line", i)\nraise SystemExit(3)'), tmp_path / 'short.out')
    start = time.monotonic()
    with pytest.raises(JobError, match='short failed with exit status 3') as error:
        run_jobs([sleep, fail], 2, print, lambda *_: None)
    assert time.monotonic() - start < 30
    assert 'line 99' in str(error.value) and 'line 50' not in str(error.value)


def test_the_command_line_imports_neither_matplotlib_nor_torch():
    code = 'import sys, train.ablation; print([m for m in ("matplotlib", "torch") if m in sys.modules])'
    done = subprocess.run(python(code), cwd=SCRIPT.parents[1], capture_output=True, text=True, check=True)
    assert done.stdout == '[]\n'


def test_a_row_may_decide_any_field_of_the_training(monkeypatch, tmp_path):
    monkeypatch.setitem(ROW_SETTINGS, 'ifd-smooth', {'variant': 'ifd', 'label_smoothing': 0.3})
    monkeypatch.setitem(STUDIES, 'smoothing', {'ifd': 'IFD', 'ifd-smooth': 'smoother'})
    args = ablation.parse_args(['--root', 'x', '--output', str(tmp_path), '--study', 'smoothing'])
    assert 'label_smoothing' in ablation.Ablation(args).free
