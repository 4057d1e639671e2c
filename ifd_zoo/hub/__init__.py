"""Releases: find, load, save, check and publish them.

A release is a folder with `model.safetensors` (no classifier), `config.json` (timm's format plus our section `ifd`),
`README.md` (the model card) and `golden.safetensors` (an input and the model's output for it). A zoo parser (a human
parser trained with `train/parser.py`) is released as the same four files, with its own format of config.json;
`ifd_zoo.load_parser` loads it.
"""

from ifd_zoo.common.lazy import lazy_names

__getattr__, __all__ = lazy_names(__name__, {
    'ifd_zoo.releases.files': ('CARD', 'CONFIG', 'GOLDEN', 'WEIGHTS', 'LoadError', 'ReleaseError'),
    'ifd_zoo.releases.remote': ('fetch',),
    'loading': ('create_model', 'eval_transform', 'load_model', 'read_info'),
    'names': ('list_bundled', 'list_cached', 'list_models', 'list_pretrained', 'list_tagged'),
    'release': ('save_release',),
})
