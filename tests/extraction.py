"""What the tests of `eval/extract.py` share."""

import json

from safetensors import safe_open

MODEL = 'ifd_resnet10t.synthetic'
LABELS = ('pid', 'camid', 'clothes_id')


def flags(root, output, *more):
    small = ['--device', 'cpu', '--batch-size', '2', '--group', '3']
    return [*map(str, ['--model', MODEL, '--root', root, '--output', output, *small, *more])]


def info_of(path):
    with safe_open(path, 'np') as file:
        return {key: json.loads(value) for key, value in file.metadata().items()}
