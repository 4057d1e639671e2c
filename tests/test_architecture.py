"""The house rules that a machine can check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = ('ifd_zoo', 'train', 'eval')
PRODUCT = [REPOSITORY / 'app.py', *(path for room in ROOMS for path in sorted((REPOSITORY / room).rglob('*.py')))]
MAY_IMPORT = {'ifd_zoo': set(), 'eval': {'ifd_zoo'}, 'train': {'ifd_zoo', 'eval'}, 'app.py': {'ifd_zoo'}}


def imported_rooms(path):
    """Top-level names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split('.')[0]


@pytest.mark.parametrize('path', PRODUCT, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_point_one_way(path):
    room = path.relative_to(REPOSITORY).parts[0]
    others = ({*ROOMS, 'app', 'tests'} - {room}) & set(imported_rooms(path))
    assert others <= MAY_IMPORT[room]


@pytest.mark.parametrize('path', PRODUCT, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 250


def test_only_the_page_imports_gradio():
    importing = {path for path in PRODUCT if 'gradio' in imported_rooms(path)}
    assert {path.parent for path in importing} == {REPOSITORY / 'ifd_zoo' / 'page'}


def test_importing_the_package_does_not_import_the_page():
    code = 'import sys, ifd_zoo; print("gradio" in sys.modules, "ifd_zoo.page" in sys.modules)'
    told = subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert told.stdout == 'False False\n'
    outside = [path for path in PRODUCT if path.parent.name != 'page' and path.name != 'app.py']
    assert [path for path in outside if 'ifd_zoo.page' in path.read_text()] == []
