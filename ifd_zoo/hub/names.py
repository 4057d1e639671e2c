"""Names of the zoo: architectures, and `architecture.training-run` for trained weights."""

import os
from pathlib import Path

import timm
from huggingface_hub import constants

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.hub.model_schema import ModelConfig
from ifd_zoo.releases.files import CONFIG, ORGANISATION, PREFIX, WEIGHTS, LoadError, read_config
from ifd_zoo.variants import split_name


def list_models() -> list[str]:
    """Architectures of the zoo, sorted."""
    return timm.list_models('ifd_*')


def list_tagged() -> list[str]:
    """`architecture.tag` of every training run that the zoo knows, with published weights or without, sorted."""
    return sorted(name for name in timm.list_models('ifd_*', include_tags=True) if '.' in name)


def list_bundled() -> list[str]:
    """Names (`architecture.tag`) whose weights come with this package, sorted."""
    return [name for name in list_pretrained() if Path(timm.get_pretrained_cfg(name).file or '').is_file()]


def list_pretrained() -> list[str]:
    """Names (`architecture.tag`) whose weights are bundled or published on the Hub, sorted; reads no network."""
    return sorted(timm.list_pretrained('ifd_*'))


def is_known(name: str) -> bool:
    """Whether the zoo has this architecture, and this tag of it if there is one."""
    return name in list_models() or name in list_tagged()


def default_tag(name: str) -> str:
    """The name itself, or for an architecture the tag that timm takes, if it has weights; else the architecture."""
    if '.' in name or not timm.is_model(name):
        return name
    tagged = f'{name}.{timm.get_pretrained_cfg(name).tag}'
    return tagged if tagged in list_pretrained() else name


def hub_source(name: str) -> str:
    """`hf-hub:org/name` where a tagged name is looked for on the Hub; empty when it is nowhere."""
    published = timm.get_pretrained_cfg(name).hf_hub_id
    organisation = os.environ.get(ORGANISATION)
    if published:
        return f'hf-hub:{published}'
    return f'hf-hub:{organisation}/{name}' if organisation and '.' in name else ''


def how_to_make(name: str) -> str:
    """The command that trains these weights."""
    command = (timm.get_pretrained_cfg(name).notes or ('',))[0]
    if not command:
        variant, backbone = split_name(name.split('.')[0])
        command = f'python train/run.py --backbone {backbone}{"" if variant == "ifd" else f" --variant {variant}"}'
    return f'{command} --root DIR --output DIR'


def list_cached() -> list[str]:
    """`hf-hub:org/name` of every IFD model in the cache of the Hub, sorted; reads no network."""
    names = []
    for config in sorted(Path(constants.HF_HUB_CACHE).glob(f'models--*/snapshots/*/{CONFIG}')):
        if (config.parent / WEIGHTS).exists() and _architecture(config).startswith('ifd_'):
            names.append(PREFIX + config.parents[2].name.removeprefix('models--').replace('--', '/', 1))
    return sorted(set(names))


def _architecture(config: Path) -> str:
    try:
        return read_config(config, ModelConfig)['architecture']
    except LoadError:
        return ''  # somebody else's repository
