"""What all commands have in common: quick help with defaults, one line after Ctrl-C, exit codes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from ifd_zoo.common.cli import FLAGS, ArgumentParser, entry_point
from ifd_zoo.common.errors import ZooError
from tests.extraction import MODEL
from tests.training import SMALL
from tests.trees import write_folder_tree

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = [path for room in ('eval', 'ifd_zoo', 'train') for path in (REPOSITORY / room).rglob('*.py')]
COMMANDS = (
    'app.py',
    'train/ablation.py',
    'eval/bench.py',
    'eval/check_data.py',
    'eval/clothing.py',
    'eval/compare.py',
    'eval/crop.py',
    'eval/extract.py',
    'eval/figure3.py',
    'eval/attention.py',
    'eval/intervals.py',
    'eval/parsing.py',
    'eval/precision.py',
    'eval/recoloured.py',
    'eval/run.py',
    'eval/scale.py',
    'ifd_zoo/__main__.py',
    'ifd_zoo/hub/__main__.py',
    'ifd_zoo/index/__main__.py',
    'ifd_zoo/page/__main__.py',
    'ifd_zoo/parsing/__main__.py',
    'ifd_zoo/synthetic/__main__.py',
    'train/parser.py',
    'train/run.py',
)


def as_called(command, *flags):
    """What a user types in the repository, after `python`."""
    folder, _, file = command.rpartition('/')
    return [*(['-m', folder.replace('/', '.')] if file == '__main__.py' else [command]), *map(str, flags)]


def main_of(command):
    return import_module(command.removesuffix('.py').replace('/', '.')).main


def test_the_list_of_commands_is_complete():
    starting = [path for path in (REPOSITORY / 'app.py', *ROOMS) if 'sys.exit(main())' in path.read_text()]
    assert sorted(path.relative_to(REPOSITORY).as_posix() for path in starting) == sorted(COMMANDS)
    assert [path for path in ROOMS if path.name == '__main__.py' and path not in starting] == []


# Help and flags


@pytest.mark.parametrize('command', COMMANDS)
def test_help_and_refused_flags_do_not_wait_for_torch_or_gradio(command):
    for flag, code in (('--help', 0), ('--no-such-flag', 2)):
        line = [sys.executable, '-X', 'importtime', *as_called(command, flag)]
        done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
        imported = {row.rpartition('|')[2].strip() for row in done.stderr.splitlines()}
        assert done.returncode == code and 'usage: ' in (done.stderr if code else done.stdout)
        assert 'argparse' in imported and not imported & {'torch', 'gradio'}


@pytest.mark.parametrize('command', COMMANDS)
def test_help_says_what_each_flag_does_and_what_it_is_without(command, monkeypatch):
    parsers = []
    monkeypatch.setattr(ArgumentParser, 'parse_args', lambda self, argv: parsers.append(self) or sys.exit())
    with pytest.raises(SystemExit):
        main_of(command)([])
    for parser in parsers:
        actions = [action for action in parser._actions if action.help != '==SUPPRESS==']
        for action in actions:
            if action.nargs == 'A...':  # subcommands
                parsers += action.choices.values()
            elif action.option_strings:
                assert action.help, f'{command} {action.option_strings} has no help'
        text = ' '.join(parser.format_help().split())
        told = [action for action in actions if action.default not in (None, False, '', '==SUPPRESS==', [])]
        assert text.count('default') >= len(told)


def test_flags_of_several_commands_are_declared_in_one_place():
    texts = (path.read_text() for path in ROOMS if path.name != 'cli.py')
    declared = Counter(flag for text in texts for flag in re.findall(r"add_argument\(\s*'--([\w-]+)'", text))
    assert declared['output'] > 5 and [flag for flag in FLAGS if declared[flag] > 4] == []


# The end


@pytest.mark.parametrize('command', COMMANDS)
def test_ctrl_c_is_one_line_and_code_130_even_at_the_start(command, monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(ArgumentParser, 'parse_args', interrupt)
    assert main_of(command)([]) == 130
    (line,) = capsys.readouterr().err.split('\n')[1:-1]
    assert line.startswith('stopped')


def test_of_several_processes_the_main_one_tells_of_ctrl_c(monkeypatch, capsys):
    @entry_point()
    def main():
        raise KeyboardInterrupt

    monkeypatch.setenv('RANK', '1')
    assert main() == 130 and capsys.readouterr().err == ''


@pytest.mark.parametrize('error', [ZooError('a.jpg: damaged'), OSError('a.jpg: damaged')])
def test_what_a_user_can_put_right_is_one_line_and_code_2(error, capsys):
    @entry_point()
    def main():
        raise error

    assert main() == 2 and capsys.readouterr().err == 'error: a.jpg: damaged\n'


def test_a_mistake_of_ours_keeps_its_traceback():
    @entry_point()
    def main():
        raise ValueError('a mistake')

    with pytest.raises(ValueError, match='a mistake'):
        main()


def test_errors_of_the_product_have_one_base():
    found = [match for path in ROOMS for match in re.findall(r'^class (\w+Error)\((.*)\):', path.read_text(), re.M)]
    assert len(found) > 10
    assert {name for name, bases in found if not bases.startswith('ZooError')} == {'ZooError'}


AGAIN = 'stopped; run the same command again to resume'
LONG = {
    'train/run.py': (
        ['--root', 'DATA', '--output', 'OUT', *SMALL, '--epochs', '9999', '--workers', '2'],
        'OUT/checkpoints/*.pt',
        'stopped; run it again with --resume to continue from the last checkpoint',
    ),
    'eval/extract.py': (
        ['--root', 'DATA', '--output', 'OUT', '--model', MODEL, '--batch-size', '1', '--group', '1'],
        'OUT.unfinished/*',
        AGAIN,
    ),
    'ifd_zoo/index/__main__.py': (
        ['build', '--images', 'DATA', '--index', 'OUT'],
        'OUT/*.lance/_versions/*.manifest',
        'stopped; run `build` again to resume',
    ),
    'ifd_zoo/parsing/__main__.py': (['--root', 'DATA', '--output', 'OUT', '--batch-size', '1'], 'OUT/**/*.png', AGAIN),
    'ifd_zoo/synthetic/__main__.py': (
        ['--output', 'OUT', '--ids', '99', '--test-ids', '0', '--outfits', '1', '--workers', '2'],
        'OUT/**/*.jpg',
        AGAIN,
    ),
    'eval/check_data.py': (['--root', 'MANY', '--workers', '2'], 'err', 'stopped'),
}
"""Flags of a run that takes long, the file that shows that it is under way, and what it says after Ctrl-C."""


def write_many(root):
    """Thousands of images in the `folder` layout, which are one."""
    first = root / 'train' / '0000' / '0' / 'c0_0.png'
    first.parent.mkdir(parents=True)
    Image.effect_noise((500, 500), 99).save(first)
    for view in range(1, 3000):
        first.with_name(f'c0_{view}.png').hardlink_to(first)


@pytest.mark.parametrize('command', LONG)
def test_ctrl_c_in_a_long_run_is_one_line_that_says_how_to_go_on(command, tmp_path):
    flags, sign, told = LONG[command]
    write_many(tmp_path / 'MANY') if 'MANY' in flags else write_folder_tree(tmp_path / 'DATA', train=20, views=6)
    flags = [tmp_path / flag if flag.isupper() else flag for flag in flags]
    line = [sys.executable, *as_called(command, *flags)]
    with open(tmp_path / 'err', 'w') as err:
        # A terminal sends the signal to all processes of its foreground group.
        process = subprocess.Popen(
            line,
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=err,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job behind `&` ignores it
        )
    try:
        deadline = time.monotonic() + 120
        while not any(path.stat().st_size for path in tmp_path.glob(sign)):
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / 'err').read_text()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(60)
    finally:
        process.kill()
        process.wait()
    said = (tmp_path / 'err').read_text()
    assert code == 130, said
    assert 'Traceback' not in said and said.splitlines()[-1] == told
