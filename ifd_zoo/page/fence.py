"""What gradio would serve and this page does not."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.requests import ClientDisconnect

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]
ROUTES = ('file=', 'file/', 'proxy=')


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
            await send({'type': 'http.response.start', 'status': 403, 'headers': [(b'content-type', b'text/plain')]})
            await send({'type': 'http.response.body', 'body': b'Only files of this page can be fetched.'})
            return
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return  # an upload that was cancelled; its half file goes by age


def is_elsewhere(path: str) -> bool:
    """Whether a request of this path is for something that is not on this machine."""
    for route in ROUTES:
        _, found, wanted = path.partition(f'/{route}')
        # Twice decoded, as gradio may do; one slash, since some servers merge two.
        if found and (route == 'proxy=' or ':/' in unquote(unquote(wanted))):
            return True
    return False
