"""Stopping long work. A function that runs cannot be ended from outside: it looks now and then whether it should."""

from collections.abc import Callable

import gradio as gr

from ifd_zoo.page.session import Sessions, visitor
from ifd_zoo.page.stops import STOPPED


def stoppable(sessions: Sessions, description: str, total: int) -> Callable[[int], None]:
    """A progress for long work of this event: tells how many of `total` are done, and stops when that is wanted.

    Raises:
        Stopped: it is wanted already.
    """
    progress, who = gr.Progress(), visitor()
    sessions.stops.check(who)

    def tell(done: int) -> None:
        sessions.stops.check(who)
        progress((done, total), desc=description, unit='photos')

    return tell


def cancel_button(name: str) -> gr.Button:
    return gr.Button('Cancel', size='lg', elem_id=f'{name}_cancel', scale=0, min_width=100)


def stop_with(sessions: Sessions, button: gr.Button, events: list, status: gr.components.Component) -> None:
    """The button stops these events, whether they wait or run, and says so in `status`."""

    def cancel() -> str:
        sessions.stops.ask(visitor())
        return STOPPED

    # Two listeners: what waits is cancelled by gradio, which calls no function along with it.
    button.click(None, cancels=events)
    button.click(cancel, None, status, queue=False, show_progress='hidden', api_visibility='private')
