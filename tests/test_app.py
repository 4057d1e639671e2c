"""The page, over HTTP and in a real browser: it ranks, explains, refuses bad files by name, and goes on serving."""

import csv
import re
import socket
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import timm
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.hub import save_release
from tests.browser import App, browser_or_skip, free_port, open_page

QUERIES = sorted((app.EXAMPLES / 'query').glob('*.jpg'))
GALLERY = sorted((app.EXAMPLES / 'gallery').glob('*.jpg'))


@pytest.fixture(scope='module')
def releases(tmp_path_factory):
    """Untrained models: what the page does is the same."""
    folder = tmp_path_factory.mktemp('releases')
    torch.manual_seed(0)
    for name in ('ifd_resnet10t', 'ifd_baseline_resnet10t'):
        save_release(timm.create_model(name, num_classes=5), folder / name, 'test', {'input_size': [3, 128, 64]})
    return folder


@pytest.fixture(scope='module')
def server(releases, tmp_path_factory):
    running = App(tmp_path_factory.mktemp('app'), '--model', str(releases / 'ifd_resnet10t'), '--parser', 'none')
    yield running
    running.stop()


@pytest.fixture(scope='module')
def client(server, tmp_path_factory):
    return Client(server.url, verbose=False, download_files=str(tmp_path_factory.mktemp('downloads')))


@pytest.fixture
def page(server):
    with open_page(browser_or_skip(), server.url) as page:
        yield page


def rank(client, query, gallery, top_k=3, model='ifd_resnet10t'):
    """What the page shows: status, query, matches, summary, table, CSV, ZIP."""
    queries, items = ([{'image': handle_file(path), 'caption': None} for path in side] for side in (query, gallery))
    values = client.predict(
        queries, items, None, False, model, 'side by side', 0.5, top_k, 0.0, api_name='/rank'
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
    assert captions == ['photo', 'attention 0 to 0', 'clothing', 'masked input']
    assert len(matches) == 3
    assert matches[0]['caption'].split() == ['#1', '1.000', QUERIES[0].name, '\u2713', 'right']
    assert summary.startswith('**') and 'by the file names' in summary.lower()
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


def bad_files(folder):
    Image.effect_noise((64, 128), 90).save(folder / 'whole.jpg')
    contents = {
        'text.jpg': b'not a picture',
        'cut.jpg': (folder / 'whole.jpg').read_bytes()[:900],
        'empty.jpg': b'',
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    Image.new('RGB', (1, 1)).save(folder / 'dot.png')
    return {'text.jpg': 'not a picture', 'cut.jpg': 'damaged', 'empty.jpg': 'empty', 'dot.png': '1 x 1 pixels'}


def odd_files(folder):
    """Unusual but right: each must be ranked."""
    person = Image.open(QUERIES[0]).convert('RGB')
    person.convert('CMYK').save(folder / 'cmyk.jpg')
    grey = np.asarray(person.convert('L')).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / 'deep.png')
    person.convert('RGBA').save(folder / 'transparent.png')
    person.resize((5480, 10_960)).save(folder / 'sixty.jpg')
    return ['cmyk.jpg', 'deep.png', 'transparent.png', 'sixty.jpg']


def test_bad_gallery_files_are_skipped_by_name_and_the_odd_ones_ranked(client, server, tmp_path):
    reasons, odd = bad_files(tmp_path), odd_files(tmp_path)
    status, _, _, _, table, *_ = rank(client, QUERIES[:1], [tmp_path / name for name in [*reasons, *odd]], top_k=30)
    assert f'Ranked {len(odd)} photos' in status and f'Skipped {len(reasons)} of' in status
    for name, reason in reasons.items():
        assert re.search(rf'{name}: [^;]*{reason}', status)
    similarity = {name: float(value) for _, name, value, *_ in table['data']}
    assert sorted(similarity) == sorted(odd)
    assert similarity['sixty.jpg'] > 0.99 and similarity['transparent.png'] > 0.999
    assert_healthy(server)


def test_a_bad_query_is_refused_by_name(client, server, tmp_path):
    for name, reason in bad_files(tmp_path).items():
        with pytest.raises(AppError, match=f'query photo cannot be used. {name}: .*{reason}'):
            rank(client, [tmp_path / name], GALLERY[:1])
    assert_healthy(server)


def test_nothing_to_search_for_or_in_is_told(client, server, tmp_path):
    with pytest.raises(AppError, match='no query photo'):
        rank(client, [], GALLERY[:1])
    with pytest.raises(AppError, match='gallery is empty'):
        rank(client, QUERIES[:1], [])
    bad_files(tmp_path)
    with pytest.raises(AppError, match='None of the gallery files can be used. text.jpg'):
        rank(client, QUERIES[:1], [tmp_path / 'text.jpg'])
    assert_healthy(server)


def test_embeddings_models_and_comparisons_are_endpoints(client, server):
    rows = client.predict([handle_file(path) for path in QUERIES[:2]], 'ifd_resnet10t', api_name='/embed')
    assert len(rows) == 2 and np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-5)
    models = client.predict(api_name='/models')
    assert 'ifd_resnet10t' in models['loaded']
    assert {'ifd_resnet50.prcc', 'ifd_resnet10t.synthetic'} <= {entry['name'] for entry in models['catalogue']}
    photos = [handle_file(path) for path in (QUERIES[0], *GALLERY[:2])]
    first, pictures, second, _ = client.predict(
        *photos, 'ifd_resnet10t', 'ifd_baseline_resnet10t.synthetic', api_name='/compare'
    )
    assert 'ifd_resnet10t' in first and 'baseline' in second and len(pictures) == 3
    assert_healthy(server)


# From the command line


def test_a_path_that_was_not_uploaded_is_never_read(releases, tmp_path):
    running = App(tmp_path, '--model', str(releases / 'ifd_resnet10t'), '--parser', 'none')
    api = f'{running.url}/gradio_api'
    try:
        with QUERIES[0].open('rb') as photo:
            uploaded = httpx.post(f'{api}/upload', files={'files': photo}).json()[0]

        def outcome(path, meta=('_type', 'gradio.FileData')):
            query, photo = ({'path': one, 'orig_name': 'x.jpg', 'meta': dict([meta])} for one in (path, uploaded))
            data = [[{'image': query}], [{'image': photo}], None, False, 'ifd_resnet10t', 'photo', 0.5, 3, 0]
            call = httpx.post(f'{api}/call/rank', json={'data': data})
            return httpx.get(f'{api}/call/rank/{call.json()["event_id"]}', timeout=60).text.splitlines()[-3]

        assert outcome(uploaded) == 'event: complete'
        assert outcome(str(GALLERY[0])) == outcome(str(GALLERY[0]), meta=('_type', 'x')) == 'event: error'
        assert running.serves()
    finally:
        running.stop()


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')  # so that what `main` sets is put back
    return str(free_port())


def test_an_unknown_model_ends_with_code_2_and_a_message(capsys, port):
    assert app.main(['--model', 'no_such_model', '--port', port]) == 2
    assert "no trained model 'no_such_model'" in capsys.readouterr().err


def test_an_unusable_device_or_parser_ends_with_code_2_and_a_message(capsys, releases, port):
    model = ['--port', port, '--model', str(releases / 'ifd_resnet10t')]
    assert app.main([*model, '--parser', 'none', '--device', 'no_such_device']) == 2
    assert 'no_such_device' in capsys.readouterr().err
    assert app.main([*model, '--parser', 'no_such_parser']) == 2
    assert 'no_such_parser' in capsys.readouterr().err


def test_a_port_in_use_ends_with_code_2_and_a_message(capsys, releases, monkeypatch):
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')  # so that what `main` sets is put back
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = str(taken.getsockname()[1])
        code = app.main(['--model', str(releases / 'ifd_resnet10t'), '--parser', 'none', '--port', port])
    assert code == 2
    message = capsys.readouterr().err
    assert f'127.0.0.1:{port}' in message and '--port' in message


def test_nothing_is_left_behind_when_it_stops(releases, tmp_path):
    running = App(tmp_path / 'app', '--model', str(releases / 'ifd_baseline_resnet10t'), '--parser', 'none')
    client = Client(running.url, verbose=False, download_files=str(tmp_path / 'downloads'))
    status, seen, *_ = rank(client, QUERIES[:1], GALLERY[:2], model='ifd_baseline_resnet10t')
    assert 'no attention stream' in status
    assert [one['caption'] for one in seen] == ['photo', 'clothing']
    assert any(path.is_file() for path in running.temporary.rglob('*'))
    assert running.stop() == 0
    assert not [path for path in running.temporary.rglob('*') if path.is_file()]


def test_the_page_is_there_before_the_model_and_a_search_waits_for_it(releases, tmp_path):
    running = App(tmp_path / 'app', '--model', str(releases / 'ifd_resnet10t'), '--parser', 'none')
    try:
        client = Client(running.url, verbose=False, download_files=str(tmp_path / 'downloads'))
        assert 'Ranked 2 photos' in rank(client, QUERIES[:1], GALLERY[:2])[0]
        assert_healthy(running)
    finally:
        running.stop()


def test_a_gallery_folder_is_indexed_once_and_searched(releases, tmp_path):
    flags = ['--model', str(releases / 'ifd_resnet10t'), '--parser', 'none', '--gallery', str(app.EXAMPLES / 'gallery')]
    for start in ('first', 'second'):
        running = App(tmp_path / start, *flags, '--index', str(tmp_path / 'index'))
        try:
            client = Client(running.url, verbose=False, download_files=str(tmp_path / 'downloads'))
            query = [{'image': handle_file(QUERIES[0]), 'caption': None}]
            values = client.predict(
                query, [], None, True, 'ifd_resnet10t', 'photo', 0.5, 3, 0.0, api_name='/rank'
            )
            assert f'Ranked {len(GALLERY)} photos' in values[0]
            assert_healthy(running)
        finally:
            running.stop()
    (kept,) = (tmp_path / 'index').iterdir()
    assert len(list(kept.iterdir())) == 1


def test_other_sites_are_not_fetched(server):
    for path in ('file=http://127.0.0.1:1/a.png', 'file=https://example.org/', 'proxy=https://x.hf.space/a'):
        assert httpx.get(f'{server.url}/gradio_api/{path}').status_code == 403


def files_in(folder):
    return {path for path in folder.rglob('*') if path.is_file()}


def test_what_a_visitor_leaves_is_deleted(releases, tmp_path):
    running = App(tmp_path / 'app', '--model', str(releases / 'ifd_resnet10t'), '--parser', 'none')
    try:
        before = files_in(running.temporary)
        client = Client(running.url, verbose=False, download_files=str(tmp_path / 'downloads'))
        rank(client, QUERIES[:1], GALLERY[:4])
        assert files_in(running.temporary) - before
        client.close()
        deadline = time.monotonic() + 120
        while files_in(running.temporary) - before and time.monotonic() < deadline:
            time.sleep(1)
        assert files_in(running.temporary) - before == set()
    finally:
        running.stop()


# In a browser


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
    assert rows[0] == ['rank', 'file', 'similarity', 'threshold', 'label'] and len(rows) == 7
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
    bad_files(tmp_path)
    nasty = tmp_path / "<img src=x onerror='document.title=1'>.jpg"
    nasty.write_bytes(b'no picture')
    upload(page, QUERIES[0], [GALLERY[0], tmp_path / 'text.jpg', tmp_path / 'empty.jpg', nasty])
    page.click('#run')
    wait_for_result(page, 'Skipped 3 of 4')
    assert 'text.jpg: is not a picture' in page.inner_text('#status')
    assert page.locator('#matches .gallery-item').count() == 1
    assert page.title() == f'IFD: {app.TITLE}'
    assert 'Traceback' not in page.content()
    assert_healthy(server)


def test_a_bad_query_and_an_empty_form_are_told_and_the_next_search_works(page, server, tmp_path):
    bad_files(tmp_path)
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


@pytest.mark.parametrize('width', [390, 1280])
def test_the_page_fits_phone_and_desktop(server, width):
    with open_page(browser_or_skip(), server.url, (width, 850)) as page:
        page.click('#examples button >> nth=0')
        wait_for_result(page, 'Ranked')
        page.wait_for_selector('#matches img')
        assert page.evaluate('document.documentElement.scrollWidth') == width


def test_the_bundled_model_runs_with_no_flags_and_finds_its_example(tmp_path):
    """The command of the README, with the weights and the parser that come with the package."""
    running = App(tmp_path / 'app')
    try:
        with open_page(browser_or_skip(), running.url) as page:
            page.click('#examples button >> nth=0')
            wait_for_result(page, f'Ranked {len(GALLERY)} photos')
            assert 'attention' in page.inner_text('#seen')
            page.click('#model label >> nth=1')
            page.click('#run')
            wait_for_result(page, 'no attention stream')
        assert_healthy(running)
    finally:
        running.stop()
