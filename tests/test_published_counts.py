"""PRCC and LTCC in full: as many files as were published, without pixels, which readers do not look at."""

import os
import warnings
from itertools import count, islice
from pathlib import Path

import pytest

from eval.metrics import judge
from ifd_zoo.datasets import load_dataset
from tests.labels import protocol_arguments

CHANGING, CONSTANT, ONE_CAMERA = range(45), range(45, 60), range(60, 75)
"""LTCC test people: in two outfits before each camera; in one outfit; in another outfit before the queries' camera."""


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        yield


def touch(folder: Path, names, number: int) -> None:
    """Empty files of the first `number` names, which must all differ."""
    names = list(islice(names, number))
    for parent in {os.path.dirname(name) for name in names}:
        os.makedirs(folder / parent, exist_ok=True)
    for name in names:
        os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL))


def valid_queries(protocol):
    relevant = judge(*protocol_arguments(protocol)).relevant.any(1)
    return [record.pid for record, valid in zip(protocol.query, relevant, strict=True) if valid]


def test_prcc_in_full_has_the_published_counts(tmp_path):
    names = (f'{i % 150 + 1:03d}/{"ABC"[i // 150 % 3]}_cropped_rgb{i:05d}.jpg' for i in count())
    touch(tmp_path / 'rgb/train', names, 17896)
    for camera, number in {'A': 3384, 'B': 3873, 'C': 3543}.items():
        names = (f'{i % 71 + 200:03d}/cropped_rgb{i:05d}.jpg' for i in count())
        touch(tmp_path / 'rgb/test' / camera, names, number)
    dataset = load_dataset('prcc', tmp_path)
    assert len(dataset.train) == 17896 and dataset.num_pids == 150
    assert len({record.clothes_id for record in dataset.train}) == 300
    for name, queries in {'sc-all': 3873, 'cc-all': 3543}.items():
        (protocol,) = [protocol for protocol in dataset.protocols if protocol.name == name]
        assert len({record.pid for record in protocol.query}) == len({record.pid for record in protocol.gallery}) == 71
        assert len(protocol.gallery) == 3384 and len(valid_queries(protocol)) == len(protocol.query) == queries


def ltcc_queries(pids, number):
    return [f'{pids[i % len(pids)]:03d}_1_c1_{i:06d}.png' for i in range(number)]


def ltcc_gallery(pid):
    for i in count():
        outfit, camera = i % 2 + 1, i // 2 % 3 + 1
        if pid in CONSTANT or (pid in ONE_CAMERA and camera != 1):
            outfit = 1
        yield f'{pid:03d}_{outfit}_c{camera}_{i:06d}.png'


def test_ltcc_in_full_has_the_published_counts_and_valid_queries(tmp_path):
    folder = tmp_path / 'LTCC_ReID'
    touch(folder / 'train', (f'{i % 77:03d}_{i % 4}_c{i % 12}_{i:06d}.png' for i in count()), 9576)
    touch(folder / 'query', ltcc_queries(CHANGING, 392) + ltcc_queries([*CONSTANT, *ONE_CAMERA], 101), 493)
    for pid in range(75):
        touch(folder / 'test', ltcc_gallery(pid), 7050 // 75)
    dataset = load_dataset('ltcc', tmp_path)
    assert len(dataset.train) == 9576 and dataset.num_pids == 77
    general, changed = dataset.protocols
    assert len(general.query) == 493 and len(general.gallery) == 7050
    assert len({record.pid for record in general.query + general.gallery}) == 75
    assert len(valid_queries(general)) == 493
    valid = valid_queries(changed)
    assert len(valid) == 392 and set(valid) == set(CHANGING)
