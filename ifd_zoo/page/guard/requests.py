"""Stricter request filtering and response headers than gradio's own."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote, urlsplit

from gradio.route_utils import FnIndexInferError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse

from ifd_zoo.page.guard.hosts import is_loopback

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]
ROUTES = ('file=', 'file/', 'proxy=')
PROXY = 'behind a proxy, set GRADIO_ROOT_PATH to the address of the page, as in https://example.org'
OWN = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
"""Content Security Policy: gradio uses inline scripts and styles, `eval`, and data and blob URLs."""
HUB = 'https://huggingface.co'


class SafeHeaders:
    """ASGI middleware that adds headers against MIME sniffing and content from other sites to each response.

    Args:
        app: the wrapped application.
        in_space: allow the Hub to frame the page; otherwise no other site can.
    """

    def __init__(self, app: Callable, in_space: bool) -> None:
        self.app = app
        self.headers = {
            'X-Content-Type-Options': 'nosniff',
            'Content-Security-Policy': f"{OWN}; frame-ancestors 'self'{f' {HUB}' if in_space else ''}",
        }

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        async def send_safely(message: dict) -> None:
            if message['type'] == 'http.response.start':
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_safely)


class OwnSitesOnly:
    """ASGI middleware that refuses cross-site requests with 403.

    Args:
        app: the wrapped application.
        loopback: the page is for this machine only: the Host header must be a loopback name, against DNS rebinding
            (another site's name that resolves to this machine).
        address: public URL of the page behind a proxy, if any.
    """

    def __init__(self, app: Callable, loopback: bool, address: str = '') -> None:
        self.app, self.loopback, self.known = app, loopback, {urlsplit(address).netloc.lower()} - {''}

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        if scope['type'] == 'http' and (refusal := self._refusal(Headers(scope=scope))):
            await PlainTextResponse(refusal, 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, headers: Mapping[str, str]) -> str:
        host, origin = headers.get('host', '').lower(), headers.get('origin', '').lower()
        if self.loopback and host not in self.known and not is_loopback(_name(host)):
            return f'This page is for this machine only: open it at 127.0.0.1 or localhost; {PROXY}.'
        if origin and origin.partition('://')[2] not in self.known | ({host} if host else set()):
            return f'Other sites cannot use this page; {PROXY}.'
        return ''


def _name(host: str) -> str:
    """Return the host name without port; empty if invalid."""
    try:
        return urlsplit(f'//{host}').hostname or ''
    except ValueError:
        return ''


class OwnFilesOnly:
    """ASGI middleware that refuses URLs behind `file=`, which gradio would fetch, with 403.

    A client disconnect is not logged as an error.

    Args:
        app: the wrapped application.
    """

    def __init__(self, app: Callable) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        if scope['type'] == 'http' and is_elsewhere(scope['path']):
            await PlainTextResponse('Only files of this page can be fetched.', 403)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return  # a cancelled upload; its partial file is deleted by age


async def bad_request(request: Request, error: Exception) -> PlainTextResponse:
    """Answer 400 where gradio itself fails on a hand-made request; errors of our own functions never get here."""
    if request.method != 'POST':
        raise error
    return PlainTextResponse(f'This request cannot be understood: {error}.', 400)


MISUNDERSTOOD = dict.fromkeys((FnIndexInferError, KeyError, TypeError), bad_request)


def is_elsewhere(path: str) -> bool:
    """Return whether a request path asks for something on another machine."""
    for route in ROUTES:
        _, found, wanted = path.partition(f'/{route}')
        # Decoded twice, as gradio may do; one slash, because some servers merge two.
        if found and (route == 'proxy=' or ':/' in unquote(unquote(wanted))):
            return True
    return False
