"""What the page is made of: whose files go when, what is not served, and work that is stopped."""

import os
import time
from unittest.mock import Mock

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI
from gradio.context import LocalContext
from starlette.middleware import Middleware

from ifd_zoo.hub import save_release
from ifd_zoo.page import files, session
from ifd_zoo.page.guard.quota import UploadsInRoom
from ifd_zoo.page.guard.requests import OwnFilesOnly
from ifd_zoo.page.guard.upload_retention import UploadRetention, most_bytes
from ifd_zoo.page.models import Models
from ifd_zoo.page.site import build_demo
from ifd_zoo.page.stops import Stopped, Stops
from ifd_zoo.page.tabs import rank_tab as page
from ifd_zoo.parsing import ParserError
from tests.page import BASELINE, GALLERY, IFD, QUERIES, items, make_models, make_shared, upload, uploads_folder


@pytest.fixture
def keeping(tmp_path):
    return UploadRetention(tmp_path, 3600)


def make_file(path, age=0.0):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'x')
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_files_go_after_their_visitor(keeping, tmp_path):
    mine, shared = make_file(tmp_path / 'a' / 'mine'), make_file(tmp_path / 'b' / 'shared')
    direct = make_file(tmp_path / 'half')
    keeping.claim('me', [mine, shared, direct])
    keeping.claim('you', [shared])
    keeping.leave('me')
    keeping.sweep(grace=3600)
    assert mine.exists()
    keeping.sweep(grace=0)
    assert not mine.parent.exists() and not direct.exists() and shared.exists()
    keeping.leave('you')
    keeping.sweep(grace=0)
    assert tmp_path.is_dir() and list(tmp_path.iterdir()) == []


def test_who_comes_back_in_time_keeps_the_files(keeping, tmp_path):
    path = make_file(tmp_path / 'a' / 'mine')
    keeping.claim('me', [path])
    keeping.leave('me')
    keeping.claim('me', [])
    keeping.sweep(grace=0)
    assert path.exists()


def test_results_that_come_when_their_visitor_has_left_go_as_well(keeping, tmp_path):
    upload, late, later = (make_file(tmp_path / name / 'photo') for name in 'abc')
    keeping.claim('me', [upload])
    keeping.leave('me')
    keeping.give('me', [late])
    keeping.sweep(grace=0)
    assert not upload.exists() and not late.exists()
    keeping.give('me', [later])
    keeping.sweep(grace=0)
    assert not later.exists()


@pytest.mark.parametrize('bad', ['a/mine/b', 'n' * 300, 'a', '\0'], ids=['below a file', 'too long', 'folder', 'null'])
def test_paths_that_are_no_files_keep_nobodys_files_from_going(keeping, tmp_path, bad):
    path = make_file(tmp_path / 'a' / 'mine', age=60)
    keeping.claim('me', [path, tmp_path / bad])
    keeping.leave('me')
    keeping.sweep(grace=0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_deleted_keeps_no_other_from_being_deleted(keeping, tmp_path, caplog):
    paths = [make_file(tmp_path / name / 'photo', age=60) for name in 'abcdef']
    keeping.claim('me', paths)
    paths[2].unlink()
    make_file(paths[2] / 'inside')
    keeping.leave('me')
    os.utime(paths[2], (time.time() - 60,) * 2)
    keeping.sweep(grace=0)
    assert [path.exists() for path in paths] == [False, False, True, False, False, False]
    assert f'{paths[2]}: cannot be deleted' in caplog.text


def test_a_sweep_that_fails_is_logged_and_the_next_one_comes(keeping, monkeypatch, caplog):
    rounds = []

    def fail():
        rounds.append(1)
        raise PermissionError('no permission')

    monkeypatch.setattr('ifd_zoo.page.guard.upload_retention.ROUND', 0.01)
    monkeypatch.setattr(keeping, 'sweep', fail)
    keeping.start()
    deadline = time.monotonic() + 10
    while len(rounds) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    keeping.stop()
    assert len(rounds) >= 3 and 'no permission' in caplog.text


def test_a_file_that_was_just_given_to_another_visitor_waits_for_the_claim(keeping, tmp_path):
    given, dropped, missing = (make_file(tmp_path / name / 'example') for name in 'abc')
    keeping.claim('me', [given, dropped, missing])
    keeping.leave('me')
    for path in (given, dropped):
        make_file(path, age=-60)  # touched behind the leaving, as gradio does with what it hands out again
    missing.unlink()
    keeping.sweep(grace=0)
    assert given.exists() and dropped.exists()
    keeping.claim('you', [given])
    for path in (given, dropped):
        make_file(path, age=60)
    keeping.sweep(grace=0)
    assert given.exists() and not dropped.exists()


def test_what_nobody_claimed_goes_by_age_and_the_pages_own_files_stay(tmp_path):
    own = make_file(tmp_path / 'own', age=7200)
    keeping = UploadRetention(tmp_path, 3600)
    keeping.start()
    keeping.stop()
    old, new = make_file(tmp_path / 'old', age=7200), make_file(tmp_path / 'new')
    (tmp_path / 'empty').mkdir()
    keeping.claim('me', [own])  # by an upload with the same content
    keeping.leave('me')
    keeping.sweep(grace=0)
    assert own.exists() and new.exists() and not old.exists() and not (tmp_path / 'empty').exists()


def test_visitors_who_never_leave_are_forgotten_when_there_are_many(keeping, tmp_path, monkeypatch):
    monkeypatch.setattr('ifd_zoo.page.guard.upload_retention.MOST_VISITORS', 10)
    first, last = make_file(tmp_path / 'a' / 'first', age=60), make_file(tmp_path / 'b' / 'last', age=60)
    keeping.claim('first', [first])
    for number in range(100):
        keeping.claim(f'flood {number}', [])
    keeping.claim('last', [last])
    keeping.sweep(grace=0)
    assert len(keeping._files) == 10 and not keeping._left and not first.exists() and last.exists()
    keeping.claim('flood 98', [])
    for number in range(9):
        keeping.claim(f'more {number}', [])
    keeping.sweep(grace=0)
    assert not last.exists() and 'flood 98' in keeping._files


def test_paths_of_files_that_are_gone_are_forgotten(tmp_path):
    keeping = UploadRetention(tmp_path, 3600)
    old, there = make_file(tmp_path / 'a' / 'old', age=7200), make_file(tmp_path / 'a' / 'there')
    keeping.claim('me', [old, there])
    keeping.sweep()
    assert keeping._files == {'me': {there}}


def test_where_there_is_no_room_what_nobody_claimed_goes_soon(tmp_path):
    half, claimed, fresh = (make_file(tmp_path / name, age=age) for name, age in (('a', 600), ('b', 600), ('c', 10)))
    for most, left in ((4, {half, claimed, fresh}), (3, {claimed, fresh})):
        keeping = UploadRetention(tmp_path, 3600, most)
        keeping.claim('me', [claimed])
        assert keeping.has_room() == (most == 4)
        keeping.sweep()
        assert set(tmp_path.iterdir()) == left


def test_the_files_of_all_may_take_half_of_the_disk_and_no_more_than_ten_gigabytes(tmp_path, monkeypatch):
    for free, expected in ((10**9, 5 * 10**8), (10**12, 10**10)):
        monkeypatch.setattr('shutil.disk_usage', lambda folder, free=free: Mock(free=free))
        assert most_bytes(tmp_path) == expected


@pytest.mark.anyio
async def test_an_upload_is_refused_where_there_is_no_room_also_when_it_has_begun(monkeypatch, tmp_path):
    folder = uploads_folder(monkeypatch, tmp_path)
    monkeypatch.setattr('ifd_zoo.page.guard.quota.STEP', 1000)
    rooms, demo = [], build_demo(*make_shared())
    demo.max_file_size, own = None, {*folder.rglob('*')}
    limit = Middleware(UploadsInRoom, has_room=lambda: rooms.pop(0))
    app = gr.routes.App.create_app(demo, app_kwargs={'middleware': [limit]})

    async def send(has_room, size):
        """In pieces, without a Content-Length."""
        rooms[:] = has_room
        head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'

        async def body():
            for piece in (head, *[b'x' * 500] * (size // 500), b'\r\n--b--\r\n'):
                yield piece

        kind = {'content-type': 'multipart/form-data; boundary=b'}
        return await client.post('/gradio_api/upload', content=body(), headers=kind)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url='http://page') as client:
        taken = await send([True] * 9, 3000)
        assert taken.status_code == 200 and os.path.getsize(taken.json()[0]) == 3000 and len(rooms) < 7
        for has_room in ([False], [True, True, False]):
            refused = await send(has_room, 50_000)
            assert refused.status_code == 507 and 'storage of this page is full' in refused.text
            assert rooms == []
        assert (await client.post('/gradio_api/queue/join', json={'data': [], 'fn_index': 0})).status_code != 507
    assert sum(path.stat().st_size for path in {*folder.rglob('*')} - own if path.is_file()) < 10_000


@pytest.mark.anyio
async def test_a_request_for_something_elsewhere_is_refused_and_for_files_of_the_page_not():
    app = FastAPI(middleware=[Middleware(OwnFilesOnly)])
    app.get('/{path:path}')(lambda path: path)
    statuses = {
        '/gradio_api/file=http://example.org/a.png': 403,
        '/file=https://example.org': 403,
        '/gradio_api/file=HTTP:/example.org': 403,
        '/gradio_api/file/ftp://example.org': 403,
        '/gradio_api/file=http%3A%2F%2Fexample.org': 403,
        '/gradio_api/file=http%253A%252F%252Fexample.org': 403,
        '/gradio_api/proxy=x.hf.space/a': 403,
        '/gradio_api/file=/tmp/ifd_1/abc/a.jpg': 200,
        '/gradio_api/upload': 200,
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url='http://page') as client:
        assert {path: (await client.get(path)).status_code for path in statuses} == statuses


def test_only_who_asked_is_stopped_and_the_next_work_is_not():
    stops = Stops()
    stops.ask('me')
    stops.check('you')
    with pytest.raises(Stopped, match='Stopped'):
        stops.check('me')
    stops.forget('me')
    stops.check('me')


def test_who_asked_to_stop_long_ago_is_forgotten(monkeypatch):
    monkeypatch.setattr('ifd_zoo.page.stops.MOST', 10)
    stops = Stops()
    for visitor in ['first', *map(str, range(100)), 'last', 'last']:
        stops.ask(visitor)
    assert len(stops._asked) == 10
    stops.check('first')
    with pytest.raises(Stopped):
        stops.check('last')


def test_a_visitor_is_known_by_few_characters_whatever_was_sent():
    names = ['x', 'y', 'x' * 10**6, '\ud800', '']
    found = []
    for name in names:
        token = LocalContext.request.set(Mock(session_hash=name))
        found += [session.visitor(), session.visitor()]
        LocalContext.request.reset(token)
    assert found[::2] == found[1::2] and len(set(found)) == len(names)
    assert found[-1] == '' and max(map(len, found)) == 64


def test_what_is_drawn_is_handed_over_as_files_of_the_visitor(monkeypatch, tmp_path):
    folder = uploads_folder(monkeypatch, tmp_path)
    shared = make_shared(keeping=UploadRetention(folder, 3600))
    monkeypatch.setattr(session, 'visitor', lambda: 'me')
    query = items(upload(folder, QUERIES[0]))
    values = files.saving_images(shared.sessions, lambda *given: page.rank(*shared, *given))(
        query, items(upload(folder, GALLERY[0])), None, False, IFD, 'side by side', 0.5, 1, 0.0
    )
    ((path, caption),) = values[3]
    assert caption.startswith('#1') and os.path.isfile(path)
    shared.sessions.leave()
    shared.sessions.keeping.sweep(grace=0)
    assert [path for path in folder.rglob('*') if path.is_file()] == []


def test_parsers_are_chosen_by_name(monkeypatch, tmp_path):
    models = make_models()
    file = files.photo_file(upload(uploads_folder(monkeypatch, tmp_path), QUERIES[0]))
    assert models.parsers[0] == 'own' and 'none' in models.parsers and 'labelmap' not in models.parsers
    assert models.parse(file)[1].any() and not models.parse(file, 'none')[1].any()
    with pytest.raises(ValueError, match='Choose a parser'):
        models.parse(file, '/etc')
    with pytest.raises(ParserError, match='terms of its own'):
        models.parse(file, 'segformer_b2_clothes')


def test_matches_are_looked_at_once_for_all_visitors(monkeypatch, tmp_path):
    models = make_models()
    found = [files.photo_file(upload(uploads_folder(monkeypatch, tmp_path), path)) for path in GALLERY[:3]]
    first = models.photo_views(IFD, found)
    models.get(IFD).analyze = None  # would be called to look again
    assert models.photo_views(IFD, found[::-1])[0] is first[2]


def test_models_are_loaded_once_and_share_the_parser(tmp_path):
    ready = make_models()
    sources = {
        name: save_release(ready.get(name).model, tmp_path / name, 'test', {'input_size': [3, 64, 32]})
        for name in (IFD, BASELINE)
    }
    models = Models(sources, 'none', 'cpu')
    assert models.get(IFD) is models.get(IFD) and models.get(IFD).parser is models.get(BASELINE).parser
    with pytest.raises(ValueError, match='not loaded here'):
        models.get('third')
