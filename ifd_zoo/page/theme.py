"""How the page looks."""

from pathlib import Path

import gradio as gr

CSS = Path(__file__).resolve().parents[1] / 'app.css'
THEME = gr.themes.Soft(
    primary_hue='indigo',
    neutral_hue='slate',
    font=['system-ui', 'Segoe UI', 'Roboto', 'DejaVu Sans', 'sans-serif'],
    font_mono=['ui-monospace', 'DejaVu Sans Mono', 'monospace'],
)
LOOK = {'theme': THEME, 'css_paths': CSS, 'footer_links': [], 'ssr_mode': False}
UPLOAD = {'height': 180, 'show_label': False, 'interactive': True}
PICTURES = {'show_label': False, 'interactive': False, 'object_fit': 'contain', 'height': 'auto', 'container': False}
PHOTO = {
    'type': 'filepath',
    'sources': ['upload', 'clipboard'],
    'interactive': True,
    'height': 280,
    'elem_classes': 'photo',
}
STILL = {
    'show_label': False,
    'interactive': False,
    'container': False,
    'buttons': [],
    'format': 'png',
    'elem_classes': 'still',
}
"""Arguments of a picture that belongs to the page."""
RESULT = {'interactive': False, 'buttons': ['download', 'fullscreen'], 'height': 420, 'elem_classes': 'photo'}


def labelled(*value: object, label: str, **options: object) -> gr.Image:
    """A gr.Image whose label is read to those who do not see it."""
    return gr.Image(*value, label=label, alt_text=label, **options)


def scroll_to(elem_id: str) -> str:
    """JavaScript that brings an element into sight; to the top of a phone, where all lies below each other."""
    return f"""() => document.getElementById('{elem_id}').scrollIntoView({{
        behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth',
        block: innerWidth < 700 ? 'start' : 'nearest'}})"""


NETWORK = {'concurrency_id': 'search', 'concurrency_limit': 1}
"""Settings of events that run a network: one of them uses all cores."""
LIGHT = {'concurrency_id': 'light', 'concurrency_limit': 4, 'show_progress': 'hidden'}
"""Settings of events that draw."""
