"""The mask editor, which accepts only its one painted layer from visitors."""

from collections.abc import Callable

import gradio as gr
from fastapi import HTTPException
from gradio.components.base import server
from gradio.data_classes import DataWithFiles

from ifd_zoo.common.recent import Recent
from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.recolour.colour import to_hex

EDITED_SIDE = 640  # longer side of the image to paint on, in pixels
PAINTINGS = 64  # stored paintings of all visitors
PAINTED_BYTES = 4 * EDITED_SIDE**2  # size limit of one painting: that of its raw RGBA pixels


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
    editor.blob_storage = Recent(PAINTINGS)  # bounded, since paintings that are never fetched would stay
    editor.accept_blobs = bounded(editor.accept_blobs)
    return editor


def bounded(accept: Callable) -> Callable:
    """Wrap the editor's upload handler, which anybody can call, to accept only its one layer, of limited size."""

    @server
    def run(data: DataWithFiles) -> object:
        if not isinstance(data, DataWithFiles) or not isinstance(data.data, dict):
            raise HTTPException(400, 'send the images of a mask as a form, as gradio\'s editor does')
        layer = str(data.data.get('index') or 0)
        if layer not in ('0', 'null') or any(len(content) > PAINTED_BYTES for _, content in data.files):
            raise HTTPException(413, f'a mask is one layer of at most {PAINTED_BYTES:,} bytes')
        return accept(data)

    return run
