"""IFD zoo: identity-aware feature decoupling for clothing-change person re-identification.

Importing the package registers its architectures with timm: `timm.create_model('ifd_resnet50')`.
"""

from ifd_zoo import models  # noqa: F401  (registers the architectures)
from ifd_zoo.hub import create_model, list_bundled, list_models, list_pretrained, load_model
from ifd_zoo.parsing import list_parsers, load_parser
from ifd_zoo.predictor import Analysis, Match, Predictor

__all__ = [
    'Analysis',
    'Match',
    'Predictor',
    'create_model',
    'list_bundled',
    'list_models',
    'list_parsers',
    'list_pretrained',
    'load_model',
    'load_parser',
]
