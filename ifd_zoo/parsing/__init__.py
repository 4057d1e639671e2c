"""Human parsing: which pixel is hair, face, arms, a coat ...; and the clothing masks made from it."""

from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.labels import CLOTHING, LABELS, MASK_SETS, PALETTE, class_indices
from ifd_zoo.parsing.masks import class_mask, erase
from ifd_zoo.parsing.parser import NoParser, Parser, save_parser
from ifd_zoo.parsing.registry import list_parsers, load_parser

__all__ = [
    'CLOTHING',
    'LABELS',
    'MASK_SETS',
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
