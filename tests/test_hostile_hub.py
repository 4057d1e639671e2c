"""A hostile Hub: nothing is written outside the cache, and each error is one line."""

import json

import pytest

from ifd_zoo.hub import LoadError, fetch, list_cached, load_model
from ifd_zoo.parsing import load_parser
from tests import test_hub_server
from tests.hub_server import Hub
from tests.test_hub_server import REPO, SOURCE, assert_one_line

saved, hub, pushed = test_hub_server.saved, test_hub_server.hub, test_hub_server.pushed


@pytest.mark.parametrize('commit', ['../../../../evil', 'a/../b', 'main', '0' * 39, 'A' * 40, '', None])
def test_an_answer_without_a_valid_commit_is_refused_before_anything_is_written(hub, pushed, tmp_path, commit):
    hub.repos[REPO]['commits'][-1] = (commit, hub.repos[REPO]['commits'][-1][1])
    for load in (load_model, load_parser):
        with pytest.raises(ValueError, match='gives .* as its commit: not fetched') as error:
            load(SOURCE)
        assert_one_line(f'{error.value}\n', f'{SOURCE}: ')
    assert not (tmp_path / 'cache').exists()


@pytest.mark.parametrize('name', ['../evil.json', 'a/../../evil', '/etc/evil', '..\\evil', 'C:\\evil'])
def test_file_names_that_lead_out_of_the_folder_are_refused_before_anything_is_written(hub, pushed, tmp_path, name):
    files = hub.repos[REPO]['commits'][-1][1]
    files[name] = files['config.json']
    with pytest.raises(LoadError, match='which leads out of its folder: not fetched'):
        load_model(SOURCE)
    assert not (tmp_path / 'cache').exists()


def test_a_revision_that_leads_out_of_the_cache_is_refused(hub, pushed, tmp_path):
    with pytest.raises(LoadError, match="'../../evil' is not a revision"):
        load_model(f'{SOURCE}@../../evil')
    assert not (tmp_path / 'cache').exists()


@pytest.mark.parametrize('answer', [[], {}, {'sha': 'a' * 40}, 'text', None])
def test_an_answer_in_another_format_is_a_one_line_error(hub, pushed, monkeypatch, answer):
    monkeypatch.setattr(Hub, 'info', lambda self, repo, revision: self.answer(200, json.dumps(answer).encode()))
    with pytest.raises(LoadError, match='does not answer like a Hub|gives .* as its commit') as error:
        load_model(SOURCE)
    assert_one_line(f'{error.value}\n', f'{SOURCE}: ')


def test_a_hostile_config_in_the_cache_is_not_listed(hub, pushed):
    path = fetch(SOURCE) / 'config.json'
    assert list_cached() == [SOURCE]
    for text in ('[' * 100_000, '{"architecture": ["ifd_resnet10t"], "pretrained_cfg": {}}', '\udcff'):
        path.resolve().write_text(text, errors='surrogateescape')
        assert list_cached() == []
