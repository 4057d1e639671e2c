"""A shared upload quota: uploads beyond it are refused."""

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

STEP = 16_000_000
"""Bytes of an upload between two checks of the quota."""
NO_ROOM = 'The storage of this page is full: try again in a few minutes.'

Receive = Callable[[], Awaitable[dict]]


class UploadsInRoom:
    """ASGI middleware that refuses an upload with 507, even midway, if the quota is used up.

    Args:
        app: the wrapped application.
        has_room: returns whether there is room; called in a thread.
    """

    def __init__(self, app: Callable, has_room: Callable[[], bool]) -> None:
        self.app, self.has_room = app, has_room

    async def __call__(self, scope: dict, receive: Receive, send: Callable[[dict], Awaitable[None]]) -> None:
        if scope['type'] == 'http' and Headers(scope=scope).get('content-type', '').startswith('multipart/'):
            receive = self._looking(receive)
        await self.app(scope, receive, send)

    def _looking(self, receive: Receive) -> Receive:
        unseen = STEP  # so that the first bytes trigger a check

        async def received() -> dict:
            nonlocal unseen
            message = await receive()
            unseen += len(message.get('body', b''))
            if unseen >= STEP:
                unseen = 0
                if not await run_in_threadpool(self.has_room):
                    raise HTTPException(507, NO_ROOM)
            return message

        return received
