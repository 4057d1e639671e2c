"""The study that sets methods side by side: what each row decides, and its tables."""

import json
import shutil

import pytest
import timm
import torch

from eval.reports.paper import TABLE_I
from ifd_zoo.common.choices import NO_MASKS
from ifd_zoo.common.variants import VARIANTS
from ifd_zoo.hub import save_release
from tests.test_ablation import arguments
from tests.test_ablation_report import figures
from tests.trees import write_folder_tree
from train import ablation
from train.flags import parse_args
from train.studies.rows import STUDIES

ROWS = STUDIES['methods']


def study(tmp_path, *more):
    return ablation.parse_args(arguments(tmp_path / 'tree', tmp_path, '--study', 'methods', '--seeds', '0', *more))


def configs(args):
    """The config of the run of each row."""
    found = ablation.Ablation(args)
    return {run.arm: parse_args(found._command(run)[2:-1])[0] for run in found.runs}


def test_every_method_has_a_row_beside_ifd_and_the_controls(tmp_path):
    assert [*ROWS][:4] == ['ifd', 'baseline', 'masked', 'ikt-no_masks']
    assert [*ROWS][4:] == [name for name, variant in VARIANTS.items() if variant.reference]
    assert list(configs(study(tmp_path))) == [*ROWS]


def test_rows_share_data_seed_and_budget_and_keep_what_makes_a_method(tmp_path):
    rates = ['--rates', 'pcb=0.05', 'ifd=0.002', '--', '--epochs', '7', '--backbone', 'resnet18', '--lr', '0.004']
    found = configs(study(tmp_path, *rates))
    for name, config in found.items():
        assert (config.seed, config.epochs, config.recipe, config.sampler) == (0, 7, 'ablation', 'proportional_ras')
        assert config.backbone == VARIANTS[config.variant].settings.get('backbone', 'resnet18'), name
    assert {name: config.lr for name, config in found.items()} == {
        **dict.fromkeys(ROWS, 0.004), 'ifd': 0.002, 'pcb': 0.05, 'transreid': 0.008,
    }  # fmt: skip
    assert found['cal'].pool == 'max_avg' and found['ifd'].pool == 'avg' and found['pcb'].optimizer == 'sgd'
    assert found['ikt-no_masks'].masks == NO_MASKS


def test_a_study_can_be_of_some_of_its_rows(tmp_path):
    args = study(tmp_path, '--rows', 'cal', 'ifd', '--rates', 'cal=0.001')
    assert list(configs(args)) == ['ifd', 'cal'] and args.rows['methods'] == {'ifd': 'IFD', 'cal': 'CAL'}
    assert '--study methods' in (command := ablation.Ablation(args)._own_command('methods'))
    assert '--rows ifd cal --rates cal=0.001' in command


@pytest.mark.parametrize(
    'flags, words',
    [
        (['--rows', 'cbd'], '--rows: cbd is not a row of methods (aim, baseline, cal'),
        (['--rows', 'ifd', '--rates', 'cal=0.1'], '--rates: cal is not a row'),
        (['--study', 'methods', 'sampler', '--rows', 'cal'], '--rows: none of them is a row of sampler'),
    ],
)
def test_rows_that_a_study_has_not_are_named(flags, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        study(tmp_path, *flags)
    assert stop.value.code == 2 and words in capsys.readouterr().err


@pytest.mark.parametrize(
    'rates, word',
    [(['cal'], 'ROW=RATE'), (['cal=fast'], 'cal=fast'), (['cal=0'], 'cal=0'), (['kal=1'], 'kal=1'), (['cbd=1'], 'cbd')],
)
def test_impossible_rates_are_named(rates, word, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        study(tmp_path, '--rates', *rates)
    assert stop.value.code == 2 and word in capsys.readouterr().err


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """Every run of the study, with weights that were never trained."""
    output = tmp_path_factory.mktemp('study')
    write_folder_tree(output / 'tree', train=2, test=3)
    for arm, config in configs(study(output)).items():
        torch.manual_seed(0)
        options = {'backbone': 'test_efficientnet'} | ({'masked': True} if config.variant == 'masked' else {})
        model = timm.create_model(f'{VARIANTS[config.variant].prefix}resnet10t', **options)
        info = {
            'input_size': [3, 64, 32],
            'figures': figures([(10, 20), (30, 40), (50, 60)]),
            'training': {'seconds': 60, 'torch': '2', **json.loads(json.dumps(config.to_record()))},
            'data': {'name': 'folder', 'folder': 'tree'},
        }
        save_release(model, output / 'runs' / f'{arm}-seed0' / 'release', 'test', info)
    return output


@pytest.mark.filterwarnings('ignore:.*fresh weights')
def test_finished_rows_are_compared_query_by_query_with_both_test_features(finished, capsys):
    more = ['--study', 'methods', '--seeds', '0']
    assert ablation.main(arguments(finished / 'tree', finished, *more, '--', '--workers', '0')) == 0
    assert capsys.readouterr().out.count('skipped') == len(ROWS)
    report, text = json.loads((finished / 'methods.json').read_text()), (finished / 'methods.md').read_text()
    assert [row['label'] for row in report['rows']] == [*ROWS.values()]
    assert f'learning rates: IFD 0.001, baseline 0.001, {ROWS["masked"]} 0.001' in text and 'PCB 0.1' in text
    for feature in ('own', 'pooled', 'both'):
        rows = [row for row in report['pairs'][feature] if row['protocol'] == 'cc']
        assert [row['row'] for row in rows] == [*ROWS.values()]
        assert 'rank1_difference' not in rows[0] and all('mAP_difference' in row for row in rows[1:])
    assert report['pairs']['own'] != report['pairs']['pooled']
    for method in ('PCB', 'CAL', 'AIM', 'IFD'):
        (rank1, mean), line = TABLE_I[next(key for key in TABLE_I if key[0] == method)][1], f'| {method} | 30.0 / 40.0'
        (found,) = [part for part in text.splitlines() if part.startswith(line)]
        assert f'| *{rank1:.1f} / {mean:.1f}* |' in found
    assert 'epoch that tests best' in text


def test_a_row_that_was_trained_otherwise_is_refused(finished, tmp_path, capsys):
    shutil.copytree(finished / 'runs', tmp_path / 'runs')
    path = tmp_path / 'runs' / 'pcb-seed0' / 'release' / 'config.json'
    for field, value in (('optimizer', 'adam'), ('crop', 0.0)):
        config = json.loads((finished / path.relative_to(tmp_path)).read_text())
        config['ifd']['training'][field] = value
        path.write_text(json.dumps(config))
        assert ablation.main(arguments(finished / 'tree', tmp_path, '--study', 'methods', '--seeds', '0')) == 2
        error = capsys.readouterr().err
        assert 'pcb-seed0' in error and field in error
