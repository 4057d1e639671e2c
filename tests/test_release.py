"""Releases: model card, golden tensors, check, and the commands that make them."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import ModelCard
from jinja2 import Environment
from jinja2.meta import find_undeclared_variables
from safetensors.torch import load_file, save_file

from ifd_zoo.common.files import hash_file
from ifd_zoo.hub import LoadError, ReleaseError, list_bundled, save_release
from ifd_zoo.hub.__main__ import main
from ifd_zoo.hub.card import model_card
from ifd_zoo.hub.check import check_release
from ifd_zoo.hub.kinds import read_release
from ifd_zoo.hub.release import code_revision, update_record, write_card
from ifd_zoo.models.cfg import WEIGHTS_DIR
from ifd_zoo.releases.files import RELEASE_FILES
from tests import small_releases
from tests.small_releases import config_of, write_config

release = small_releases.release
saved_parser, parser_release = small_releases.saved_parser, small_releases.parser_release
FIGURES = [{'protocol': 'cc-all', 'queries': 9, 'gallery': 7, 'rank1': 50.0, 'rank5': 60.0, 'mAP': 25.04, 'mINP': 2.0}]
INFO = {
    'command': 'python train/run.py --recipe prcc', 'input_size': [3, 64, 32], 'figures': FIGURES,
    'data': {'name': 'prcc', 'train_images': 3, 'train_pids': 2}, 'code_revision': 'abc',
    'training': {'seed': 4, 'recipe': 'prcc', 'fill': 'noise', 'mask_classes': ['upper', 'hair'], 'masks': 'bundled'},
}


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model = timm.create_model('ifd_resnet10t', backbone='test_efficientnet', num_classes=5)
    return save_release(model, tmp_path_factory.mktemp('saved') / 'release', 'prcc', INFO)


@pytest.mark.parametrize('name', list_bundled())
def test_bundled_weights_are_whole_releases_with_the_answers_of_their_training_machine(name):
    assert 'as released; embedding within' in check_release(WEIGHTS_DIR / name)
    assert (WEIGHTS_DIR / name / 'golden.safetensors').stat().st_size < 200_000


def test_the_card_has_metadata_that_the_hub_reads(saved):
    data = ModelCard.load(saved / 'README.md').data
    assert (data.library_name, data.pipeline_tag, data.license) == ('ifd_zoo', 'image-feature-extraction', 'other')
    assert data.license_name and {'person-re-identification', 'timm'} <= set(data.tags) and data.datasets == ['prcc']
    assert data.model_name == 'ifd_resnet10t.prcc'
    found = {(r.dataset_name, r.dataset_config, r.metric_type): r.metric_value for r in data.eval_results}
    assert found == {('PRCC', 'cc-all', 'rank-1'): 50.0, ('PRCC', 'cc-all', 'mAP'): 25.04}


def test_the_card_says_what_a_reader_has_to_know(saved):
    text = (saved / 'README.md').read_text()
    for part in (
        "Predictor('hf-hub:ORG/ifd_resnet10t.prcc')", 'hf download ORG/ifd_resnet10t.prcc --local-dir DIR',
        '| cc-all | 9 | 7 | 50.0 | 60.0 | 25.0 | 2.0 |', 'upper, hair', 'seed: 4', 'code revision: abc', '64x32',
        'bundled', '--recipe prcc', '## Limits', '## Responsible use', 'terms of the training data',
    ):
        assert part in text, part


def test_a_card_without_records_says_so():
    cfg = {'input_size': [3, 64, 32], 'license': 'apache-2.0'}
    text = model_card({'architecture': 'ifd_baseline_resnet18', 'num_features': 512, 'pretrained_cfg': cfg})
    assert 'seed: not recorded' in text and 'no query and gallery' in text and 'attention' not in text
    assert ModelCard(text).data.license == 'apache-2.0'


@pytest.mark.parametrize('name', ['ifd_resnet10t.synthetic', 'parser_tf_efficientnet_lite0'])
def test_a_card_fills_all_that_its_template_has_room_for(name, monkeypatch):
    given, fill = [], ModelCard.from_template

    def watch(*args, **fields):
        given.append((Path(args[1]).read_text(), {'card_data', *fields}))
        return fill(*args, **fields)

    monkeypatch.setattr(ModelCard, 'from_template', watch)
    kind, config = read_release(WEIGHTS_DIR / name)
    assert kind.card(config) == (WEIGHTS_DIR / name / 'README.md').read_text()
    ((template, fields),) = given
    assert find_undeclared_variables(Environment().parse(template)) == fields


def test_the_config_records_the_run_and_what_the_files_are(saved):
    info = config_of(saved)['ifd']
    assert info['training']['seed'] == 4 and info['figures'] == FIGURES and info['precision'] == 'fp16'
    assert info['sha256'] == {n: hash_file(saved / n) for n in ('model.safetensors', 'golden.safetensors')}


def test_check_names_missing_files(release):
    for number, name in enumerate(RELEASE_FILES, 1):
        (release / name).unlink()
        with pytest.raises(ReleaseError, match=f'no {", ".join(RELEASE_FILES[:number])}; '):
            check_release(release)


def test_check_finds_a_model_that_answers_differently(release):
    golden = load_file(release / 'golden.safetensors')
    golden['embedding'][0, 0] += 2e-5
    save_file(golden, release / 'golden.safetensors')
    with pytest.raises(ReleaseError, match='SHA-256'):
        check_release(release)
    config = config_of(release)
    config['ifd']['sha256']['golden.safetensors'] = hash_file(release / 'golden.safetensors')
    write_config(release, config)
    with pytest.raises(ReleaseError, match=r'differs from golden.safetensors: embedding by 2.0e-05 \(allowed: 1e-05\)'):
        check_release(release)


@pytest.mark.parametrize('text', ['# no metadata', '---\nlicense: [\n---\n', '---\nlicense: mit\n---\n'])
def test_check_refuses_a_card_without_metadata(release, text):
    (release / 'README.md').write_text(text)
    with pytest.raises(ReleaseError, match='README.md: its metadata'):
        check_release(release)


def test_the_commands_save_card_and_check(tmp_path, capsys):
    folder = tmp_path / 'again'
    assert main(['save', '--model', 'ifd_baseline_resnet10t.synthetic', '--output', str(folder)]) == 0
    source = WEIGHTS_DIR / 'ifd_baseline_resnet10t.synthetic'
    ours, theirs = (load_file(path / 'model.safetensors') for path in (folder, source))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in theirs)
    card = (folder / 'README.md').read_text()
    (folder / 'README.md').unlink()
    assert main(['card', str(folder)]) == 0 and (folder / 'README.md').read_text() == card
    assert main(['check', str(folder)]) == 0
    assert 'within 0.0e+00' in capsys.readouterr().out


def test_whoever_saves_a_training_says_the_licence_of_its_weights(release, tmp_path, capsys):
    folder = tmp_path / 'licensed'
    assert main(['save', '--model', str(release), '--license', 'apache-2.0', '--output', str(folder)]) == 0
    assert ModelCard((folder / 'README.md').read_text()).data.license == 'apache-2.0'
    assert main(['check', str(folder)]) == 0
    again = tmp_path / 'again'
    assert main(['save', '--model', str(folder), '--output', str(again)]) == 0  # it is kept
    assert 'Weights: apache-2.0.' in (again / 'README.md').read_text()
    assert main(['save', '--parser', 'bundled', '--license', 'mit', '--output', str(tmp_path / 'parser')]) == 2
    assert 'a parser keeps the licence of its config.json' in capsys.readouterr().err


@pytest.mark.parametrize('kind', ['release', 'parser_release'])
def test_saving_a_release_again_gives_the_same_bytes(request, tmp_path, kind):
    folder, flag = request.getfixturevalue(kind), '--model' if kind == 'release' else '--parser'
    assert main(['save', flag, str(folder), '--output', str(tmp_path / 'again')]) == 0
    assert all((folder / name).read_bytes() == (tmp_path / 'again' / name).read_bytes() for name in RELEASE_FILES)


@pytest.mark.parametrize('umask, mode', [(0o022, 0o644), (0o027, 0o640)])
def test_files_of_a_release_follow_the_umask(release, saved_parser, tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        assert main(['save', '--model', str(release), '--output', str(tmp_path / 'model')]) == 0
        assert main(['save', '--parser', str(saved_parser), '--output', str(tmp_path / 'parser')]) == 0
        update_record(tmp_path / 'model', note='changed')
    finally:
        os.umask(before)
    for kind in ('model', 'parser'):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / kind).iterdir()}
        assert modes == dict.fromkeys(RELEASE_FILES, mode)


def test_a_command_without_a_release_says_so_in_one_line(tmp_path, capsys):
    assert main(['check', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    with pytest.raises(LoadError, match='no config.json'):
        write_card(tmp_path)


def test_a_model_for_other_images_is_not_released(tmp_path):
    with pytest.raises(ReleaseError, match='RGB images, and this model 1 channels'):
        save_release(timm.create_model('ifd_resnet10t', in_chans=1), tmp_path, 'test', INFO)


def git(folder, *words):
    command = ['git', '-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false', *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_code_revision_is_the_commit_and_says_when_files_differ_from_it(tmp_path, monkeypatch):
    code = tmp_path / 'ifd_zoo' / 'hub' / 'release.py'
    code.parent.mkdir(parents=True)
    code.write_text('first')
    monkeypatch.setattr('ifd_zoo.hub.release.__file__', str(code))
    assert code_revision() is None
    git(tmp_path, 'init')
    git(tmp_path, 'add', '.')
    git(tmp_path, 'commit', '-m', 'first')
    commit = git(tmp_path, 'rev-parse', 'HEAD')
    assert code_revision() == commit and len(commit) == 40
    code.write_text('second')
    assert code_revision() == f'{commit}-dirty'
