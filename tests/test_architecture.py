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

ORDER = (
    '__init__ __main__ synthetic page index uploads gallery recolour predictor hub parsing releases datasets '
    'transforms explain models masks images labels common'
).split()
"""Rooms and files of `ifd_zoo`, each of which imports only what is named after it."""


def imported_names(path):
    """Full names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def imported_rooms(path):
    """Top-level names that a file imports, anywhere in it."""
    return (name.split('.')[0] for name in imported_names(path))


def inner_room(path):
    """The room of `ifd_zoo` that a file lies in, or its own name."""
    return path.relative_to(REPOSITORY / 'ifd_zoo').parts[0].removesuffix('.py')


INNER = [path for path in PRODUCT if REPOSITORY / 'ifd_zoo' in path.parents]


@pytest.mark.parametrize('path', INNER, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_rooms_of_the_package_import_one_way(path):
    room = inner_room(path)
    imported = {name.split('.')[1] for name in imported_names(path) if name.startswith('ifd_zoo.')} & set(ORDER)
    assert imported - {room} <= set(ORDER[ORDER.index(room) + 1 :])


def test_every_room_has_its_place_in_the_order():
    assert {inner_room(path) for path in INNER} == set(ORDER)


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
    assert importing and all(inner_room(path) == 'page' for path in importing)


def test_importing_the_package_does_not_import_the_page():
    code = 'import sys, ifd_zoo; print("gradio" in sys.modules, "ifd_zoo.page" in sys.modules)'
    told = subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert told.stdout == 'False False\n'
    outside = [path for path in PRODUCT if 'page' not in path.parts and path.name != 'app.py']
    assert [path for path in outside if 'ifd_zoo.page' in path.read_text()] == []


GRADIO_NAMES_THEM = {'rank', 'compare', 'recolour', 'selected'}
"""Functions of the page whose parameters are the inputs of an event, one each."""


@pytest.mark.parametrize('path', sorted((REPOSITORY / 'ifd_zoo' / 'page').rglob('*.py')), ids=lambda path: path.name)
def test_functions_of_the_page_take_few_parameters(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    names = {one.name: {arg.arg for arg in (*one.args.args, *one.args.kwonlyargs)} for one in functions}
    counts = {name: len(arguments - {'self'}) for name, arguments in names.items()}
    assert all(count <= 6 or name in GRADIO_NAMES_THEM for name, count in counts.items()), counts
