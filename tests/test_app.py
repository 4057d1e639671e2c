"""How the app starts and ends: with its model or a message, and with nothing left behind."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from types import SimpleNamespace

import pytest

import app
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.page import site
from ifd_zoo.page.guard.temporary import PREFIX
from tests.browser import free_port
from tests.page import GALLERY, make_shared, uploads_folder
from tests.visitor import Page, start, write_release


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    return write_release(tmp_path_factory.mktemp('release'))


@pytest.mark.parametrize(('flags', 'message'), [
    (['--model', 'no_such_model'], "no trained model 'no_such_model'"),
    (['--parser', 'none', '--device', 'no_such_device'], 'no_such_device'),
    (['--parser', 'no_such_parser'], 'no_such_parser'),
    (['--parser', 'none', '--port', 'taken'], 'cannot listen on 127.0.0.1:{port}; choose another --port'),
])
def test_a_start_that_cannot_work_ends_with_code_2_and_a_message(capsys, monkeypatch, release, flags, message):
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')  # so that what `main` sets is put back
    with socket.create_server(('127.0.0.1', 0)) as other:
        taken = str(other.getsockname()[1])
        defaults = ['--port', str(free_port()), '--model', str(release)]
        assert app.main([*defaults, *(taken if flag == 'taken' else flag for flag in flags)]) == 2
    assert message.format(port=taken) in capsys.readouterr().err


def test_the_page_is_there_before_the_model_and_a_search_waits_for_it(monkeypatch, tmp_path):
    uploads_folder(monkeypatch, tmp_path)
    shared, asked, ready, over = make_shared(), Semaphore(0), Event(), Event()
    demo, get = site.build_demo(*shared), shared.models.get
    monkeypatch.setattr(shared.models, 'get', lambda name: asked.release() or ready.wait(120) and get(name))
    monkeypatch.setattr(demo, 'block_thread', lambda: over.wait(120) and 0)
    args = app.parse_args(['--port', str(free_port())])
    with ThreadPoolExecutor(2) as pool:
        code = pool.submit(site._serve, demo, *shared, args)
        try:
            assert asked.acquire(timeout=60), 'the start does not ask for the model'
            page = Page(SimpleNamespace(url=f'http://127.0.0.1:{args.port}'))
            search = pool.submit(page.rank, [page.good], [page.good])
            assert asked.acquire(timeout=60) and not search.done()
            ready.set()
            assert search.result(60)[1] == ['good.jpg']
        finally:
            ready.set()
            over.set()
        code.result(60)


def files_in(folder):
    """When each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*') if path.is_file()}


def test_a_gallery_folder_is_indexed_once_and_no_photo_outlives_the_page_however_it_ends(release, tmp_path):
    index, indexed, left = tmp_path / 'index', [], []
    for end in (signal.SIGKILL, signal.SIGHUP):
        running = start(tmp_path, release, '--gallery', str(EXAMPLES / 'gallery'), '--index', str(index))
        try:
            page = Page(running)
            assert f'Ranked {len(GALLERY)} photos' in page.rank([page.good], use_folder=True)[0]
            page.assert_healthy()
            assert all(f'removed {folder}' in running.log() for folder in left)
            left = [folder for folder in running.temporary.glob(f'{PREFIX}*') if folder not in left]
            assert len(left) == 1 and Path(page.good['path']).is_relative_to(left[0])
            running.process.send_signal(end)  # a terminal that closes sends SIGHUP twice
        finally:
            code = running.stop(end)
        indexed.append(files_in(index))
    assert code == 0 and not files_in(running.temporary) and not list(running.temporary.glob(f'{PREFIX}*'))
    assert indexed[0] == indexed[1] != {}
    (kept,) = index.iterdir()
    assert len(list(kept.iterdir())) == 1
