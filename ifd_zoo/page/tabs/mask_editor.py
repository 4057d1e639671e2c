"""The picture to paint masks on, which takes nothing from visitors beyond its own layer."""

from collections.abc import Callable

import gradio as gr
from fastapi import HTTPException
from gradio.components.base import server
from gradio.data_classes import DataWithFiles

from ifd_zoo.common.recent import Recent
from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.recolour.colour import to_hex

EDITED_SIDE = 640  # pixels of the picture to paint on
PAINTINGS = 64  # of all visitors
PAINTED_BYTES = 4 * EDITED_SIDE**2  # of one picture: more than the pixels


def mask_editor() -> gr.ImageEditor:
    colours = [to_hex(colour) for colour in PALETTE]
    upper = colours[LABELS.index('upper')]
    editor = gr.ImageEditor(
        type='pil',
        label='Mask',
        sources=[],
        transforms=[],
        brush=gr.Brush(default_size=14, colors=colours, default_color=upper, color_mode='fixed'),
        eraser=gr.Eraser(default_size=18),
        layers=gr.LayerOptions(allow_additional_layers=False, disabled=True),
        format='png',
        height=620,
        elem_id='editor',
    )
    editor.blob_storage = Recent(PAINTINGS)  # what a visitor painted waits here, also if it is never asked for
    editor.accept_blobs = bounded(editor.accept_blobs)
    return editor


def bounded(accept: Callable) -> Callable:
    """What takes in the pictures of an editor, which anybody may send, before they are read: nothing beyond its own."""

    @server
    def run(data: DataWithFiles) -> object:
        if not isinstance(data, DataWithFiles) or not isinstance(data.data, dict):
            raise HTTPException(400, 'pictures of a mask come as a form, as gradio\'s editor sends them')
        layer = str(data.data.get('index') or 0)
        if layer not in ('0', 'null') or any(len(content) > PAINTED_BYTES for _, content in data.files):
            raise HTTPException(413, f'a mask is one layer of at most {PAINTED_BYTES:,} bytes')
        return accept(data)

    return run
