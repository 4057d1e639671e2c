"""Human parsing: which pixel is hair, face, arms, a coat ...; and the clothing masks made from it."""

from ifd_zoo.lazy import lazy_names

__getattr__, __all__ = lazy_names(__name__, {
    'base': ('ParserError',),
    'labels': ('CLOTHING', 'LABELS', 'MASK_SETS', 'PALETTE', 'class_indices'),
    'masks': ('class_mask', 'erase'),
    'parser': ('NoParser', 'Parser', 'save_parser'),
    'registry': ('list_parsers', 'load_parser'),
})
