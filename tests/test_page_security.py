"""What surrounds the page: headers, other sites, and guesses of its password."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Form, HTTPException
from starlette.middleware import Middleware

import app
from ifd_zoo.page import site
from ifd_zoo.page.guard.hosts import is_loopback
from ifd_zoo.page.guard.rate_limit import ALL_TRIES, PAUSE, TRIES, LoginRateLimit
from ifd_zoo.page.guard.requests import HUB, OwnSitesOnly, SafeHeaders
from ifd_zoo.page.session import Sessions


def ask(middleware, method='GET', path='/', headers=None, client='127.0.0.1', times=1, **options):
    """The statuses of requests that come at once, behind a middleware."""
    page = middleware if isinstance(middleware, FastAPI) else FastAPI(middleware=[middleware])
    if page is not middleware:
        page.api_route('/', methods=['GET', 'POST'])(lambda: {})

    async def send():
        transport = httpx.ASGITransport(page, client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url='http://127.0.0.1:7860') as visitor:
            requests = (visitor.request(method, path, headers=headers, **options) for _ in range(times))
            return [answer.status_code for answer in await asyncio.gather(*requests)]

    return asyncio.run(send())


LOCAL, AWAY = Middleware(OwnSitesOnly, True), Middleware(OwnSitesOnly, False)
PROXIED = Middleware(OwnSitesOnly, True, 'https://zoo.example.org/ifd')


@pytest.mark.parametrize('host', ['127.0.0.1:7860', 'localhost:7860', 'LOCALHOST', '[::1]:7860', '127.8.8.8', '[::1]'])
def test_this_machine_may_use_a_page_on_loopback_by_all_its_names(host):
    assert ask(LOCAL, headers={'Host': host}) == [200]
    for scheme in ('http', 'https'):
        assert ask(LOCAL, 'POST', headers={'Host': host, 'Origin': f'{scheme}://{host}'.lower()}) == [200]


@pytest.mark.parametrize('host', [
    'evil.example', 'evil.example:7860', '127.0.0.1.evil.example', 'localhost.evil.example', '192.168.1.5', '0.0.0.0',
    '[', '[::1', '127.0.0.1@evil.example', '',
])
def test_a_name_that_points_to_this_machine_is_refused_on_loopback_only(host):
    assert ask(LOCAL, headers={'Host': host}) == ask(LOCAL, 'POST', headers={'Host': host}) == [403]
    assert ask(AWAY, headers={'Host': host}) == [200]


@pytest.mark.parametrize('origin', [
    'https://evil.example', 'null', 'http://127.0.0.1', 'http://localhost:7860', 'http://127.0.0.1:7861', 'http://[',
    'http://127.0.0.1:7860.evil.example', '127.0.0.1:7860',
])
def test_other_sites_are_refused_by_a_private_page(origin):
    for page in (LOCAL, AWAY, PROXIED):
        assert ask(page, 'POST', headers={'Origin': origin}) == ask(page, headers={'Origin': origin}) == [403]


def test_a_proxy_is_allowed_by_its_address():
    for host in ('127.0.0.1:7860', 'zoo.example.org'):
        headers = {'Host': host, 'Origin': 'https://zoo.example.org'}
        assert ask(PROXIED, 'POST', headers=headers) == [200]
    assert ask(PROXIED, headers={'Host': 'evil.example'}) == [403]


def test_a_page_for_anybody_may_be_used_by_other_sites_and_no_other_page(monkeypatch):
    monkeypatch.delenv('SPACE_ID', raising=False)
    kinds = {}
    for flags in (['--host', '0.0.0.0', '--public'], ['--host', '0.0.0.0', '--auth', 'a:b'], [], ['--auth', 'a:b']):
        kinds[' '.join(flags)] = [one.cls.__name__ for one in site._middleware(app.parse_args(flags), Sessions())]
    assert list(map(len, kinds.values())) == [2, 4, 3, 4]
    assert ['OwnSitesOnly' in found for found in kinds.values()] == [False, True, True, True]
    assert ['LoginRateLimit' in found for found in kinds.values()] == [False, True, False, True]


@pytest.mark.parametrize(('in_space', 'ancestors'), [(False, "'self'"), (True, f"'self' {HUB}")])
def test_a_space_is_shown_in_a_frame_of_the_hub_and_other_pages_in_none(in_space, ancestors):
    sent = []

    async def page(scope, receive, send):
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})

    async def note(message):
        sent.extend(message['headers'])

    asyncio.run(SafeHeaders(page, in_space)({'type': 'http'}, None, note))
    headers = {name.decode().lower(): value.decode() for name, value in sent}
    assert headers['content-security-policy'].endswith(f'; frame-ancestors {ancestors}')
    assert headers['x-content-type-options'] == 'nosniff'


def test_loopback_is_distinguished_from_other_addresses():
    assert all(map(is_loopback, ('127.0.0.1', '127.1.2.3', '::1', 'localhost')))
    assert not any(map(is_loopback, ('0.0.0.0', '::', '10.0.0.1', 'example.org', '')))


# Guesses


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def page(clock):
    """A page whose password is `right`."""
    page = FastAPI(middleware=[Middleware(LoginRateLimit, clock)])

    @page.post('/login')
    @page.post('/login/')
    async def login(password: str = Form()):
        await asyncio.sleep(0.01)
        if password != 'right':
            raise HTTPException(400)

    page.get('/')(lambda: {})
    return page


def guess(page, password='wrong', client='192.0.2.1', times=1, path='/login'):
    return ask(page, 'POST', path, client=client, times=times, data={'password': password})


@pytest.mark.parametrize('path', ['/login', '/login/'])
def test_after_some_wrong_passwords_even_the_right_one_has_to_wait(path, page, clock):
    assert guess(page, times=20, path=path) == [400] * TRIES + [429] * (20 - TRIES)  # all at once
    assert guess(page, 'right') == [429] and guess(page, 'right', '192.0.2.2') == [200]
    assert ask(page, client='192.0.2.1') == [200]
    clock.now = PAUSE - 1
    assert guess(page, 'right') == [429]
    clock.now = PAUSE
    assert guess(page, 'right') == [200]


def test_a_right_password_clears_the_count_of_wrong_ones(page):
    for _ in range(4):
        assert guess(page, times=TRIES - 1) == [400] * (TRIES - 1) and guess(page, 'right') == [200]


def test_many_addresses_that_guess_together_are_refused_too_and_forgotten_after_the_pause(page, clock):
    answers = sum((guess(page, client=f'192.0.2.{number}') for number in range(ALL_TRIES + 10)), [])
    assert answers == [400] * ALL_TRIES + [429] * 10
    clock.now = PAUSE
    assert guess(page, client='192.0.2.200') == [400]
