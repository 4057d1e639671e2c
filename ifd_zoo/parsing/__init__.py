"""Human parsing: label each pixel as hair, face, arms, coat ..."""

from ifd_zoo.common.lazy import lazy_names

__getattr__, __all__ = lazy_names(__name__, {
    'base': ('ParserError',),
    'parser': ('NoParser', 'Parser'),
    'registry': ('list_parsers', 'load_parser'),
})
