"""The page, over HTTP and in a real browser: it ranks, explains, refuses bad files by name, and goes on serving."""

import csv
import re
import socket
import zipfile
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import httpx
import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image

import app
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.page import site
from ifd_zoo.page.texts import TITLE
from tests.browser import App, browser_or_skip, free_port, open_browser, open_page
from tests.client import connect
from tests.hostile import BAD
from tests.page import make_shared, uploads_folder
from tests.visitor import write_release

QUERIES = sorted((EXAMPLES / 'query').glob('*.jpg'))
GALLERY = sorted((EXAMPLES / 'gallery').glob('*.jpg'))


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    return write_release(tmp_path_factory.mktemp('release'))


@pytest.fixture(scope='module')
def server(release, tmp_path_factory):
    running = App(tmp_path_factory.mktemp('app'), '--model', str(release), '--parser', 'none')
    yield running
    running.stop()


@pytest.fixture(scope='module')
def client(server, tmp_path_factory):
    return connect(server.url, tmp_path_factory.mktemp('downloads'))


@pytest.fixture(scope='module')
def browser():
    with open_browser(browser_or_skip()) as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    with open_page(browser, server.url) as page:
        yield page


def rank(client, query, gallery, top_k=3, use_folder=False):
    """What the page shows: status, query, matches, summary, table, CSV, ZIP."""
    queries, items = ([{'image': handle_file(path), 'caption': None} for path in side] for side in (query, gallery))
    values = client.predict(
        queries, items, None, use_folder, 'ifd_resnet10t', 'side by side', 0.5, top_k, 0.0, api_name='/rank'
    )
    return values[:7]


def assert_healthy(server):
    assert server.serves()
    assert 'Traceback' not in server.log()


# Over HTTP


def test_a_search_gives_pictures_table_and_csv(client, server):
    status, seen, matches, summary, table, path, packed = rank(client, QUERIES[:1], [*GALLERY[:4], QUERIES[0]])
    assert 'Ranked 5 photos' in status
    captions = [re.sub(r'[\d.]+', '0', one['caption']) for one in seen]
    assert captions == ['photo', 'attention 0 to 0', 'clothing', 'clothes erased']
    assert len(matches) == 3
    assert matches[0]['caption'].split() == ['#1', '1.000', QUERIES[0].name, '\u2713', 'right']
    assert 'ifd_resnet10t' in summary and 'by the file names' in summary.lower()
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['rank'] for row in rows] == ['1', '2', '3', '4', '5']
    assert [[int(row['rank']), *list(row.values())[1:]] for row in rows] == table['data']
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ['ranking.csv', *(f'match_{place:02d}.jpg' for place in (1, 2, 3))]
    assert rows[0]['file'] == QUERIES[0].name
    with Image.open(matches[0]['image']) as tile:
        assert tile.height == 320 and tile.width == 3 * 160 + 2 * 6
    assert_healthy(server)


def test_two_hundred_gallery_files_are_ranked(client, server, tmp_path):
    files = []
    for index in range(200):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{index}.jpg')
        files.append(tmp_path / f'{index}.jpg')
    status, _, matches, _, table, *_ = rank(client, files[123:124], files, top_k=30)
    assert 'Ranked 200 photos' in status
    assert len(matches) == 30 and len(table['data']) == 200
    assert table['data'][0][1] == '123.jpg'
    assert_healthy(server)


def test_several_users_at_once_get_what_each_would_get_alone(client, server):
    alone = [rank(client, [query], GALLERY[:4])[4]['data'] for query in QUERIES]
    with ThreadPoolExecutor(len(QUERIES)) as pool:
        together = list(pool.map(lambda query: rank(client, [query], GALLERY[:4])[4]['data'], QUERIES))
    assert together == alone
    assert_healthy(server)


def test_embeddings_models_and_comparisons_are_endpoints(client, server):
    rows = client.predict([handle_file(path) for path in QUERIES[:2]], 'ifd_resnet10t', api_name='/embed')
    assert len(rows) == 2 and np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-5)
    models = client.predict(api_name='/models')
    assert 'ifd_resnet10t' in models['loaded']
    assert {'ifd_resnet50.prcc', 'ifd_resnet10t.synthetic'} <= {entry['name'] for entry in models['catalogue']}
    photos = [handle_file(path) for path in (QUERIES[0], *GALLERY[:2])]
    first, pictures, second, *_ = client.predict(
        *photos, 'ifd_resnet10t', 'ifd_baseline_resnet10t.synthetic', api_name='/compare'
    )
    assert 'ifd_resnet10t' in first and 'baseline' in second and len(pictures) == 3
    assert_healthy(server)


def test_other_sites_are_not_fetched(server):
    for path in ('file=http://127.0.0.1:1/a.png', 'file=https://example.org/', 'proxy=https://x.hf.space/a'):
        assert httpx.get(f'{server.url}/gradio_api/{path}').status_code == 403


# From the command line


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')  # so that what `main` sets is put back
    return str(free_port())


def test_an_unknown_model_ends_with_code_2_and_a_message(capsys, port):
    assert app.main(['--model', 'no_such_model', '--port', port]) == 2
    assert "no trained model 'no_such_model'" in capsys.readouterr().err


def test_an_unusable_device_or_parser_ends_with_code_2_and_a_message(capsys, release, port):
    model = ['--port', port, '--model', str(release)]
    assert app.main([*model, '--parser', 'none', '--device', 'no_such_device']) == 2
    assert 'no_such_device' in capsys.readouterr().err
    assert app.main([*model, '--parser', 'no_such_parser']) == 2
    assert 'no_such_parser' in capsys.readouterr().err


def test_a_port_in_use_ends_with_code_2_and_a_message(capsys, release, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')  # so that what `main` sets is put back
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = str(taken.getsockname()[1])
        code = app.main(['--model', str(release), '--parser', 'none', '--port', port])
    assert code == 2
    message = capsys.readouterr().err
    assert f'127.0.0.1:{port}' in message and '--port' in message


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
            client = connect(f'http://127.0.0.1:{args.port}', tmp_path / 'downloads')
            search = pool.submit(rank, client, QUERIES[:1], GALLERY[:2])
            assert asked.acquire(timeout=60) and not search.done()
            ready.set()
            assert 'Ranked 2 photos' in search.result(60)[0]
        finally:
            ready.set()
            over.set()
        code.result(60)


def files_in(folder):
    """When each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*') if path.is_file()}


def test_a_gallery_folder_is_indexed_once_and_searched_and_nothing_else_is_left(release, tmp_path):
    flags = ['--model', str(release), '--parser', 'none', '--gallery', str(EXAMPLES / 'gallery')]
    index, indexed = tmp_path / 'index', []
    for start in ('first', 'second'):
        running = App(tmp_path / start, *flags, '--index', str(index))
        try:
            client = connect(running.url, tmp_path / 'downloads')
            assert f'Ranked {len(GALLERY)} photos' in rank(client, QUERIES[:1], [], use_folder=True)[0]
            assert_healthy(running)
            assert files_in(running.temporary)
        finally:
            code = running.stop()
        assert code == 0 and not files_in(running.temporary)
        indexed.append(files_in(index))
    assert indexed[0] == indexed[1] != {}
    (kept,) = index.iterdir()
    assert len(list(kept.iterdir())) == 1


# In a browser


def write_bad(folder, *names):
    for name in names:
        (folder / name).write_bytes(BAD[name][0])


def upload(page, query, gallery):
    page.set_input_files('#query input[type=file]', query)
    page.wait_for_selector('#query .gallery-item')
    page.set_input_files('#gallery input[type=file]', gallery)
    page.wait_for_selector(f'#gallery .gallery-item:nth-child({len(gallery)})')


def wait_for_result(page, text):
    page.wait_for_function("text => document.querySelector('#status').innerText.includes(text)", arg=text)


def test_upload_rank_see_the_overlay_and_download_the_table(page, server, tmp_path):
    upload(page, QUERIES[1], GALLERY[:6])
    page.click('#run')
    wait_for_result(page, 'Ranked 6 photos')
    page.wait_for_selector('#matches .gallery-item:nth-child(6) img')
    assert 'attention' in page.inner_text('#seen')
    assert page.evaluate("document.querySelector('#seen .gallery-item:nth-child(2) img').naturalWidth") > 0
    assert GALLERY[0].name in page.inner_text('#table')
    with page.expect_download() as download:
        page.click('#csv')
    download.value.save_as(tmp_path / 'ranking.csv')
    rows = list(csv.reader((tmp_path / 'ranking.csv').open(newline='')))
    assert rows[0] == ['rank', 'file', 'similarity', 'threshold', 'label', 'model'] and len(rows) == 7
    assert not page.errors
    assert_healthy(server)


def test_one_click_on_an_example_fills_the_form_and_ranks(page, server):
    page.click('#examples button >> nth=2')
    wait_for_result(page, f'Ranked {len(GALLERY)} photos')
    assert page.locator('#gallery .gallery-item').count() == len(GALLERY)
    assert page.locator('#matches .gallery-item').count() == 8
    outside = [url for url in page.requested if not url.startswith((server.url, 'data:', 'blob:'))]
    assert outside == []
    assert not page.errors
    assert_healthy(server)


def test_bad_uploads_are_named_in_the_page_and_do_no_harm(page, server, tmp_path):
    write_bad(tmp_path, 'text.jpg', 'empty.jpg')
    nasty = tmp_path / "<img src=x onerror='document.title=1'>.jpg"
    nasty.write_bytes(b'no picture')
    upload(page, QUERIES[0], [GALLERY[0], tmp_path / 'text.jpg', tmp_path / 'empty.jpg', nasty])
    page.click('#run')
    wait_for_result(page, 'Skipped 3 of 4')
    assert 'text.jpg: is not a picture' in page.inner_text('#status')
    assert page.locator('#matches .gallery-item').count() == 1
    assert page.title() == f'IFD: {TITLE}'
    assert 'Traceback' not in page.content()
    assert_healthy(server)


def test_a_bad_query_and_an_empty_form_are_told_and_the_next_search_works(page, server, tmp_path):
    write_bad(tmp_path, 'cut.jpg')
    page.click('#run')
    page.wait_for_selector('text=There is no query photo yet')
    page.set_input_files('#query input[type=file]', tmp_path / 'cut.jpg')
    page.set_input_files('#gallery input[type=file]', GALLERY[:1])
    page.wait_for_selector('#gallery .gallery-item img')
    page.click('#run')
    page.wait_for_selector('text=cut.jpg: is damaged or incomplete')
    assert 'Traceback' not in page.content()
    page.click('#examples button >> nth=0')
    wait_for_result(page, f'Ranked {len(GALLERY)} photos')
    assert_healthy(server)
