"""Theme and shared component settings of the page."""

from pathlib import Path

import gradio as gr

CSS = Path(__file__).with_name('app.css')
JS = CSS.with_suffix('.js')
COLOURS = gr.themes.colors.indigo
# Darker shades where they are the colour or the background of text, for enough contrast.
INDIGO = gr.themes.Color(
    COLOURS.c50, COLOURS.c100, COLOURS.c200, COLOURS.c300, COLOURS.c400, COLOURS.c600, COLOURS.c700, COLOURS.c700,
    COLOURS.c800, COLOURS.c900, COLOURS.c950,
)  # fmt: skip
THEME = gr.themes.Soft(
    primary_hue=INDIGO,
    neutral_hue='slate',
    font=['system-ui', 'Segoe UI', 'Roboto', 'DejaVu Sans', 'sans-serif'],
    font_mono=['ui-monospace', 'DejaVu Sans Mono', 'monospace'],
).set(
    background_fill_primary='*neutral_50',  # the default, which `set` would drop
    body_text_color_subdued='*neutral_600',
    body_text_color_subdued_dark='*neutral_300',
    input_placeholder_color='*neutral_500',
    input_placeholder_color_dark='*neutral_300',
)
# Texts for screen readers that gradio uses without having them.
SPOKEN = gr.I18n(en={'common.webcam': 'Webcam', 'common.complete': 'Complete'})
LOOK = {
    'theme': THEME,
    'css_paths': CSS,
    'js': JS.read_text(encoding='utf-8'),
    'i18n': SPOKEN,
    'footer_links': [],
    'ssr_mode': False,
}
UPLOAD = {'height': 210, 'show_label': False, 'interactive': True}
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
"""Arguments of a static image of the page."""
RESULT = {'interactive': False, 'buttons': ['download', 'fullscreen'], 'height': 420, 'elem_classes': 'photo'}


def labelled(*value: object, label: str, **options: object) -> gr.Image:
    """Make a gr.Image whose label is also its alt text."""
    return gr.Image(*value, label=label, alt_text=label, **options)


def scroll_to(elem_id: str, otherwise: str = 'nearest') -> str:
    """Return JavaScript that scrolls to an element: to its top if it is large or the window narrow, or else as said."""
    return f"""() => {{
        const element = document.getElementById('{elem_id}');
        element.scrollIntoView({{
            behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth',
            block: innerWidth < 700 || element.offsetHeight > innerHeight / 2 ? 'start' : '{otherwise}'
        }});
    }}"""


NETWORK = {'concurrency_id': 'search', 'concurrency_limit': 1}
"""Settings of events that run a network, one at a time, because each uses all cores."""
LIGHT = {'concurrency_id': 'light', 'concurrency_limit': 4, 'show_progress': 'hidden'}
"""Settings of events that only draw."""
