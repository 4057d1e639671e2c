"""Rate limits for password attempts and for places in the queue."""

import asyncio
import ipaddress
import time
from collections.abc import Callable

from gradio.queueing import Queue
from starlette.responses import JSONResponse

from ifd_zoo.page.guard.requests import Receive, Send

TRIES, ALL_TRIES, PAUSE = 5, 100, 300
"""Wrong passwords allowed from one address, and from all addresses, within PAUSE seconds."""
TOO_MANY_TRIES = f'After {TRIES} wrong passwords, wait {PAUSE // 60} minutes.'
PLACES = 24
"""Queue places per address: enough for twenty people behind one router, and fewer than the queue has."""


class LoginRateLimit:
    """ASGI middleware that answers 429 after too many recent wrong passwords from an address or from all of them.

    Args:
        app: the wrapped application.
        clock: returns monotonic time in seconds.
    """

    def __init__(self, app: Callable, clock: Callable[[], float] = time.monotonic) -> None:
        self.app, self.clock = app, clock
        self._tries: list[tuple[float, str]] = []

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http' or scope['method'] != 'POST' or not scope['path'].rstrip('/').endswith('/login'):
            await self.app(scope, receive, send)
            return
        now, who = self.clock(), network(scope['client'])
        self._tries = [one for one in self._tries if now - one[0] < PAUSE]
        own = [when for when, other in self._tries if other == who]
        if len(own) >= TRIES or len(self._tries) >= ALL_TRIES:
            first = own[0] if len(own) >= TRIES else self._tries[0][0]
            wait = {'Retry-After': str(int(first + PAUSE - now) + 1)}
            await JSONResponse({'detail': TOO_MANY_TRIES}, 429, wait)(scope, receive, send)
            return
        self._tries.append((now, who))  # before the answer, so that parallel attempts count too

        async def forgive(message: dict) -> None:
            if message.get('status') == 200:
                self._tries = [one for one in self._tries if one[1] != who]
            await send(message)

        await self.app(scope, receive, forgive)


def network(client: tuple[str, int] | None) -> str:
    """Return the address a visitor is counted by: an IPv4 address or an IPv6 /64 network; empty if unknown."""
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        address = None
    address = getattr(address, 'ipv4_mapped', None) or address
    if address and address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address or '')


class SharedPlaces:
    """Limit on the queue places per address; further requests are refused as if the queue were full.

    Args:
        queue: the page's queue; its `push` is replaced.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue, self._push = queue, queue.push
        self._one_at_a_time = asyncio.Lock()
        queue.push = self.push

    async def push(self, body: object, request: object, username: str | None) -> tuple[bool, object, str]:
        """Return what gradio's `Queue.push` does: whether it was accepted, event id or error message, and status."""
        async with self._one_at_a_time:
            if body.fn_index not in self.queue.blocks.fns:
                return False, 'There is no such event: see /gradio_api/info for a list.', 'error'
            if self.count(network(request.client)) >= PLACES:
                return False, f'{PLACES} requests from your address are queued; wait for one.', 'queue_full'
            return await self._push(body=body, request=request, username=username)

    def count(self, who: str) -> int:
        """Count the queued and running events of that address."""
        waiting = [event for one in self.queue.event_queue_per_concurrency_id.values() for event in one.queue]
        running = [event for job in self.queue.active_jobs if job for event in job]
        return sum(network(event.request.client) == who for event in waiting + running)
