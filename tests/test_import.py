"""`import ifd_zoo`: little more than `import timm`, and no network."""

import resource
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ROUNDS = 3

NO_NETWORK = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError('the network was touched')

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import ifd_zoo
ifd_zoo.list_models(), ifd_zoo.list_pretrained(), ifd_zoo.load_model('ifd_resnet10t.synthetic')
"""


def seconds(code):
    """Processor time of a fresh interpreter: other work on the machine hardly counts in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, '-c', code], check=True, cwd=REPOSITORY)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_importing_the_zoo_costs_little_more_than_importing_timm():
    timm, zoo = (min(seconds(f'import {name}') for _ in range(ROUNDS)) for name in ('timm', 'ifd_zoo'))
    assert zoo < 1.2 * timm, f'{zoo:.2f} s against {timm:.2f} s'


def test_importing_listing_and_loading_bundled_weights_touch_no_network(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '0')
    subprocess.run([sys.executable, '-c', NO_NETWORK], check=True, cwd=REPOSITORY)
