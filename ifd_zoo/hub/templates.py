"""Texts of cards, as templates in the folder `cards`."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

CARDS = Path(__file__).with_name('cards')


def render(card: str, /, **fields: object) -> str:
    """The text of `cards/CARD.md.jinja` with its fields filled in.

    Raises:
        jinja2.UndefinedError: a field is missing.
    """
    return _environment.get_template(f'{card}.md.jinja').render(fields)


_environment = Environment(  # Markdown for readers of a repository, not HTML of a page: nothing to escape
    loader=FileSystemLoader(CARDS), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
)
