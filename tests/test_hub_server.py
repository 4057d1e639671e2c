"""Publish and fetch releases over HTTP, with the real client and the `hf` command, from a server on this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import huggingface_hub
import numpy as np
import pytest
import timm
import torch

from ifd_zoo import create_model
from ifd_zoo.hub import LoadError, ReleaseError, fetch, list_bundled, list_cached, load_model
from ifd_zoo.hub.__main__ import main
from ifd_zoo.hub.check import check_release
from ifd_zoo.hub.push import push_release
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.releases.files import RELEASE_FILES
from tests import small_releases
from tests.hub_server import TOKEN, hub_server
from tests.small_releases import IMAGE, answer, config_of, write_config

saved, saved_parser, release = small_releases.saved, small_releases.saved_parser, small_releases.release
REPOSITORY = Path(__file__).resolve().parents[1]
REPO, PARSER_REPO = 'zoo/ifd_resnet10t.test', 'zoo/parser_test_efficientnet'
SOURCE = f'hf-hub:{REPO}'
DEAD = 'http://127.0.0.1:9'  # the port for discarding, where nobody listens
pytestmark = pytest.mark.filterwarnings('ignore:.*fresh weights')


ANSWERS = {
    'model': lambda source: answer(load_model(source)).numpy(),
    'parser': lambda source: load_parser(source).parse([IMAGE])[0],
}


class Kind(NamedTuple):
    """A model or a parser: its release and repository, and what loading it gives and says."""

    name: str
    folder: Path
    repo: str
    answer: Callable
    error: type
    usage: str
    checked: str


@pytest.fixture(params=ANSWERS)
def kind(request, saved, saved_parser):
    load = ANSWERS[request.param]
    if request.param == 'model':
        return Kind('model', saved, REPO, load, LoadError, f"Predictor('{SOURCE}')", 'embedding within')
    usage = f"load_parser('hf-hub:{PARSER_REPO}')"
    return Kind('parser', saved_parser, PARSER_REPO, load, ParserError, usage, 'label maps within')


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub of its own, with an empty cache, a right token, and this process pointed at it; gives its `State`."""
    constants = huggingface_hub.constants
    with hub_server() as (endpoint, state):
        monkeypatch.setattr(constants, 'ENDPOINT', endpoint)
        template = endpoint + '/{repo_id}/resolve/{revision}/{filename}'
        monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', template)
        monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'cache'))
        monkeypatch.setattr(constants, 'HF_TOKEN_PATH', str(tmp_path / 'token'))
        monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
        monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True)
        monkeypatch.setenv('HF_TOKEN', TOKEN)
        monkeypatch.setenv('NO_PROXY', '127.0.0.1')
        yield state


@pytest.fixture
def pushed(hub, saved):
    """The commit of a model on that Hub."""
    return push_release(saved, REPO).commit


def run(*command, **environment):
    """A fresh process that knows the server by HF_ENDPOINT alone."""
    env = {**os.environ, 'HF_HUB_OFFLINE': '0', 'HF_HUB_DISABLE_XET': '1', 'HF_TOKEN': TOKEN, 'NO_PROXY': '127.0.0.1'}
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env={**env, **environment})
    assert result.returncode == 0, result.stderr
    return result.stdout


LOAD = (
    'import sys, numpy; from tests.test_hub_server import ANSWERS; '
    'numpy.save(sys.argv[3], ANSWERS[sys.argv[1]](sys.argv[2]))'
)


def test_push_hf_download_and_hf_hub_give_the_same_answers_in_fresh_processes(kind, tmp_path):
    hf, source, path = Path(sys.executable).with_name('hf'), f'hf-hub:{kind.repo}', tmp_path / 'answer.npy'
    with hub_server() as (endpoint, state):
        env = {'HF_ENDPOINT': endpoint, 'HF_HOME': str(tmp_path / 'home'), 'IFD_HUB_ORG': 'zoo'}
        env |= {'HF_HUB_DISABLE_UPDATE_CHECK': '1', 'HF_HUB_DISABLE_TELEMETRY': '1'}
        output = run(sys.executable, '-m', 'ifd_zoo.hub', 'push', str(kind.folder), **env)
        commit = state.repos[kind.repo]['commits'][-1][0]
        assert output == f'{kind.repo}: commit {commit}\n{endpoint}/{kind.repo}/commit/{commit}\n'
        run(str(hf), 'download', kind.repo, '--local-dir', str(tmp_path / 'D'), **env)
        run(sys.executable, '-c', LOAD, kind.name, f'{source}@{commit}', str(path), **env)
    expected = kind.answer(kind.folder)
    assert np.array_equal(np.load(path), expected) and len(np.unique(expected)) > 1
    assert np.array_equal(kind.answer(tmp_path / 'D'), expected)
    assert {path.name for path in (tmp_path / 'D').iterdir() if path.is_file()} == {*RELEASE_FILES, '.gitattributes'}
    assert 'as released' in check_release(tmp_path / 'D')


def test_push_is_private_and_complete_and_sends_nothing_twice(hub, kind, capsys):
    assert main(['push', str(kind.folder), '--org', 'zoo']) == 0
    first, sent = capsys.readouterr().out, [request for request in hub.requests if request[0] == 'PUT']
    commit, files = hub.repos[kind.repo]['commits'][-1]
    assert hub.repos[kind.repo]['private'] and set(files) == {*RELEASE_FILES, '.gitattributes'} and len(sent) == 2
    card = files['README.md'].content.decode()
    assert kind.usage in card and 'ORG/' not in card
    assert main(['push', str(kind.folder), '--org', 'zoo']) == 0
    second = capsys.readouterr().out
    assert f'{kind.repo}: commit {commit}' in first
    assert f'{kind.repo}: nothing to do, the Hub has it already: commit {commit}' in second
    assert len(hub.repos[kind.repo]['commits']) == 2 and sent == [r for r in hub.requests if r[0] == 'PUT']


def test_a_changed_release_is_a_new_commit_and_the_old_one_stays(hub, pushed, release):
    (release / 'README.md').write_text((release / 'README.md').read_text() + '\nMore.\n')
    later = push_release(release, REPO)
    assert later.changed and later.commit != pushed
    assert 'More.' in (fetch(SOURCE, ['README.md']) / 'README.md').read_text()
    assert 'More.' not in (fetch(f'{SOURCE}@{pushed}', ['README.md']) / 'README.md').read_text()


def test_public_only_when_asked(hub, saved):
    push_release(saved, REPO, public=True)
    assert not hub.repos[REPO]['private']


def test_a_dry_run_lists_files_and_sizes_without_a_request(hub, saved, capsys):
    assert main(['push', str(saved), '--org', 'zoo', '--dry-run']) == 0
    output = capsys.readouterr().out
    assert f'would push to {REPO} (private if it is new)' in output and not hub.requests
    assert f'{(saved / "model.safetensors").stat().st_size:,}  model.safetensors' in output


def test_an_incomplete_release_is_not_pushed(hub, release):
    (release / 'golden.safetensors').unlink()
    with pytest.raises(ReleaseError, match='no golden.safetensors'):
        push_release(release, REPO)
    assert hub.requests == []


def test_an_interrupted_download_is_resumed(hub, pushed, saved, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, 'DOWNLOAD_CHUNK_SIZE', 100_000)
    hub.cut_at = 150_000
    assert torch.equal(answer(load_model(SOURCE)), answer(load_model(saved)))
    ranges = [sent for method, path, sent in hub.requests if method == 'GET' and path.startswith('/get/')]
    assert ranges[0] is None and int(re.match(r'bytes=(\d+)-', ranges[1])[1]) >= 100_000


def test_a_filled_cache_is_enough_offline_and_with_a_dead_server(hub, kind, capsys, monkeypatch):
    source, commit = f'hf-hub:{kind.repo}', push_release(kind.folder, kind.repo).commit
    expected = kind.answer(kind.folder)
    assert main(['check', source]) == 0 and f'as released; {kind.checked}' in capsys.readouterr().out
    assert np.array_equal(kind.answer(source), expected)
    assert list_cached() == ([source] if kind.repo == REPO else [])  # of models alone
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', DEAD)
    assert np.array_equal(kind.answer(source), expected)
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    assert np.array_equal(kind.answer(f'{source}@{commit}'), expected)


def test_timm_alone_loads_the_same_from_the_hub(hub, pushed, saved):
    model = timm.create_model(SOURCE, pretrained=True).eval()
    state = load_model(saved).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_name_without_published_weights_is_looked_for_in_the_organisation(hub, release, monkeypatch):
    config = config_of(release)
    config['pretrained_cfg']['tag'] = 'ablation'
    write_config(release, config)
    monkeypatch.setenv('IFD_HUB_ORG', 'zoo')
    assert main(['push', str(release)]) == 0
    model = create_model('ifd_resnet10t.ablation', pretrained=True, num_classes=3)
    assert model.get_classifier().out_features == 3
    assert torch.equal(answer(model.eval()), answer(load_model(release)))
    with pytest.raises(LoadError, match='the Hub has no zoo/ifd_resnet50.prcc.*train/run.py --recipe prcc'):
        load_model('ifd_resnet50.prcc')


def test_weights_that_changed_on_the_way_are_refused(hub, kind):
    push_release(kind.folder, kind.repo)
    path = (fetch(f'hf-hub:{kind.repo}') / 'model.safetensors').resolve()
    path.write_bytes(path.read_bytes()[:-1] + b'\x01')
    with pytest.raises(kind.error, match='not the file that was released: its SHA-256 is'):
        kind.answer(f'hf-hub:{kind.repo}')


def test_a_repository_without_safetensors_is_refused(hub, pushed):
    commit, files = hub.repos[REPO]['commits'][-1]
    rest = {name: file for name, file in files.items() if name != 'model.safetensors'}
    hub.repos[REPO]['commits'].append(('0' * 40, rest))
    with pytest.raises(LoadError, match='no model.safetensors'):
        load_model(SOURCE)


FAILURES = {
    '401': ('zoo', 'hf_wrong', 'the Hub refused the token, or there is none (401)'),
    '403': ('others', TOKEN, 'the token does not allow this for others/'),
    '500': ('broken', TOKEN, 'has an internal error (500)'),
}


@pytest.mark.parametrize('organisation, token, expected', FAILURES.values(), ids=FAILURES)
def test_a_push_that_fails_is_a_one_line_error(hub, saved, capsys, monkeypatch, organisation, token, expected):
    monkeypatch.setenv('HF_TOKEN', token)
    assert main(['push', str(saved), '--org', organisation]) == 2
    assert_one_line(capsys.readouterr().err, expected)


def test_a_push_without_organisation_or_hub_is_a_one_line_error(hub, saved, capsys, monkeypatch):
    monkeypatch.delenv('IFD_HUB_ORG', raising=False)
    assert main(['push', str(saved)]) == 2
    assert_one_line(capsys.readouterr().err, 'give --org NAME, or set IFD_HUB_ORG')
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', DEAD)
    assert main(['push', str(saved), '--org', 'zoo']) == 2
    assert_one_line(capsys.readouterr().err, f'the Hub at {DEAD} cannot be reached')


SOURCES = {
    'no such repository': ('zoo/nothing', TOKEN, 'the Hub has no zoo/nothing'),
    'private, no token': (REPO, '', f'the Hub has no {REPO}, or it is private'),
    'wrong token': (REPO, 'hf_wrong', 'the Hub refused the token'),
    'no such revision': (f'{REPO}@v9', TOKEN, f'{REPO} has no such revision'),
    'broken Hub': ('broken/model', TOKEN, 'has an internal error (500)'),
    'no name': ('a/b/c', TOKEN, 'a/b/c'),
}


@pytest.mark.parametrize('repo, token, expected', SOURCES.values(), ids=SOURCES)
def test_an_unavailable_model_is_one_line_with_the_alternatives(hub, pushed, monkeypatch, repo, token, expected):
    monkeypatch.setenv('HF_TOKEN', token)
    with pytest.raises(LoadError) as error:
        load_model(f'hf-hub:{repo}')
    assert_one_line(str(error.value) + '\n', f'hf-hub:{repo}: ', expected, 'in the cache: none; bundled: ifd_')


def test_without_a_network_the_line_names_the_cache_and_the_bundled_models(hub, pushed, monkeypatch):
    fetch(SOURCE)
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', DEAD)
    alternatives = f'in the cache: {SOURCE}; bundled: {", ".join(list_bundled())}'
    with pytest.raises(LoadError) as error:
        load_model('hf-hub:zoo/other')
    assert_one_line(str(error.value) + '\n', f'the Hub at {DEAD} cannot be reached', alternatives)
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    with pytest.raises(LoadError) as error:
        load_model('hf-hub:zoo/other')
    assert_one_line(str(error.value) + '\n', 'HF_HUB_OFFLINE is set, and zoo/other is not in the cache', alternatives)


def assert_one_line(text, *parts):
    assert text.count('\n') == 1, text
    for part in parts:
        assert part in text, text
