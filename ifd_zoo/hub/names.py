"""Names in the zoo: architectures, and `architecture.tag` for trained weights; the tag names the training run."""

import os
from pathlib import Path

import timm
from huggingface_hub import constants

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.common.variants import split_name
from ifd_zoo.hub.model_schema import ModelConfig
from ifd_zoo.releases.files import CONFIG, ORGANISATION, PREFIX, WEIGHTS, LoadError, read_config


def list_models() -> list[str]:
    """List the architectures of the zoo, sorted."""
    return timm.list_models('ifd_*')


def list_tagged() -> list[str]:
    """List `architecture.tag` of every training run known to the zoo, with or without published weights, sorted."""
    return sorted(name for name in timm.list_models('ifd_*', include_tags=True) if '.' in name)


def list_bundled() -> list[str]:
    """List the names (`architecture.tag`) whose weights come with this package, sorted."""
    return [name for name in list_pretrained() if Path(timm.get_pretrained_cfg(name).file or '').is_file()]


def list_pretrained() -> list[str]:
    """List `architecture.tag` of weights that are bundled or on the Hub, sorted; does not use the network."""
    return sorted(timm.list_pretrained('ifd_*'))


def is_known(name: str) -> bool:
    """Return whether the zoo has this architecture and, if the name has one, this tag."""
    return name in list_models() or name in list_tagged()


def default_tag(name: str) -> str:
    """Add timm's default tag to the name of an architecture if it has weights; return other names unchanged."""
    if '.' in name or not timm.is_model(name):
        return name
    tagged = f'{name}.{timm.get_pretrained_cfg(name).tag}'
    return tagged if tagged in list_pretrained() else name


def hub_source(name: str) -> str:
    """Return the `hf-hub:org/name` in which to look for the weights of a name; empty if there is none."""
    published = timm.get_pretrained_cfg(name).hf_hub_id
    organisation = os.environ.get(ORGANISATION)
    if published:
        return f'hf-hub:{published}'
    return f'hf-hub:{organisation}/{name}' if organisation and '.' in name else ''


def training_command(name: str) -> str:
    """Return the command that trains these weights."""
    command = (timm.get_pretrained_cfg(name).notes or ('',))[0]
    if not command:
        variant, backbone = split_name(name.split('.')[0])
        command = f'python train/run.py --backbone {backbone}{"" if variant == "ifd" else f" --variant {variant}"}'
    return f'{command} --root DIR --output DIR'


def list_cached() -> list[str]:
    """List `hf-hub:org/name` of every IFD model in the Hub cache, sorted; does not use the network."""
    names = []
    for config in sorted(Path(constants.HF_HUB_CACHE).glob(f'models--*/snapshots/*/{CONFIG}')):
        if (config.parent / WEIGHTS).exists() and _architecture(config).startswith('ifd_'):
            names.append(PREFIX + config.parents[2].name.removeprefix('models--').replace('--', '/', 1))
    return sorted(set(names))


def _architecture(config: Path) -> str:
    try:
        return read_config(config, ModelConfig)['architecture']
    except LoadError:
        return ''  # not a release of the zoo
