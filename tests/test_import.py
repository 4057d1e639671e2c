"""`import ifd_zoo`: little more than `import timm`, and no network."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

# Processor time: other work on the machine hardly counts in it.
COSTS = """
import time
start = time.process_time()
import timm
middle = time.process_time()
import ifd_zoo
print(middle - start, time.process_time() - middle)
"""

LITTLE = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError('the network was touched')

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import ifd_zoo, ifd_zoo.parsing.__main__
assert 'transformers' not in sys.modules
ifd_zoo.list_models(), ifd_zoo.list_pretrained(), ifd_zoo.load_model('ifd_resnet10t.synthetic')
"""


def test_importing_the_zoo_costs_little_more_than_importing_timm():
    measured = subprocess.run([sys.executable, '-c', COSTS], check=True, cwd=REPOSITORY, capture_output=True, text=True)
    timm, zoo = map(float, measured.stdout.split())
    assert zoo < 0.2 * timm, f'{zoo:.2f} s after {timm:.2f} s'


def test_importing_imports_no_transformers_and_neither_it_nor_bundled_weights_touch_the_network(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '0')
    subprocess.run([sys.executable, '-c', LITTLE], check=True, cwd=REPOSITORY)
