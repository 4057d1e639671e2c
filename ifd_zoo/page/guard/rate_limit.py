"""Rate limits: guesses of the password, and places in the queue."""

import asyncio
import ipaddress
import time
from collections.abc import Callable

from gradio.queueing import Queue
from starlette.responses import JSONResponse

from ifd_zoo.page.guard.requests import Receive, Send

TRIES, ALL_TRIES, PAUSE = 5, 100, 300
"""Wrong passwords of one address, and of all, in so many seconds."""
BRAKED = f'After {TRIES} wrong passwords, wait {PAUSE // 60} minutes.'
PLACES = 24
"""In the queue, of one address: twenty people behind one router are served, and others, too."""


class LoginRateLimit:
    """ASGI middleware: answers 429 to who, or after too many have, tried wrong passwords lately.

    Args:
        app: the application behind it.
        clock: seconds, that never go back.
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
            await JSONResponse({'detail': BRAKED}, 429, wait)(scope, receive, send)
            return
        self._tries.append((now, who))  # before its end, so that many at once are no way around

        async def forgive(message: dict) -> None:
            if message.get('status') == 200:
                self._tries = [one for one in self._tries if one[1] != who]
            await send(message)

        await self.app(scope, receive, forgive)


def network(client: tuple[str, int] | None) -> str:
    """What one visitor can send from: an address, or a network of IPv6; empty when that is not known."""
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        address = None
    address = getattr(address, 'ipv4_mapped', None) or address
    if address and address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address or '')


class SharedPlaces:
    """Lets no address take all places of a queue: one too many is refused, as if the queue were full.

    Args:
        queue: of the page; what it takes comes through here from now on.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue, self._push = queue, queue.push
        self._one_at_a_time = asyncio.Lock()
        queue.push = self.push

    async def push(self, body: object, request: object, username: str | None) -> tuple[bool, object, str]:
        """As of gradio's queue: whether it was taken; its id, or what is wrong; the kind of answer."""
        async with self._one_at_a_time:
            if body.fn_index not in self.queue.blocks.fns:
                return False, 'There is no such event: see /gradio_api/info for those that there are.', 'error'
            if self.count(network(request.client)) >= PLACES:
                return False, f'{PLACES} requests from your address wait already; wait for one.', 'queue_full'
            return await self._push(body=body, request=request, username=username)

    def count(self, who: str) -> int:
        """How many of the events that wait or run are of that address."""
        waiting = [event for one in self.queue.event_queue_per_concurrency_id.values() for event in one.queue]
        running = [event for job in self.queue.active_jobs if job for event in job]
        return sum(network(event.request.client) == who for event in waiting + running)
