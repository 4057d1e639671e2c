"""The zoo and the Hub: find, load, save, check and publish releases.

A release is a folder with `model.safetensors` (no classifier), `config.json` (timm's form plus our section `ifd`),
`README.md` (the model card) and `golden.safetensors` (an input, and what the model made of it). A human parser of our
own is released in the same four files, with a config.json of its own form; `ifd_zoo.load_parser` loads it.
"""

from ifd_zoo.hub.files import CARD, CONFIG, GOLDEN, WEIGHTS, LoadError, ReleaseError
from ifd_zoo.hub.loading import create_model, eval_transform, load_model, read_info
from ifd_zoo.hub.names import list_bundled, list_models, list_pretrained, list_tagged
from ifd_zoo.hub.release import save_release
from ifd_zoo.hub.remote import fetch, list_cached

__all__ = [
    'CARD',
    'CONFIG',
    'GOLDEN',
    'WEIGHTS',
    'LoadError',
    'ReleaseError',
    'create_model',
    'eval_transform',
    'fetch',
    'list_bundled',
    'list_cached',
    'list_models',
    'list_pretrained',
    'list_tagged',
    'load_model',
    'read_info',
    'save_release',
]
