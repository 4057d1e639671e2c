"""What is kept out of the page: files elsewhere, values of the wrong kind, other sites and other machines."""

import http.client
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ifd_zoo.gallery import EXAMPLES
from tests.browser import ROOT
from tests.client import connect
from tests.visitor import MODEL, PHOTO, Page, start, write_release
from tests.zips import picture


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    return write_release(tmp_path_factory.mktemp('release'))


@pytest.fixture(scope='module')
def page(release, tmp_path_factory):
    running = start(tmp_path_factory.mktemp('app'), release)
    yield Page(running)
    running.stop()


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
def test_arguments_of_the_wrong_kind_are_told_and_not_logged(event, page):
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


@pytest.mark.parametrize(('path', 'body'), [
    ('queue/join', {'fn_index': 9999, 'session_hash': 'x', 'data': []}), ('call/nothing', {'data': []}),
    ('run/nothing', {'data': []}), ('call/v2/nothing', {}), ('call/v2/rank', {'nothing': 1}),
    ('component_server', {'data': None, 'component_id': 9999, 'session_hash': 'x', 'fn_name': 'accept_blobs'}),
])
def test_requests_by_hand_that_mean_nothing_are_told_so_and_not_logged(path, body, page):
    answer = page.http.post(f'{page.api}/{path}', json=body)
    assert answer.status_code == 400 and len(answer.text) < 400
    page.assert_healthy()


def test_other_sites_can_neither_read_this_page_nor_send_to_it(page):
    for headers in ({'Host': 'evil.example'}, {'Origin': 'https://evil.example'}, {'Origin': 'null'}):
        assert page.http.get(f'{page.running.url}/config', headers=headers).status_code == 403
        answer = page.http.post(f'{page.api}/upload', files={'files': ('a.jpg', picture())}, headers=headers)
        assert answer.status_code == 403 and 'this page' in answer.text.lower()
    own = {'Host': f'localhost:{page.running.port}', 'Origin': f'http://localhost:{page.running.port}'}
    assert page.http.post(f'{page.api}/upload', files={'files': ('a.jpg', picture())}, headers=own).status_code == 200


def test_browsers_are_told_to_guess_no_types_and_load_nothing_from_elsewhere(page):
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
