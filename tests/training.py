"""What the tests of `train/run.py` share: the smallest run that trains both stages."""

import json

SMALL = (
    '--backbone test_resnet --backbone-weights none --size 64x32 --num-pids 3 --num-images 4 --device cpu '
    '--stage1-epochs 1 --epochs 2 --picture-epochs 0'
).split()


def arguments(root, output, *more):
    return ['--root', str(root), '--output', str(output), *SMALL, '--workers', '0', *more]


def metrics(folder):
    return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
