"""What harms the page or is kept out of it: bad files, files elsewhere, values of the wrong kind, and other sites."""

import http.client
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from ifd_zoo.gallery import EXAMPLES
from tests.browser import ROOT
from tests.client import connect
from tests.hostile import BAD, ZIPS, damaged, encode, odd
from tests.visitor import MATCHES, MODEL, PHOTO, STATUS, TABLE, Page, start, write_release
from tests.zips import picture, write_zip

MOST_BYTES = 250 * 2**20  # of one upload, as app.py has it


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    return write_release(tmp_path_factory.mktemp('release'))


@pytest.fixture(scope='module')
def page(release, tmp_path_factory):
    running = start(tmp_path_factory.mktemp('app'), release)
    yield Page(running)
    running.stop()


# Files


@pytest.fixture(scope='module')
def odd_files(page):
    return [page.upload(name, content) for name, content in odd().items()]


def test_bad_files_are_named_with_the_reason_and_odd_ones_ranked(page, odd_files):
    bad = {name: page.upload(name, content) for name, (content, _) in BAD.items()}
    for name, file in bad.items():
        message = page.rank([file], [page.good])
        assert isinstance(message, str) and f'The query photo cannot be used. {name}: {BAD[name][1]}' in message
    for names in [*BAD][:5], [*BAD][5:]:  # no status names more than five
        status, found = page.rank([page.good], [*(bad[name] for name in names), *odd_files])
        assert f'Ranked {len(odd_files)} photos' in status
        assert f'Skipped {len(names)} of {len(names) + len(odd_files)}' in status
        assert [name for name in names if f'{name}: {BAD[name][1]}' not in status] == [], status
        assert sorted(found) == sorted(odd())
    page.assert_healthy()


def test_odd_pictures_are_taken_for_the_person_in_them(page, odd_files):
    first, *others = np.array(page.ask('embed', [page.good, *odd_files], MODEL)[0])
    similarity = dict(zip(odd(), others @ first, strict=True))
    assert min(value for name, value in similarity.items() if name != 'deep.png') > 0.98, similarity
    assert similarity['sixty.jpg'] > 0.99 and similarity['alpha.png'] > 0.999, similarity


@pytest.mark.parametrize('kind', ZIPS)
def test_a_bad_zip_is_named_and_a_good_picture_beside_it_ranked(kind, page, tmp_path):
    members, reason = ZIPS[kind]
    archive = page.upload('a.zip', write_zip(tmp_path / 'a.zip', members).read_bytes())
    message = page.rank([page.good], archives=[archive])
    assert isinstance(message, str) and f'None of the gallery files can be used. {reason}' in message
    status, names = page.rank([page.good], [page.good], [archive])
    assert names == ['good.jpg'] and reason in status
    page.assert_healthy()


def test_two_hundred_photos_are_ranked(page):
    photos = np.random.default_rng(0).integers(0, 256, (200, 32, 16, 3), dtype=np.uint8)
    files = [page.upload(f'{index}.png', encode(Image.fromarray(one), 'PNG')) for index, one in enumerate(photos)]
    found = page.search(files[123:124], files, top_k=30)
    assert 'Ranked 200 photos' in found[STATUS] and len(found[MATCHES]) == 30
    rows = found[TABLE]['data']
    assert len(rows) == 200 and rows[0][1] == '123.png'


def test_five_thousand_small_files_are_ranked_or_named(page, tmp_path):
    kinds = ([picture(number) for number in range(40)], [picture(0)] * 2480, [b'text'] * 2480)
    members = {f'{number}.png': content for number, content in enumerate(sum(kinds, []))}
    archive = page.upload('a.zip', write_zip(tmp_path / 'a.zip', members).read_bytes())
    status, names = page.rank([page.good], archives=[archive])
    assert 'Ranked 40 photos' in status and 'Skipped 4960 of 5000' in status and len(names) == 40
    assert len(status) < 5_000
    page.assert_healthy()


def test_any_name_is_shown_as_text(page):
    names = ['it\'s a "b".jpg', '../../etc/a.jpg', '\U0001f469\u200d\U0001f9b0.jpg', 'a\n\0b.jpg', 'x' * 300 + '.jpg']
    good = [page.upload(name, picture(50 * number)) for number, name in enumerate(names)]
    status, found = page.rank([page.good], [*good, page.upload('`<i>"\'/' * 60, b'text')])
    assert 'Ranked 5 photos' in status and 'Skipped 1 of 6' in status
    assert '<i>' in status and '<' not in re.sub('`[^`]*`', '', status)  # as code, which is never HTML
    assert {names[0], 'etc/a.jpg', names[2], 'ab.jpg'} < set(found) and max(map(len, found)) == 80
    message = page.rank([page.upload('y' * 300 + '<i>', b'text')], [page.good])
    assert 'is not a picture' in message and '<i>' not in message and len(message) < 400
    page.assert_healthy()


def test_file_names_of_a_request_lead_nowhere(page):
    for name in ('../../evil.jpg', '/tmp/evil.jpg', 'a"b\'c.jpg', '\u4eba\U0001f600.jpg', 'x' * 300 + '.jpg'):
        answer = page.http.post(f'{page.api}/upload', files={'files': (name, picture())})
        path = Path(answer.json()[0])
        assert path.resolve().is_relative_to(page.running.temporary.resolve()) and path.is_file()
        assert 'Ranked 1 photos' in page.rank([page.good], [{'path': str(path), 'orig_name': name}])[0]
    answer = page.http.post(f'{page.api}/upload', files={'files': ('..', picture())})
    assert answer.status_code == 400 and answer.json() == {'detail': 'Invalid file name: ..'}


def test_a_cancelled_upload_does_no_harm(page):
    head = f'POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{page.running.port}\r\nContent-Length: 9000000\r\n'
    part = '--b\r\nContent-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n'
    for _ in range(5):
        with socket.create_connection(('127.0.0.1', page.running.port)) as connection:
            connection.sendall(f'{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n{part}'.encode())
            connection.sendall(bytes(1_000_000))
    page.assert_healthy()


def test_uploads_over_the_limits_are_refused_and_not_kept(page, tmp_path):
    with (tmp_path / 'big.zip').open('wb+') as big:
        big.truncate(MOST_BYTES + 1)  # takes no room on the disk
        answer = page.http.post(f'{page.api}/upload', files={'files': big})
    assert answer.status_code == 413 and 'exceeded maximum allowed size' in answer.text
    many = [('files', (f'{number}.png', b'x')) for number in range(1_001)]
    answer = page.http.post(f'{page.api}/upload', files=many)
    assert answer.status_code == 400 and answer.text == 'Too many files. Maximum number of files is 1000.'
    sizes = [path.stat().st_size for path in page.running.temporary.rglob('*') if path.is_file()]
    assert max(sizes) < MOST_BYTES / 10 and sizes.count(1) == 0
    page.assert_healthy()


MODELS = {
    'cut': r'model.safetensors',
    'changed': r'model.safetensors.*(sha256|changed|damaged|differ)',
    'no config': 'config.json',
    'pickle': 'safetensors',
}


@pytest.mark.parametrize('kind', MODELS)
def test_a_damaged_or_pickled_model_is_refused_and_the_old_one_works(kind, page, release, tmp_path):
    folder = damaged(Path(shutil.copytree(release, tmp_path / kind)), kind)
    message = page.ask('load', str(folder))
    assert isinstance(message, str) and re.search(MODELS[kind], message) and 'Traceback' not in message
    assert kind not in page.ask('models')[0]['loaded']
    page.assert_healthy()


# Requests


def paths_elsewhere(page, release):
    yield from ('/etc/passwd', '../../../../../../etc/passwd', 'file:///etc/passwd', '%2fetc%2fpasswd')
    yield from ('%252fetc%252fpasswd', '..%2f..%2f..%2f..%2f..%2fetc%2fpasswd', '/etc/passwd%00.jpg', '//etc/passwd')
    yield from (ROOT / 'app.py', EXAMPLES / '../page/models.py', f'{EXAMPLES}%2f..%2fpage%2fmodels.py')
    yield from (release / 'config.json', release / 'model.safetensors')
    yield from (f'{Path(page.good["path"]).parent}/../../../../../../../../etc/passwd', '/proc/self/environ')
    yield from (ROOT / 'ifd_zoo' / 'page' / 'app.css', page.running.log_file, f'http://127.0.0.1:{page.running.port}/config')


def test_only_the_files_of_the_page_can_be_fetched(page, release):
    def status(path):
        connection = http.client.HTTPConnection('127.0.0.1', page.running.port, timeout=60)
        connection.request('GET', path)  # as it is: other clients would resolve `..`
        return connection.getresponse().status

    assert status(f'/gradio_api/file={page.good["path"]}') == status(f'/gradio_api/file={PHOTO}') == 200
    for path in paths_elsewhere(page, release):
        for route in ('/gradio_api/file=', '/gradio_api/file/', '/file=', '/static/', '/assets/', '/'):
            assert status(f'{route}{path}') >= 400, f'{route}{path}'


def test_no_endpoint_reads_a_file_that_was_not_uploaded(page, release):
    elsewhere = '/etc/passwd', ROOT / 'app.py', release / 'config.json', f'{page.good["path"]}/../../../x', PHOTO
    for path in map(str, ['http://127.0.0.1:1/a.jpg', *elsewhere]):
        file = {'path': path, 'orig_name': 'a.jpg', 'meta': {'_type': 'x'}}
        named = file | {'meta': page.good['meta']}  # an input that is never anything but files says so itself
        answers = [page.rank([file], [page.good]), page.rank([page.good], [file])]
        answers += [page.ask('embed', [file], MODEL), page.ask('compare', page.good, page.good, file, MODEL, MODEL)]
        answers.append(page.ask('recolour', file, ['upper'], '#ff0000', 'plain', '#ff0000', 0.05, False))
        assert all(isinstance(answer, str) and 'uploaded to this page' in answer for answer in answers), answers
        assert isinstance(page.rank([page.good], [], [named]), str)
        assert isinstance(page.rank([named], [page.good]), str)
    page.assert_healthy()


WRONG = {
    'rank': (4, 5, ['x'], 'x' * 5000), 'compare': (3, 5, {}, None), 'embed': (1, 5, {'a': 1}),
    'recolour': (5, 'x', 1e308, float('nan'), None, -1), 'load': (0, '~nobody/x', '/proc/self/mem', 'n' * 300, [], 5),
}


@pytest.mark.parametrize('event', WRONG)
def test_arguments_of_the_wrong_kind_are_refused_and_not_logged(event, page):
    place, *values = WRONG[event]
    right = {
        'rank': [None, None, None, False, MODEL, 'photo', 0.5, 2, 0.0, *[''] * 5],
        'compare': [None, None, None, MODEL, MODEL],
        'embed': [[page.good], MODEL], 'recolour': [page.good, ['upper'], '#ff0000', 'plain', '#ff0000', 0.05, False],
        'load': [MODEL],
    }[event]
    for value in values:
        answer = page.ask(event, *right[:place], value, *right[place + 1 :])
        assert isinstance(answer, str) and len(answer) < 400 and answer != 'None', answer
    assert 'This takes' in page.ask(event, *right[:-1])
    page.assert_healthy()


def test_requests_by_hand_cannot_pass_the_queue_and_are_not_logged(page):
    for path in ('run/rank', 'api/rank', 'run/embed'):
        answer = page.http.post(f'{page.api}/{path}', json={'data': [[page.good], MODEL]})
        assert answer.status_code == 404 and 'join the queue' in answer.text
    for path, body in (
        ('queue/join', {'fn_index': 9999, 'session_hash': 'x', 'data': []}), ('call/nothing', {'data': []}),
        ('run/nothing', {'data': []}), ('call/v2/nothing', {}), ('call/v2/rank', {'nothing': 1}),
        ('component_server', {'data': None, 'component_id': 9999, 'session_hash': 'x', 'fn_name': 'accept_blobs'}),
    ):  # fmt: skip
        answer = page.http.post(f'{page.api}/{path}', json=body)
        assert answer.status_code == 400 and len(answer.text) < 400, path
    page.assert_healthy()


def test_other_sites_can_neither_read_this_page_nor_send_to_it(page):
    for headers in ({'Host': 'evil.example'}, {'Origin': 'https://evil.example'}, {'Origin': 'null'}):
        assert page.http.get(f'{page.running.url}/config', headers=headers).status_code == 403
        answer = page.http.post(f'{page.api}/upload', files={'files': ('a.jpg', picture())}, headers=headers)
        assert answer.status_code == 403 and 'this page' in answer.text.lower()
    own = {'Host': f'localhost:{page.running.port}', 'Origin': f'http://localhost:{page.running.port}'}
    assert page.http.post(f'{page.api}/upload', files={'files': ('a.jpg', picture())}, headers=own).status_code == 200


def test_headers_forbid_browsers_to_guess_types_and_to_load_anything_from_elsewhere(page):
    for url in (page.running.url, f'{page.api}/file={page.good["path"]}', f'{page.api}/nothing'):
        headers = page.http.get(url).headers
        assert headers['X-Content-Type-Options'] == 'nosniff'
        assert "default-src 'self';" in headers['Content-Security-Policy']
        assert headers['Content-Security-Policy'].endswith("frame-ancestors 'self'")


def test_a_password_is_asked_for_and_guesses_are_slowed_down(release, tmp_path):
    (tmp_path / 'secret').write_text('me:right\n')
    running = start(tmp_path, release, '--auth-file', str(tmp_path / 'secret'))

    def log_in(password, address):
        headers = {'X-Forwarded-For': address}  # as by a proxy on this machine
        sent = {'username': 'me', 'password': password}
        return httpx.post(f'{running.url}/login', data=sent, headers=headers).status_code

    try:
        assert httpx.get(f'{running.url}/config').status_code == 401
        answers = [log_in('wrong', '192.0.2.1') for _ in range(6)]
        assert (answers, log_in('right', '192.0.2.1')) == ([400] * 5 + [429], 429)
        assert log_in('right', '192.0.2.2') == 200
        assert 'wait 5 minutes' in httpx.get(running.url).text
        client = connect(running.url, tmp_path / 'downloads', auth=('me', 'right'))
        assert MODEL in client.predict(api_name='/models')['loaded']
    finally:
        running.stop()


def test_other_machines_are_let_in_only_on_purpose(tmp_path):
    command = [sys.executable, str(ROOT / 'app.py'), '--host', '0.0.0.0']
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert ended.returncode == 2 and ended.stdout == ''
    assert ended.stderr.splitlines() == [
        'error: --host 0.0.0.0 lets other machines in: give --auth USER:PASSWORD, or --public if anybody may use this '
        'page and its processor'
    ]
