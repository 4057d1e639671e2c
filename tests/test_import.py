"""`import ifd_zoo`: nothing by itself, with all it has little more than `import timm`, and no network."""

import subprocess
import sys
from pathlib import Path

import ifd_zoo

REPOSITORY = Path(__file__).resolve().parents[1]

# Processor time: other work on the machine hardly counts in it.
COSTS = """
import time
start = time.process_time()
import timm
middle = time.process_time()
import ifd_zoo
assert timm.is_model('ifd_resnet50')
from ifd_zoo import *
print(middle - start, time.process_time() - middle)
"""

WITHOUT_NETWORK = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError('the network was touched')

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import ifd_zoo
assert not {'torch', 'timm'} & set(sys.modules)
assert 'Predictor' in ifd_zoo.__all__ and ifd_zoo.hub.LoadError
import timm
assert timm.is_model('ifd_resnet50')
from ifd_zoo import *
import ifd_zoo.parsing.parse_dataset
assert 'transformers' not in sys.modules
list_models(), list_pretrained(), load_model('ifd_resnet10t.synthetic')
"""


def run(code):
    return subprocess.run([sys.executable, '-c', code], check=True, cwd=REPOSITORY, capture_output=True, text=True)


def test_importing_the_zoo_registers_it_and_costs_little_more_than_importing_timm():
    timm, zoo = map(float, run(COSTS).stdout.split())
    assert zoo < 0.2 * timm, f'{zoo:.2f} s after {timm:.2f} s'


def test_importing_imports_no_torch_and_neither_it_nor_bundled_weights_touch_the_network(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '0')
    run(WITHOUT_NETWORK)


def test_only_names_of_the_zoo_are_found_in_it():
    assert hasattr(ifd_zoo, 'Predictor') and hasattr(ifd_zoo, 'predictor') and not hasattr(ifd_zoo, 'no_such_name')
