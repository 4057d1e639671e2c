"""IFD zoo: identity-aware feature decoupling for clothing-change person re-identification.

Importing the package registers its architectures with timm: `timm.create_model('ifd_resnet50')`.
"""

from ifd_zoo.common.lazy import import_with, lazy_names

__getattr__, __all__ = lazy_names(__name__, {
    'hub': ('create_model', 'list_bundled', 'list_models', 'list_pretrained', 'load_model'),
    'parsing': ('list_parsers', 'load_parser'),
    'predictor': ('Analysis', 'Match', 'Predictor'),
})
import_with('timm', 'ifd_zoo.models')
