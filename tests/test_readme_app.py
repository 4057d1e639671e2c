"""The lines of the README that use the app through gradio_client are run as they stand."""

import re
import shutil
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from ifd_zoo.gallery import example_photos
from tests.browser import App

README = (Path(__file__).resolve().parents[1] / 'README.md').read_text()
EXAMPLES = dict(re.findall(r'```python\n# (/\w+)\n(.*?)```', README, re.DOTALL))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    running = App(tmp_path_factory.mktemp('app'))
    yield running
    running.stop()


@pytest.fixture
def photos(monkeypatch, tmp_path):
    """The files that the README names, in the working folder."""
    gallery = example_photos('gallery')
    names = 'query.jpg', 'anchor.jpg', 'a.jpg', 'b.jpg', 'same_person.jpg', 'other_person.jpg'
    for name, path in zip(names, [*example_photos('query')[:2], *gallery[:4]], strict=True):
        shutil.copy(path, tmp_path / name)
    monkeypatch.chdir(tmp_path)


def test_each_endpoint_has_an_example_of_a_few_lines():
    assert set(EXAMPLES) == {'/rank', '/compare', '/recolour', '/embed', '/models'}
    assert all(len(lines.splitlines()) <= 6 for lines in EXAMPLES.values())


@pytest.mark.parametrize(('name', 'printed'), [
    ('/rank', 'a.jpg'), ('/compare', 'margin'), ('/recolour', 'upper'), ('/embed', 'cosine similarity'),
    ('/models', 'ifd_resnet10t.synthetic bundled'),
])
def test_the_examples_run(server, photos, capsys, tmp_path, name, printed):
    client = Client(server.url, verbose=False, download_files=str(tmp_path / 'downloads'))
    exec(EXAMPLES[name], {'client': client, 'handle_file': handle_file})
    assert printed in capsys.readouterr().out


def test_the_pictures_of_the_readme_are_there_and_small():
    pictures = [Path(__file__).resolve().parents[1] / name for name in re.findall(r'\((\.github/app_[^)]+)\)', README)]
    assert len(pictures) == 3 and all(path.stat().st_size < 300_000 for path in pictures)
