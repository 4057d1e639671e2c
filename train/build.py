"""The parts of a run, each made from the config."""

from pathlib import Path

import timm
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ifd_zoo.datasets import DatasetError, Record, RecordDataset, ReIDDataset, load_dataset
from ifd_zoo.datasets.validation import hold_out
from ifd_zoo.hub import list_models
from ifd_zoo.models.backbone import Backbone
from ifd_zoo.parsing import load_parser
from ifd_zoo.parsing.masksets import LABEL_MAPS, NO_MASKS, MaskSource
from ifd_zoo.parsing.parser import BUNDLED
from ifd_zoo.transforms import Augmentation, Masking, TrainTransform
from train.config import Config, ConfigError
from train.engine import Stage
from train.sampler import SAMPLERS, Draw, IdentitySampler
from train.schedule import seed_everything
from train.task import AttentionTask, JointTask

ANY_BACKBONE = {1: 'ifd_baseline_resnet50', 2: 'ifd_resnet50'}
"""Number of streams to the architecture that is given the backbones of timm for which the zoo has no name."""


def build_data(config: Config) -> ReIDDataset:
    """The data set with the split that the config asks for, and label maps only if it has its own.

    Raises:
        DatasetError: there are no training images, or they are all of one person.
        ConfigError: there are too few people for a batch.
    """
    dataset = load_dataset(config.data, config.root)
    if not dataset.train:
        raise DatasetError(f'{config.root}: no training images in the layout of {config.data!r}')
    dataset = hold_out(dataset, config.val_pids) if config.val_pids else dataset
    if dataset.num_pids < 2:
        remedy = '; lower --val-pids' if config.val_pids else ''
        raise DatasetError(f'{config.root}: one training person, and it takes two to tell people apart{remedy}')
    build_sampler(dataset, config)  # before images are parsed
    return dataset


def build_masks(config: Config, accelerator: Accelerator) -> MaskSource:
    """Where the masks come from. Raises ParserError or DatasetError when there are none by that name."""
    with accelerator.main_process_first():  # one fetches, the others find it in the cache
        return MaskSource(config.masks if config.needs_masks else NO_MASKS, accelerator.device)


def add_masks(dataset: ReIDDataset, masks: MaskSource, config: Config, accelerator: Accelerator) -> ReIDDataset:
    """The data set with these masks.

    Raises:
        DatasetError: an image has none, or cannot be read.
    """
    if masks.masks != LABEL_MAPS:
        with accelerator.main_process_first():  # one parses, the others read what it wrote
            dataset = _with_masks(dataset, masks, config)
    records = _all_records(dataset)
    unmasked = sum(record.label_map is None for record in records)
    if unmasked and masks.masks != NO_MASKS:
        text = f'{unmasked} of {len(records)} images have no label map; give --masks bundled'
        raise DatasetError(f'{config.root}: {text}')
    return dataset


def _all_records(dataset: ReIDDataset) -> tuple[Record, ...]:
    """Those that are trained on and those that are measured; protocols share images."""
    tested = (record for protocol in dataset.protocols for record in protocol.query + protocol.gallery)
    return tuple(dict.fromkeys((*dataset.train, *tested)))


def _with_masks(dataset: ReIDDataset, masks: MaskSource, config: Config) -> ReIDDataset:
    folder = config.output / 'maps' if config.maps == Path() else config.maps
    records = _all_records(dataset)
    return dataset.with_records(
        dict(zip(records, masks.apply(records, config.root.expanduser(), folder), strict=True))
    )


def build_model(config: Config, num_classes: int) -> nn.Module:
    """The architecture with fresh weights.

    Raises:
        ConfigError: neither the zoo nor timm has such a backbone, or it gives no feature map of the images.
    """
    options = {
        'pool': config.pool,
        'cbd': config.contrastive != 'none',
        'last_stride': config.last_stride,
        'clothing_resize': config.clothing_resize,
        'clothing_normalize': config.clothing_normalize,
    }
    if config.streams == 2:
        options |= {'detach_attention': config.detach_attention, 'ikt_kernel': config.ikt_kernel}
    architecture = config.model
    if architecture not in list_models():
        architecture = ANY_BACKBONE[config.streams]
        options['backbone'] = config.backbone
    seed_everything(config.seed, 0)
    try:
        model = timm.create_model(architecture, num_classes=num_classes, **options)
        _try_backbone(model.main_stream.backbone, input_size(model, config))
    except Exception as error:  # of the many networks of timm each has its own errors
        known = sorted(name.removeprefix('ifd_') for name in list_models() if not name.startswith('ifd_baseline_'))
        reason = str(error).partition('\n')[0] or type(error).__name__
        text = f'{config.backbone!r} cannot be used ({reason}); known to work: {", ".join(known)}'
        raise ConfigError(f'backbone: {text}') from error
    return model


def input_size(model: nn.Module, config: Config) -> tuple[int, int]:
    """Height and width of the images: those of the config, or else the architecture's own."""
    return config.size if all(config.size) else tuple(model.pretrained_cfg['input_size'][1:])


@torch.no_grad()
def _try_backbone(backbone: Backbone, size: tuple[int, int]) -> None:
    """Raise when images of that size give no feature map (C, h, w)."""
    maps = backbone.eval()(torch.zeros(1, backbone.in_chans, *size))
    backbone.train()
    if maps.ndim != 4 or maps.shape[1] != backbone.num_features:
        raise ValueError(f'its last feature map is {tuple(maps.shape)}, not (1, {backbone.num_features}, h, w)')


ADVICE = {
    'imagenet': 'connect, or give a file with --backbone-weights PATH, or train from scratch with '
    '--backbone-weights none',
    'parser': 'give another --backbone, or other --backbone-weights',
}
FILE_ADVICE = "give a file with timm's or torchvision's weights of {name}, or a trained model of the zoo with --init"


def load_backbone_weights(model: nn.Module, config: Config) -> str:
    """Fill the backbones with what the config names; returns a sentence that says what it was.

    Raises:
        ConfigError: the weights cannot be had. There is no silent start from random weights.
    """
    source = config.backbone_weights
    if source == 'none':
        return 'backbone weights: none, trained from scratch'
    for stream in model.streams():
        try:
            _load_into(stream.backbone, source)
        except Exception as error:  # no network, no such weights: every library in between has its own errors
            reason = str(error).splitlines()[0]
            name = stream.backbone.name
            raise ConfigError(
                f'backbone_weights: {source!r} of {name} cannot be had ({reason}); '
                + ADVICE.get(source, FILE_ADVICE).format(name=name)
            ) from error
    if source == 'parser':
        return f'backbone weights: encoder of a bundled parser, {model.main_stream.backbone.name}'
    what = f'timm {model.main_stream.backbone.net.default_cfg.get("tag", "")}' if source == 'imagenet' else source
    return f'backbone weights: {what}'


def _load_into(backbone: Backbone, source: str) -> None:
    if source == 'imagenet':
        backbone.load_imagenet()
    elif source == 'parser':
        backbone.load_weights(_bundled_encoder(backbone.name), 'encoder of a bundled parser')
    else:
        backbone.load_file(Path(source))


def _bundled_encoder(backbone: str) -> dict[str, Tensor]:
    """Weights of the encoder of the bundled parser with that backbone.

    Raises:
        ValueError: there is none.
    """
    parsers = {parser.config['backbone']: parser for parser in map(load_parser, BUNDLED)}
    if backbone not in parsers:
        raise ValueError(f'the bundled parsers have the backbones {", ".join(parsers)}')
    return parsers[backbone].net.encoder.state_dict()


class DrawnDataset(Dataset):
    """Items of another data set, each augmented by the seed of its draw and by nothing else.

    Args:
        dataset: its items are dicts.
        keys: what to keep of them; the rest would only be carried from process to process.
    """

    def __init__(self, dataset: Dataset, keys: tuple[str, ...]) -> None:
        self.dataset = dataset
        self.keys = keys

    def __getitem__(self, draw: Draw) -> dict:
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(draw.seed)
        try:
            item = self.dataset[draw.index]
            return {key: item[key] for key in self.keys}
        finally:
            torch.set_rng_state(before)


def build_sampler(dataset: ReIDDataset, config: Config) -> IdentitySampler:
    """Which images are in which batch. Raises ConfigError when the data set is too small for them."""
    pids = [record.pid for record in dataset.train]
    clothes_ids = [record.clothes_id for record in dataset.train]
    share, limit = SAMPLERS[config.sampler], config.max_appearances or None
    try:
        return IdentitySampler(pids, clothes_ids, config.num_pids, config.num_images, config.seed, share, limit)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def build_loader(dataset: ReIDDataset, size: tuple[int, int], masking: Masking, config: Config) -> DataLoader:
    """Augmented batches. Raises ConfigError when the data set is too small for them."""
    augmentation = Augmentation(config.crop_scale, config.flip, config.erasing, config.jitter)
    transform = TrainTransform(size, augmentation, masking=masking)
    keys = ('image', 'pid', 'clothes_id', *(('masked', 'clothing') if config.needs_masks else ()))
    drawn = DrawnDataset(RecordDataset(dataset.train, transform), keys)
    return DataLoader(
        drawn,
        batch_sampler=build_sampler(dataset, config),
        num_workers=config.workers,
        persistent_workers=config.workers > 0,  # starting them anew takes as long as a batch
        pin_memory=torch.cuda.is_available(),
    )


def build_stages(model: nn.Module, config: Config) -> list[Stage]:
    """Stage 1, if the variant has an attention stream and the config epochs for it, and stage 2."""
    stages = []
    if config.streams == 2 and config.stage1_epochs:
        stages.append(Stage(1, AttentionTask(model, config), config.stage1_epochs, config.stage1_lr_drops, config))
    return [*stages, Stage(2, JointTask(model, config), config.epochs, config.lr_drops, config)]
