"""Validation of every event argument from visitors, before gradio processes it.

On its own, gradio fetches a file whose path is a URL, and fails with a traceback on a value of the wrong type.
Whether a value makes sense (an existing model, a photo at all) is checked by the event handler.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio as gr
from gradio.components import Component
from gradio.components.api_component import Api
from gradio.data_classes import GradioModel, GradioRootModel, ListFiles
from gradio.utils import get_upload_folder
from pydantic import ValidationError

from ifd_zoo.page.files import error

MAX_LENGTH = 4096
"""Maximum number of characters of a text: the longest path on Linux."""
TEXT = f'a text of at most {MAX_LENGTH:,} characters'


class Page(gr.Blocks):
    """Blocks that validate event arguments."""

    async def process_api(self, *args: object, event_data: gr.EventData | None = None, **named: object) -> dict:
        if event_data:  # only the index, since gradio looks for files in the rest
            event_data = gr.EventData(event_data.target, {'index': _index(event_data._data)})
        return await super().process_api(*args, event_data=event_data, **named)

    async def preprocess_data(
        self, block_fn: object, inputs: list, state: object, explicit_call: bool = False
    ) -> list[object]:
        return await super().preprocess_data(block_fn, check_values(block_fn.inputs, inputs), state, explicit_call)


class Clicked(gr.SelectData):
    """Event data with the 0-based `index` of the clicked item.

    Raises:
        gr.Error: the request has no valid index.
    """

    def __init__(self, target: object, data: dict[str, int | None]) -> None:
        if data['index'] is None:
            raise error('The event needs the index of the clicked item, a whole number from 0.')
        super().__init__(target, data | {'value': None})


def _index(sent: object) -> int | None:
    index = sent.get('index') if isinstance(sent, dict) else None
    return index if type(index) is int and index >= 0 else None


def check_values(components: Sequence[Component], values: Sequence[object]) -> list[object]:
    """Validate the values for the inputs of an event; files keep only the fields of gradio's data models.

    Raises:
        gr.Error: a value does not fit its input, or a file was not uploaded to this page.
    """
    if len(values) < len(components):
        raise error(f'This takes {len(components)} values, but got {len(values)}.')
    return [_checked(component, value) for component, value in zip(components, values, strict=False)]


def _checked(component: Component, value: object) -> object:
    if component.stateful or (value is None and not isinstance(component, (gr.Slider, gr.Dataset))):
        return value  # None is no value yet; gradio takes a state from the server, whatever the request sends
    if model := _model_of_files(component):
        return _checked_files(component, model, value)
    if wanted := _wanted(component, value):
        raise error(f'{_name(component)}: must be {wanted}.')
    return value


def _name(component: Component) -> str:
    if isinstance(component, Api):  # labelled by its position
        return f'The {component.label} argument'
    return component.label or component.elem_id


def _model_of_files(component: Component) -> type[GradioModel | GradioRootModel] | None:
    if isinstance(component, Api):
        return ListFiles if component.api_info()['type'] == 'array' else None
    return component.data_model


def _checked_files(component: Component, model: type[GradioModel | GradioRootModel], value: object) -> object:
    try:
        found = model.model_validate(value).model_dump()
    except ValidationError as fault:
        where = '.'.join(map(str, fault.errors()[0]['loc']))
        text = f'{_name(component)}: must be uploaded to this page'
        raise error(f'{text}; invalid at {where}.' if where else f'{text}.') from fault
    if not all(is_own_file(path) for path in _paths(found)):
        raise error('That file was not uploaded to this page, or has been deleted: upload it again.')
    return found


def _paths(value: object) -> Iterator[object]:
    """Yield all file paths in a model dump."""
    if isinstance(value, dict):
        yield from [value['path']] if 'path' in value else []
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _paths(part)


def is_own_file(path: object) -> bool:
    """Return whether the path is a file among the uploads and results of this page, so that a visitor may use it."""
    # URLs and `~` are not absolute; folders, devices and invalid names are not files.
    if not isinstance(path, str) or not os.path.isabs(path) or not os.path.isfile(path):
        return False
    return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())


def _wanted(component: Component, value: object) -> str:
    """Describe what the value should be; empty if it is valid."""
    match component:
        case gr.Slider(minimum=low, maximum=high):
            right = type(value) in (int, float) and low <= value <= high
            return '' if right else f'a number from {low} to {high}'
        case gr.Dataset(samples=samples):
            right = type(value) is int and 0 <= value < len(samples)
            return '' if right else f'the number of an example, from 0 to {len(samples) - 1}'
        case gr.Checkbox():
            return '' if type(value) is bool else 'true or false'
        case gr.CheckboxGroup() | gr.Dropdown(multiselect=True):
            right = isinstance(value, list) and all(map(_is_text, value))
            return '' if right else f'a list, each item {TEXT}'
        case gr.Dropdown():
            return '' if _is_text(value) or type(value) is int else f'a whole number or {TEXT}'
        case gr.Radio() | gr.Textbox() | gr.ColorPicker() | Api():
            return '' if _is_text(value) else TEXT
    raise TypeError(f'{component}: no validation is defined for this component')


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_LENGTH
