"""Cancelling long computations. A running function cannot be ended from outside, so it polls whether to stop."""

from collections.abc import Callable

import gradio as gr

from ifd_zoo.page.session import Sessions, visitor
from ifd_zoo.page.stops import STOPPED


def stoppable(sessions: Sessions, description: str, total: int) -> Callable[[int], None]:
    """Return a progress callback for this event: it reports how many of `total` are done, and raises Stopped on cancel.

    Raises:
        Stopped: the visitor has already pressed Cancel.
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
    """Make the button stop these events, queued or running, and say so in `status`."""

    def cancel() -> str:
        sessions.stops.ask(visitor())
        return STOPPED

    # Two listeners: gradio cancels queued events, but does not call a function in the same listener.
    button.click(None, cancels=events)
    button.click(cancel, None, status, queue=False, show_progress='hidden', api_visibility='private')
