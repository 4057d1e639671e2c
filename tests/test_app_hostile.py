"""Files and requests that mean harm, or are merely odd, over HTTP: each gets an answer, and the page goes on."""

import re
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import BAD, ZIPS, damaged, odd
from tests.visitor import MODEL, PHOTO, Page, start, write_release
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


@pytest.mark.parametrize('name', BAD)
def test_a_bad_query_is_refused_with_name_and_reason(name, page):
    content, reason = BAD[name]
    message = page.rank([page.upload(name, content)], [page.good])
    assert isinstance(message, str) and f'The query photo cannot be used. {name}: {reason}' in message
    page.assert_healthy()


@pytest.mark.parametrize('names', [[*BAD][:5], [*BAD][5:]], ids=', '.join)  # no status names more than five
def test_bad_gallery_files_are_named_and_the_odd_ones_ranked(names, page):
    files = [page.upload(name, BAD[name][0]) for name in names]
    files += [page.upload(name, content) for name, content in odd().items()]
    status, found = page.rank([page.good], files)
    assert f'Ranked {len(odd())} photos' in status and f'Skipped {len(names)} of {len(files)}' in status
    assert [name for name in names if f'{name}: {BAD[name][1]}' not in status] == [], status
    assert sorted(found) == sorted(odd())
    page.assert_healthy()


@pytest.mark.parametrize('path', ['run/rank', 'api/rank', 'run/embed'])
def test_a_request_by_hand_does_not_pass_the_queue(page, path):
    answer = page.http.post(f'{page.api}/{path}', json={'data': [[page.good], MODEL]})
    assert answer.status_code == 404 and 'join the queue' in answer.text


def test_odd_pictures_are_taken_for_the_person_in_them(page):
    files = [page.good, *(page.upload(name, content) for name, content in odd().items())]
    first, *others = np.array(page.ask('embed', files, MODEL)[0])
    similarity = dict(zip(odd(), others @ first, strict=True))
    assert min(value for name, value in similarity.items() if name != 'deep.png') > 0.98, similarity
    assert similarity['sixty.jpg'] > 0.99 and similarity['alpha.png'] > 0.999, similarity


@pytest.mark.parametrize('kind', ZIPS)
def test_a_bad_zip_is_told_and_a_good_picture_beside_it_ranked(kind, page, tmp_path):
    members, reason = ZIPS[kind]
    archive = page.upload('a.zip', write_zip(tmp_path / 'a.zip', members).read_bytes())
    message = page.rank([page.good], archives=[archive])
    assert isinstance(message, str) and f'None of the gallery files can be used. {reason}' in message
    status, names = page.rank([page.good], [page.good], [archive])
    assert names == ['good.jpg'] and reason in status
    page.assert_healthy()


def test_names_in_a_zip_lead_nowhere(page, tmp_path):
    names = ['../../evil.jpg', '/tmp/evil.jpg', '..\\..\\evil.jpg', 'C:\\evil.jpg']
    members = [(name, picture(number)) for number, name in enumerate(names)]
    archive = page.upload('a.zip', write_zip(tmp_path / 'a.zip', members).read_bytes())
    status, found = page.rank([page.good], archives=[archive])
    assert 'Ranked 4 photos' in status and not any('..' in name or name.startswith('/') for name in found)
    assert list(page.running.temporary.parent.rglob('*evil*')) == [] and not Path('/tmp/evil.jpg').exists()


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


def test_the_same_file_twice_is_ranked_once_and_told(page):
    status, names = page.rank([page.good], [page.upload(name, PHOTO.read_bytes()) for name in ('a.jpg', 'b.jpg')])
    assert names == ['a.jpg'] and 'b.jpg: has the same content as a.jpg' in status


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
