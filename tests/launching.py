"""Commands started through `accelerate launch`, as on machines without GPUs."""

import os
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
QUIET = ('--mixed_precision', 'no', '--dynamo_backend', 'no')


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def launch(*command, port, machine=0, machines=1):
    """One machine of several, with two processes of one thread each in all."""
    where = ['--num_machines', machines, '--machine_rank', machine, '--main_process_ip', '127.0.0.1']
    launcher = [sys.executable, '-m', 'accelerate.commands.launch', '--multi_gpu', '--num_processes', 2, *QUIET, *where]
    return subprocess.Popen(
        [*map(str, [*launcher, '--main_process_port', port, *command])],
        cwd=REPOSITORY,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def launch_once(*command):
    """Two processes on one machine; returns what they print."""
    process = launch(*command, port=free_port())
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed


def processes_with(text):
    """Numbers of the processes, but for launchers, whose command line has the text."""
    found = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            line = (folder / 'cmdline').read_bytes().decode(errors='replace')
        except OSError:  # it has ended
            continue
        if text in line and 'accelerate.commands.launch' not in line:
            found.append(int(folder.name))
    return sorted(found)
