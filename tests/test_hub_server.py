"""Publish and fetch releases over HTTP, with the real client and the `hf` command, from a server on this machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch

from ifd_zoo import Predictor, create_model
from ifd_zoo.hub import LoadError, ReleaseError, fetch, list_bundled, list_cached, load_model
from ifd_zoo.hub.__main__ import main
from ifd_zoo.hub.push import push_release
from ifd_zoo.models.cfg import WEIGHTS_DIR
from ifd_zoo.releases.files import RELEASE_FILES
from tests.hub_server import TOKEN, hub_server

REPOSITORY = Path(__file__).resolve().parents[1]
NAME = 'ifd_resnet10t.synthetic'
RELEASE = WEIGHTS_DIR / NAME
REPO = f'zoo/{NAME}'
DEAD = 'http://127.0.0.1:9'  # the port for discarding, where nobody listens


def embed(model):
    torch.manual_seed(0)
    with torch.no_grad():
        return model.eval()(*torch.randn(2, 2, 3, 128, 64)).embedding


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
def pushed(hub):
    """The commit of a release on that Hub."""
    return push_release(RELEASE, REPO).commit


def run(*command, **environment):
    """A fresh process that knows the server by HF_ENDPOINT alone."""
    env = {**os.environ, 'HF_HUB_OFFLINE': '0', 'HF_HUB_DISABLE_XET': '1', 'HF_TOKEN': TOKEN, 'NO_PROXY': '127.0.0.1'}
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env={**env, **environment})
    assert result.returncode == 0, result.stderr
    return result.stdout


def publish_and_fetch(release, repo, folder, load):
    """Each step as a user does it, in a process of its own: push `release`, `hf download` it to folder/D, and run the
    code `load` with its hf-hub: name and the file folder/answer."""
    hf = Path(sys.executable).with_name('hf')
    with hub_server() as (endpoint, state):
        env = {'HF_ENDPOINT': endpoint, 'HF_HOME': str(folder / 'home'), 'IFD_HUB_ORG': repo.split('/')[0]}
        env |= {'HF_HUB_DISABLE_UPDATE_CHECK': '1', 'HF_HUB_DISABLE_TELEMETRY': '1'}
        output = run(sys.executable, '-m', 'ifd_zoo.hub', 'push', str(release), **env)
        commit = state.repos[repo]['commits'][-1][0]
        assert output == f'{repo}: commit {commit}\n{endpoint}/{repo}/commit/{commit}\n'
        run(str(hf), 'download', repo, '--local-dir', str(folder / 'D'), **env)
        run(sys.executable, '-c', load, f'hf-hub:{repo}@{commit}', str(folder / 'answer'), **env)


def test_push_hf_download_and_hf_hub_give_the_same_model_in_fresh_processes(tmp_path):
    publish_and_fetch(RELEASE, REPO, tmp_path, LOAD)
    expected = embed(load_model(RELEASE))
    assert torch.equal(torch.load(tmp_path / 'answer'), expected)
    assert {path.name for path in (tmp_path / 'D').iterdir() if path.is_file()} == {*RELEASE_FILES, '.gitattributes'}
    model = Predictor(tmp_path / 'D', device='cpu').model
    # Channels last, as a predictor keeps it, other kernels compute, which round otherwise.
    assert torch.equal(embed(model.to(memory_format=torch.contiguous_format)), expected)
    assert torch.equal(embed(timm.create_model(f'local-dir:{tmp_path / "D"}', pretrained=True)), expected)


LOAD = (
    'import sys, torch; from ifd_zoo import create_model; from tests.test_hub_server import embed; '
    'torch.save(embed(create_model(sys.argv[1], pretrained=True)), sys.argv[2])'
)


def test_push_is_private_and_complete_and_sends_nothing_twice(hub, capsys):
    assert main(['push', str(RELEASE), '--org', 'zoo']) == 0
    first = capsys.readouterr().out
    assert hub.repos[REPO]['private'] and set(hub.repos[REPO]['commits'][-1][1]) == {*RELEASE_FILES, '.gitattributes'}
    sent = [request for request in hub.requests if request[0] == 'PUT']
    assert len(sent) == 2
    assert main(['push', str(RELEASE), '--org', 'zoo']) == 0
    second = capsys.readouterr().out
    commit = hub.repos[REPO]['commits'][-1][0]
    assert f'commit {commit}' in first and f'nothing to do, the Hub has it already: commit {commit}' in second
    assert len(hub.repos[REPO]['commits']) == 2 and sent == [r for r in hub.requests if r[0] == 'PUT']


def test_the_published_card_names_the_repository(hub, pushed):
    card = hub.repos[REPO]['commits'][-1][1]['README.md'].content.decode()
    assert f"Predictor('hf-hub:{REPO}')" in card and 'ORG/' not in card


def test_a_changed_release_is_a_new_commit_and_the_old_one_stays(hub, pushed, tmp_path):
    changed = shutil.copytree(RELEASE, tmp_path / 'changed')
    (changed / 'README.md').write_text((changed / 'README.md').read_text() + '\nMore.\n')
    later = push_release(changed, REPO)
    assert later.changed and later.commit != pushed
    assert 'More.' in (fetch(f'hf-hub:{REPO}', ['README.md']) / 'README.md').read_text()
    assert 'More.' not in (fetch(f'hf-hub:{REPO}@{pushed}', ['README.md']) / 'README.md').read_text()


def test_public_only_when_asked(hub):
    push_release(RELEASE, REPO, public=True)
    assert not hub.repos[REPO]['private']


def test_dry_run_lists_files_and_sizes_and_asks_the_hub_nothing(hub, capsys):
    assert main(['push', str(RELEASE), '--org', 'zoo', '--dry-run']) == 0
    output = capsys.readouterr().out
    assert f'would push to {REPO} (private if it is new)' in output and not hub.requests
    assert f'{(RELEASE / "model.safetensors").stat().st_size:,}  model.safetensors' in output


def test_a_release_that_is_not_in_order_is_not_pushed(hub, tmp_path):
    broken = shutil.copytree(RELEASE, tmp_path / 'broken')
    (broken / 'golden.safetensors').unlink()
    with pytest.raises(ReleaseError, match='no golden.safetensors'):
        push_release(broken, REPO)
    assert hub.requests == []


def test_a_cut_download_goes_on_where_it_was(hub, pushed):
    hub.cut_at = 15_000_000
    assert torch.equal(embed(load_model(f'hf-hub:{REPO}')), embed(load_model(RELEASE)))
    ranges = [sent for method, path, sent in hub.requests if method == 'GET' and path.startswith('/get/')]
    assert ranges[0] is None and int(re.match(r'bytes=(\d+)-', ranges[1])[1]) > 10_000_000


def test_a_filled_cache_is_enough_offline_and_with_a_dead_server(hub, pushed, monkeypatch):
    expected = embed(load_model(f'hf-hub:{REPO}'))
    assert list_cached() == [f'hf-hub:{REPO}']
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', DEAD)
    assert torch.equal(embed(load_model(f'hf-hub:{REPO}')), expected)
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    assert torch.equal(embed(load_model(f'hf-hub:{REPO}@{pushed}')), expected)


def test_timm_alone_loads_the_same_from_the_hub(hub, pushed):
    model = timm.create_model(f'hf-hub:{REPO}', pretrained=True)
    assert torch.equal(embed(model), embed(load_model(RELEASE)))


def test_a_name_without_published_weights_is_looked_for_in_the_organisation(hub, tmp_path, monkeypatch):
    folder = shutil.copytree(RELEASE, tmp_path / 'release')
    config = json.loads((folder / 'config.json').read_text())
    config['pretrained_cfg']['tag'] = 'ablation'
    (folder / 'config.json').write_text(json.dumps(config))
    monkeypatch.setenv('IFD_HUB_ORG', 'zoo')
    assert main(['push', str(folder)]) == 0
    model = create_model('ifd_resnet10t.ablation', pretrained=True, num_classes=3)
    assert model.get_classifier().out_features == 3 and torch.equal(embed(model), embed(load_model(RELEASE)))
    with pytest.raises(LoadError, match='the Hub has no zoo/ifd_resnet50.prcc.*train/run.py --recipe prcc'):
        load_model('ifd_resnet50.prcc')


def test_check_takes_a_hub_id(hub, pushed, capsys):
    assert main(['check', f'hf-hub:{REPO}']) == 0
    assert 'as released; embedding within' in capsys.readouterr().out


def test_weights_that_changed_on_the_way_are_refused(hub, pushed):
    folder = fetch(f'hf-hub:{REPO}')
    path = (folder / 'model.safetensors').resolve()
    path.write_bytes(path.read_bytes()[:-1] + b'\x01')
    with pytest.raises(LoadError, match='not the file that was released'):
        load_model(f'hf-hub:{REPO}')


def test_a_repository_without_safetensors_is_refused(hub, pushed):
    commit, files = hub.repos[REPO]['commits'][-1]
    rest = {name: file for name, file in files.items() if name != 'model.safetensors'}
    hub.repos[REPO]['commits'].append(('0' * 40, rest))
    with pytest.raises(LoadError, match='no model.safetensors'):
        load_model(f'hf-hub:{REPO}')


FAILURES = {
    '401': ('zoo', 'hf_wrong', 'the Hub refused the token, or there is none (401)'),
    '403': ('others', TOKEN, 'the token does not allow this for others/'),
    '500': ('broken', TOKEN, 'has an internal error (500)'),
}


@pytest.mark.parametrize('organisation, token, expected', FAILURES.values(), ids=FAILURES)
def test_a_push_that_fails_is_one_line(hub, capsys, monkeypatch, organisation, token, expected):
    monkeypatch.setenv('HF_TOKEN', token)
    assert main(['push', str(RELEASE), '--org', organisation]) == 2
    assert_one_line(capsys.readouterr().err, expected)


def test_a_push_without_organisation_or_hub_is_one_line(hub, capsys, monkeypatch):
    monkeypatch.delenv('IFD_HUB_ORG', raising=False)
    assert main(['push', str(RELEASE)]) == 2
    assert_one_line(capsys.readouterr().err, 'give --org NAME, or set IFD_HUB_ORG')
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', DEAD)
    assert main(['push', str(RELEASE), '--org', 'zoo']) == 2
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
def test_a_model_that_cannot_be_had_is_one_line_with_the_alternatives(hub, pushed, monkeypatch, repo, token, expected):
    monkeypatch.setenv('HF_TOKEN', token)
    with pytest.raises(LoadError) as error:
        load_model(f'hf-hub:{repo}')
    assert_one_line(str(error.value) + '\n', f'hf-hub:{repo}: ', expected, 'in the cache: none; bundled: ifd_')


def test_without_a_network_the_line_names_the_cache_and_the_bundled_models(hub, pushed, monkeypatch):
    fetch(f'hf-hub:{REPO}')
    monkeypatch.setattr(huggingface_hub.constants, 'ENDPOINT', DEAD)
    alternatives = f'in the cache: hf-hub:{REPO}; bundled: {", ".join(list_bundled())}'
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
