"""The repository as a Gradio Space: the front matter of README.md, and the address the app listens on."""

import re
import tomllib
from pathlib import Path

import pytest
from huggingface_hub import RepoCard, SpaceCardData
from packaging.requirements import Requirement

import app

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def data():
    card = RepoCard.load(REPOSITORY / 'README.md', repo_type='space')
    return SpaceCardData(**card.data.to_dict())


def test_the_front_matter_describes_a_gradio_space(data):
    assert (data.sdk, data.app_file, data.license) == ('gradio', 'app.py', 'apache-2.0')
    assert data.title and (REPOSITORY / data.app_file).is_file()
    assert all(re.fullmatch(r'[\w.-]+/[\w.-]+', model) for model in data.models) and data.models


def test_its_versions_fit_what_the_repository_asks_for(data):
    requirements = {r.name: r for r in map(Requirement, (REPOSITORY / 'requirements.txt').read_text().split('\n')[:-1])}
    assert isinstance(data.sdk_version, str) and requirements['gradio'].specifier.contains(data.sdk_version)
    target = tomllib.loads((REPOSITORY / '.ruff.toml').read_text())['target-version']
    assert str(data.python_version).replace('.', '') == target.removeprefix('py')


def test_the_app_listens_where_a_space_asks_it_to(monkeypatch):
    monkeypatch.delenv('GRADIO_SERVER_NAME', raising=False)
    assert app.parse_args([]).host == '127.0.0.1'
    monkeypatch.setenv('GRADIO_SERVER_NAME', '0.0.0.0')
    assert app.parse_args([]).host == '0.0.0.0'
