"""Rows, repeated draws and the written report, on hand-made embeddings and a tiny tree."""

import json
import statistics
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from eval import run as eval_run
from eval.embeddings.loop import extract
from eval.metrics import Labels, evaluate, labels_of
from eval.reports.metric_tables import distinct_records, evaluate_protocols, figure_lines, markdown_report, measure
from eval.reports.paper import TABLE_I, TABLE_I_COLUMNS, reference
from eval.rerank import Reranking, rerank
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.datasets import Protocol, Record, load_dataset
from ifd_zoo.hub import eval_transform, load_model, save_release
from ifd_zoo.models.inference import precision
from ifd_zoo.transforms import EvalTransform
from tests.trees import write_folder_tree, write_prcc_tree

FIGURES = ('rank1', 'rank5', 'rank10', 'mAP', 'mINP')


def records_of(camid, size, seed):
    pids = np.random.default_rng(seed).integers(0, 4, size).tolist()
    return tuple(Record(Path(f'{camid}/{index:02d}.jpg'), pid, camid, pid) for index, pid in enumerate(pids))


QUERY, GALLERY = records_of(1, 12, 0), records_of(0, 20, 1)


def embed(records):
    """(N, 5), a little like the person."""
    rng = np.random.default_rng(2)
    embeddings = np.eye(5)[[record.pid for record in records]] + rng.normal(size=(len(records), 5))
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def measure_all(protocols, **options):
    records = distinct_records(protocols)
    return measure(protocols, records, embed(records), **options)


def draws(count):
    """Repeated draws of half of the gallery."""
    rng = np.random.default_rng(3)
    choices = [sorted(rng.choice(len(GALLERY), 10, replace=False)) for _ in range(count)]
    return [Protocol('half', 'sc', QUERY, tuple(GALLERY[i] for i in c), n) for n, c in enumerate(choices)]


def similarity_of(protocol, all_records):
    embeddings = dict(zip(all_records, embed(all_records), strict=True))
    return np.array([[embeddings[q] @ embeddings[g] for g in protocol.gallery] for q in protocol.query])


def test_rows_have_name_mode_sizes_and_figures():
    protocols = [Protocol('all', 'general', QUERY, GALLERY), Protocol('same', 'sc', QUERY[:7], GALLERY[:9])]
    rows = measure_all(protocols)
    for row, protocol in zip(rows, protocols, strict=True):
        similarity = similarity_of(protocol, distinct_records(protocols))
        labels = labels_of(protocol.query), labels_of(protocol.gallery)
        expected = evaluate(similarity, *labels, protocol.mode).figures()
        names = {'protocol': protocol.name, 'mode': protocol.mode}
        sizes = {'queries': len(protocol.query), 'gallery': len(protocol.gallery)}
        assert {key: row[key] for key in (*names, *sizes)} == {**names, **sizes}
        assert {key: row[key] for key in expected} == pytest.approx(expected)
        assert len(row) == 10


def test_repeated_draws_become_one_row_of_means_and_deviations():
    trials = draws(5)
    rows = measure_all([Protocol('all', 'sc', QUERY, GALLERY), *trials, Protocol('last', 'sc', QUERY, GALLERY)])
    assert [row['protocol'] for row in rows] == ['all', 'half', 'last'] and rows[1]['trials'] == 5
    records = distinct_records([*trials, Protocol('all', 'sc', QUERY, GALLERY)])
    singles = [measure([trial], records, embed(records))[0] for trial in trials]
    for name in FIGURES:
        values = [single[name] for single in singles]
        assert rows[1][name] == pytest.approx(statistics.fmean(values))
        assert rows[1]['std'][name] == pytest.approx(statistics.stdev(values))
    assert any(rows[1]['std'].values()) and 'std' not in rows[0]
    assert rows[1]['gallery'] == 10 and rows[1]['queries'] == 12
    assert rows[1]['valid_queries'] == min(single['valid_queries'] for single in singles)


def test_a_row_without_a_valid_query_has_no_figures():
    strangers = tuple(Record(Path(f'x{index}'), 4, 1, 4) for index in range(2))
    (row,) = measure_all([Protocol('none', 'cc', strangers, GALLERY)])
    assert row['valid_queries'] == 0 and all(row[name] is None for name in FIGURES)
    assert '| none | cc | 0 / 2 | 20 | - | - | - | - | - |' in markdown_table(figure_lines([row]))
    json.dumps(row, allow_nan=False)


def test_re_ranking_changes_the_figures_to_those_of_its_distances():
    protocol = Protocol('all', 'sc', QUERY, GALLERY)
    options = Reranking(4, 3)
    (row,) = measure_all([protocol], reranking=options)
    records = distinct_records([protocol])
    embeddings = dict(zip(records, embed(records), strict=True))
    sides = [np.array([embeddings[record] for record in side]) for side in (QUERY, GALLERY)]
    again = np.concatenate(list(rerank(*sides, options)))
    expected = evaluate(again, labels_of(QUERY), labels_of(GALLERY), 'sc').figures()
    assert {key: row[key] for key in expected} == pytest.approx(expected)
    assert row['mAP'] != measure_all([protocol])[0]['mAP']


def test_labels_of_nobody_are_empty():
    assert [values.shape for values in labels_of(())] == [(0,)] * 3
    assert isinstance(labels_of(QUERY), Labels) and labels_of(QUERY).pids.tolist() == [r.pid for r in QUERY]


def test_the_table_shows_trials_and_spread():
    figures = {name: 50.06 for name in FIGURES}
    row = {'protocol': 'cc-single', 'mode': 'cc', 'queries': 9, 'valid_queries': 8, 'gallery': 7, **figures}
    spread = {**row, 'trials': 10, 'std': {**figures, 'rank1': 1.23}}
    lines = markdown_table(figure_lines([row, spread])).splitlines()
    assert lines[0].startswith('| protocol | mode | valid queries | gallery | rank-1 | rank-5 | rank-10 | mAP | mINP |')
    assert lines[2].startswith('| cc-single | cc | 8 / 9 | 7 | 50.1 | 50.1 |')
    assert lines[3].startswith('| cc-single (10 trials) | cc | 8 / 9 | 7 | 50.1 ± 1.2 | 50.1 ± 50.1 |')


def written_report(**changes):
    base = {'model': 'ifd_resnet50.x', 'weights_sha256': 'ab' * 32, 'data': 'ltcc', 'masks': 'bundled'}
    base |= {'feature': 'pooled', 'flip': True, 'precision': 'fp32'}
    rest = {'rerank': None, 'seed': 3, 'protocols': [], 'paper': reference('ltcc', {'cc'})}
    return markdown_report({**base, **rest, **changes})


def test_the_report_says_what_was_measured():
    setting = written_report().splitlines()[0]
    assert setting == (
        '`ifd_resnet50.x` (weights abababababab) on `ltcc`; masks: bundled; test feature: pooled; '
        'mirror image added: yes; precision: fp32; re-ranking: none; training seed: 3.'
    )
    other = written_report(flip=False, seed=None, rerank=Reranking()._asdict())
    assert 'added: no' in other and 'seed: not recorded' in other
    assert '**k-reciprocal** (k1 20, k2 6, weight 0.3)' in other and 'ours are' in other
    counts = 'no person in 1 (0.5%), no clothing in 3 (1.5%) of 200 images; seen whole'
    counted = written_report(coverage={'images': 200, 'no_person': 1, 'no_clothing': 3})
    assert f'masks: bundled ({counts});' in counted


def test_the_papers_rows_stand_beside_ours_and_are_marked():
    text = written_report(paper=reference('ltcc', {'cc', 'general', 'sc'}))
    assert '| method | modality | general rank-1 | general mAP | cc rank-1 | cc mAP |' in text
    assert '| IFD (paper, unverified) | RGB+parsing | 81.4 | 65.3 | 64.3 | 42.3 |' in text
    assert '| 3DSL | RGB+3D | - | - | 31.2 | 14.8 |' in text
    assert 'SPT+ASE' not in text and 'copied, not measured here' in text


def test_reference_rows_are_those_of_the_data_set_and_modes_that_were_measured():
    changed = reference('prcc', {'cc'})
    assert changed['modes'] == ['cc'] and [row['method'] for row in changed['rows']][-1] == 'IFD'
    assert changed['rows'][-1]['figures'] == {'cc': {'rank1': 65.3, 'mAP': 61.7}}
    assert [row['method'] for row in changed['rows'] if row['figures']['cc']['mAP'] is None] == [
        'SPT+ASE', 'AFD-Net', 'FASM', 'GI-ReID', '3DSL',
    ]  # fmt: skip
    assert '3DSL' not in [row['method'] for row in reference('prcc', {'sc'})['rows']]
    assert reference('folder', {'cc', 'sc', 'general'}) == {} == reference('prcc', {'general'})


def test_the_papers_table_is_whole():
    assert len(TABLE_I) == 14 and all(len(figures) == len(TABLE_I_COLUMNS) for figures in TABLE_I.values())
    assert all(0 < value <= 100 for row in TABLE_I.values() for pair in row for value in pair if value is not None)


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    torch.manual_seed(0)
    model = timm.create_model('ifd_baseline_resnet10t', num_classes=0)
    info = {'input_size': [3, 64, 32], 'training': {'seed': 5}}
    return save_release(model, tmp_path_factory.mktemp('run') / 'release', 'tiny', info)


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


def run(release, data, root, output, *more):
    given = ['--model', release, '--data', data, '--root', root, '--output', output, '--workers', 0, '--device', 'cpu']
    assert eval_run.main([*map(str, given), *more]) == 0
    return json.loads((output / 'figures.json').read_text()), (output / 'figures.md').read_text()


@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')
def test_every_image_is_embedded_once_in_however_many_protocols_it_is(release, tmp_path):
    model, seen = load_model(release), []

    class Counting(EvalTransform):
        def batch(self, images, label_maps=None, device='cpu'):
            seen.extend(images)
            return super().batch(images, label_maps, device)

    counting = Counting(eval_transform(model).size)
    protocols = load_dataset('prcc', write_prcc_tree(tmp_path)).protocols
    rows = evaluate_protocols(model, protocols, counting)
    assert len(protocols) == 22 and len(rows) == 4 and len(seen) == 12
    assert evaluate_protocols(model, (), counting) == []


@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')
def test_a_published_data_set_is_reported_with_its_trials_and_the_papers_rows(release, tmp_path, capsys):
    report, text = run(release, 'prcc', write_prcc_tree(tmp_path / 'data'), tmp_path)
    assert capsys.readouterr().out == text
    assert [row['protocol'] for row in report['protocols']] == ['sc-all', 'cc-all', 'sc-single', 'cc-single']
    assert [row.get('trials') for row in report['protocols']] == [None, None, 10, 10]
    assert '| cc-single (10 trials) | cc | 4 / 4 | 2 |' in text and '| IFD | RGB+parsing | 99.0 | 98.2 | 65.3 |' in text
    assert report['model'] == 'ifd_baseline_resnet10t.tiny' and report['seed'] == 5 and report['rerank'] is None
    assert len(report['weights_sha256']) == 64 and str(tmp_path) not in json.dumps(report) + text


def test_the_output_folder_has_the_report_as_json_markdown_and_page_and_marks_re_ranking(release, tree, tmp_path):
    plain, text = run(release, 'folder', tree, tmp_path / 'out')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['figures.json', 'figures.md', 'report.html']
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'ifd_baseline_resnet10t.tiny on folder' in page and str(tmp_path) not in page
    ranked, again = run(release, 'folder', tree, tmp_path, '--rerank', '--masks', 'none', '--no-flip')
    assert ranked['rerank'] == {'k1': 20, 'k2': 6, 'weight': 0.3} and plain['rerank'] is None
    assert 're-ranking: none' in text and 're-ranking: **k-reciprocal**' in again
    assert plain['paper'] == {} and 'Table I' not in text
    assert (ranked['masks'], ranked['flip'], plain['masks'], plain['flip']) == ('none', False, 'label-maps', True)


def test_bfloat16_is_asked_for_and_marked_and_hardly_changes_the_embeddings(release, tree, tmp_path):
    report, text = run(release, 'folder', tree, tmp_path, '--precision', 'bf16')
    assert report['precision'] == 'bf16' and 'precision: bf16' in text
    model = load_model(release)
    records = distinct_records(load_dataset('folder', tree).protocols)
    exact = extract(model, records, eval_transform(model))
    with precision(torch.device('cpu'), 'bf16'):
        rounded = extract(model, records, eval_transform(model))
    assert 0.99 < (exact * rounded).sum(1).min() and not np.array_equal(exact, rounded)
    with precision(torch.device('cpu'), 'fp32'):
        assert np.array_equal(exact, extract(model, records, eval_transform(model)))


def test_flags_and_folders_that_cannot_be_used_are_named_in_one_line(release, tree, tmp_path, capsys):
    (tmp_path / 'file').touch()
    given = ['--model', str(release), '--root', str(tree), '--workers', '0', '--device', 'cpu']
    assert eval_run.main([*given, '--output', str(tmp_path / 'file')]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith('error: ')
    for flags in (('--batch-size', '0'), ('--batch-size', '-1'), ('--workers', '-1')):
        with pytest.raises(SystemExit) as end:
            eval_run.main([*given, *flags])
        assert end.value.code == 2 and f'{flags[0]}: a whole number' in capsys.readouterr().err


def test_embeddings_that_are_not_finite_stop_the_measurement(release, tree, capsys, monkeypatch):
    def broken(*given):
        model = load_model(*given)
        torch.nn.init.constant_(next(model.parameters()), float('inf'))
        return model

    monkeypatch.setattr('ifd_zoo.hub.load_model', broken)
    assert eval_run.main(['--model', str(release), '--root', str(tree), '--workers', '0', '--device', 'cpu']) == 2
    first = min((tree / 'gallery').rglob('*.jpg'))
    assert capsys.readouterr().err.splitlines()[-1].startswith(f'error: {first}: its embedding is not finite')
