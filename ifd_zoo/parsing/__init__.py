"""Human parsing: which pixel is hair, face, arms, a coat ...; and the clothing masks made from it."""

from ifd_zoo.parsing.labels import CLOTHING, LABELS, PALETTE, class_indices
from ifd_zoo.parsing.masks import class_mask, erase
from ifd_zoo.parsing.parser import NoParser, Parser, ParserError, list_parsers, load_parser, save_parser

__all__ = [
    'CLOTHING',
    'LABELS',
    'PALETTE',
    'NoParser',
    'Parser',
    'ParserError',
    'class_indices',
    'class_mask',
    'erase',
    'list_parsers',
    'load_parser',
    'save_parser',
]
