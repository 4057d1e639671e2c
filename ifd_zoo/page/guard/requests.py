"""Which requests are answered, and with which headers: gradio alone would answer more."""

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
"""The content policy: gradio has scripts and styles in its page, builds functions, and makes pictures."""
HUB = 'https://huggingface.co'


class SafeHeaders:
    """ASGI middleware: adds headers to each answer: types are not guessed, and only this page's own content is loaded.

    Args:
        app: the application behind it.
        in_space: the page is shown in a frame of the Hub; otherwise in none of another site.
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
    """ASGI middleware: refuses with 403 what another site sends through the browser of a visitor.

    Args:
        app: the application behind it.
        loopback: the page is for this machine only, so requests must name it; a name that another site lets point
            to this machine would make that site's scripts the page's own.
        address: of the page behind a proxy, if any.
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
    """Read the name of a host, with or without port; empty when it is none."""
    try:
        return urlsplit(f'//{host}').hostname or ''
    except ValueError:
        return ''


class OwnFilesOnly:
    """ASGI middleware: an address behind `file=`, which gradio would fetch for the visitor, is refused with 403.

    A visitor who hangs up is no fault, and not logged as one.

    Args:
        app: the application behind it.
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
            return  # an upload that was cancelled; its half file goes by age


async def misunderstood(request: Request, error: Exception) -> PlainTextResponse:
    """Answers 400 where gradio itself stumbles over a request by hand; what our own functions raise never gets here."""
    if request.method != 'POST':
        raise error
    return PlainTextResponse(f'This request cannot be understood: {error}.', 400)


MISUNDERSTOOD = dict.fromkeys((FnIndexInferError, KeyError, TypeError), misunderstood)


def is_elsewhere(path: str) -> bool:
    """Whether a request of this path is for something that is not on this machine."""
    for route in ROUTES:
        _, found, wanted = path.partition(f'/{route}')
        # Twice decoded, as gradio may do; one slash, since some servers merge two.
        if found and (route == 'proxy=' or ':/' in unquote(unquote(wanted))):
            return True
    return False
