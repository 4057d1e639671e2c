"""What W_I does: other maps in its place, and where attention and Grad-CAM lie."""

import json

import numpy as np
import pytest
import torch

from eval import attention
from eval import run as eval_run
from eval.attention_study import attention_of, best_matches, replacements
from ifd_zoo.datasets import Protocol, Record
from ifd_zoo.explain.region_shares import REGIONS, evidence_shares, mean_evidence
from ifd_zoo.labels import LABELS
from tests.extraction import MODEL
from tests.trees import write_folder_tree


def test_each_class_is_in_one_region():
    assert sorted(name for classes in REGIONS.values() for name in classes) == sorted(LABELS)


def test_shares_are_what_a_loop_over_pixels_counts():
    rng = np.random.default_rng(0)
    labels, weights = rng.integers(len(LABELS), size=(9, 5)), rng.random((9, 5)).astype(np.float32)
    expected = dict.fromkeys(REGIONS, 0.0)
    for value, weight in zip(labels.flat, weights.flat, strict=True):
        expected[next(name for name, classes in REGIONS.items() if LABELS[value] in classes)] += float(weight)
    total = sum(expected.values())
    assert evidence_shares(weights, labels) == pytest.approx({name: part / total for name, part in expected.items()})


def test_no_weight_and_other_sizes_are_refused():
    with pytest.raises(ValueError, match='must be above 0'):
        evidence_shares(np.zeros((2, 2)), np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match='size'):
        evidence_shares(np.ones((2, 2)), np.zeros((2, 3), np.uint8))


def test_photos_count_alike_and_those_without_weight_do_not():
    head, clothing = np.full((1, 4), LABELS.index('hair')), np.full((1, 4), LABELS.index('upper'))
    weights = [np.array([[9.0, 0, 0, 0]]), np.array([[1.0, 1, 1, 1]]), np.zeros((1, 4))]
    mean = mean_evidence(weights, [head, clothing, clothing])
    assert mean == {'head': 0.5, 'skin': 0.0, 'clothing': 0.5, 'background': 0.0}
    assert mean_evidence(weights[2:], [head]) == {}


def test_replacing_maps_by_the_models_own_changes_nothing_and_by_ones_leaves_them_out(ifd):
    images, masked = torch.randn(2, 4, 3, 64, 32)
    both = torch.cat([images, images.flip(-1)]), torch.cat([masked, masked.flip(-1)])
    maps = []
    with torch.no_grad(), attention_of(ifd, maps):
        before = ifd(*both)
    with torch.no_grad(), attention_of(ifd, others=maps[0]):
        same = ifd(*both)
    with torch.no_grad(), attention_of(ifd, others=torch.ones_like(maps[0])):
        plain = ifd(*both)
    assert maps[0].shape == (2, 4, 1, 4, 2)
    assert torch.equal(before.embedding, same.embedding)
    assert not torch.allclose(before.pooled, plain.pooled)
    expected = ifd.main_stream.head(ifd.main_stream.backbone(both[0])).pooled
    torch.testing.assert_close(plain.pooled, expected)


def test_maps_of_batches_are_given_out_in_order(ifd):
    images = torch.randn(6, 3, 64, 32)
    others = torch.rand(2, 3, 1, 4, 2)
    with torch.no_grad(), attention_of(ifd, others=others):
        found = [ifd(images[:4]).attention, ifd(images[4:]).attention]
    assert torch.equal(found[0], others[:, :2].flatten(0, 1)) and torch.equal(found[1], others[:, 2:].flatten(0, 1))


def test_each_image_is_given_the_map_of_another_person():
    pids = np.array([3, 3, 3, 3, 8])
    maps = torch.arange(5.0).view(1, 5, 1, 1, 1).repeat(2, 1, 1, 1, 1)
    made = replacements(maps, pids)
    given = made["another person's map"].flatten(1).long()
    assert torch.equal(given[0], given[1]) and (pids[given[0].numpy()] != pids).all()
    assert (made['mean map'] == 2).all() and (made['one number'] == 2).all()


def test_the_best_match_is_the_most_similar_right_answer(tmp_path):
    def record(name, pid, camid, outfit):
        return Record(tmp_path / name, pid, camid, outfit)

    query = record('q', 1, 0, 0)
    gallery = record('same clothes', 1, 1, 0), record('far', 1, 1, 1), record('near', 1, 2, 1), record('other', 2, 1, 5)
    records = (query, *gallery)
    embeddings = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8], [1, 0]], dtype=np.float32)
    assert best_matches(Protocol('test', 'cc', (query,), gallery), records, embeddings) == [(0, 3)]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'), test=4)


def test_the_script_has_the_figures_of_eval_run_and_shares_that_add_up(root, tmp_path, capsys):
    flags = ['--model', MODEL, '--root', str(root), '--workers', '0', '--device', 'cpu']
    assert eval_run.main([*flags, '--output', str(tmp_path)]) == 0
    expected = {row['protocol']: row for row in json.loads((tmp_path / 'figures.json').read_text())['protocols']}
    capsys.readouterr()
    assert attention.main([*flags, '--json', str(tmp_path / 'x.json')]) == 0
    study = json.loads((tmp_path / 'x.json').read_text())
    own = [row for row in study['replaced'] if row['row'] == 'own map']
    assert own and all(row['rank1']['value'] == round(expected[row['protocol']]['rank1'], 2) for row in own)
    assert len({row['row'] for row in study['replaced']}) == 4
    for share in study['shares'].values():
        assert sum(share.values()) == pytest.approx(1)
    assert list(study['shares']) == ['area', 'W_I', 'Grad-CAM']
    printed = capsys.readouterr().out
    assert "another person's map" in printed and '| Grad-CAM |' in printed


def test_a_single_stream_has_shares_and_no_replaced_maps(root, tmp_path, capsys):
    flags = ['--root', str(root), '--workers', '0', '--device', 'cpu', '--json', str(tmp_path / 'x.json')]
    assert attention.main(['--model', 'ifd_baseline_resnet10t.synthetic', *flags]) == 0
    study = json.loads((tmp_path / 'x.json').read_text())
    assert study['replaced'] == [] and list(study['shares']) == ['area', 'Grad-CAM']
