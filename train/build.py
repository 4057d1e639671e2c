"""The parts of a run, each made from the config."""

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from ifd_zoo.datasets import DatasetError, Record, ReIDDataset, load_dataset
from ifd_zoo.datasets.validation import hold_out
from ifd_zoo.hub import list_models
from ifd_zoo.intake.content import PICTURE_SUFFIXES
from ifd_zoo.models.backbone import Backbone
from ifd_zoo.parsing import load_parser
from ifd_zoo.parsing.masksets import LABEL_MAPS, NO_MASKS, MaskSource
from ifd_zoo.parsing.parser import BUNDLED
from ifd_zoo.transforms import Augmentation, Masking, TrainTransform
from train.camera import surveillance
from train.config import Config, ConfigError
from train.engine import Stage
from train.recipes import VARIANTS
from train.sampler import SAMPLERS, Draw, IdentitySampler, PhotoSampler
from train.schedule import seed_everything
from train.task import AttentionTask, JointTask
from train.variation import Variation, VariedDataset


def build_data(config: Config, accelerator: Accelerator) -> ReIDDataset:
    """The data set with the masks and the split that the config asks for.

    Raises:
        DatasetError: there are no training images, or images without the masks that the variant needs.
    """
    dataset = load_dataset(config.data, config.root)
    if not dataset.train:
        raise DatasetError(f'{config.root}: no training images in the layout of {config.data!r}')
    masks = config.masks if config.needs_masks else NO_MASKS  # nor the time to read them
    if masks != LABEL_MAPS:
        with accelerator.main_process_first():  # one parses, the others read what it wrote
            dataset = _with_masks(dataset, MaskSource(masks, accelerator.device), config)
    dataset = hold_out(dataset, config.val_pids) if config.val_pids else dataset
    records = _all_records(dataset)
    unmasked = sum(record.label_map is None for record in records)
    if unmasked and masks != NO_MASKS:
        text = f'{unmasked} of {len(records)} images have no label map; give --masks bundled'
        raise DatasetError(f'{config.root}: {text}')
    return dataset


def build_photos(config: Config, accelerator: Accelerator) -> tuple[Record, ...]:
    """The photos that the config names, with label maps by the bundled parser and a pid below zero each.

    Raises:
        DatasetError: the folder holds no pictures.
    """
    if config.photos == Path():
        return ()
    folder = config.photos.expanduser()
    paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise DatasetError(f'{folder}: no photos for --photos')
    records = [Record(path, pid=-1 - i, camid=0, clothes_id=-1 - i) for i, path in enumerate(paths)]
    with accelerator.main_process_first():
        return MaskSource('bundled', accelerator.device).apply(records, folder, config.output / 'photo-maps')


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
    """The architecture with fresh weights. Raises ConfigError when the zoo has no such backbone."""
    if config.model not in list_models():
        prefix = 'ifd_' if config.streams == 2 else 'ifd_baseline_'
        known = [name.removeprefix(prefix) for name in list_models() if name.startswith(prefix)]
        known = [name for name in known if not name.startswith('baseline_')]
        raise ConfigError(f'backbone: unknown {config.backbone!r}; known: {", ".join(known)}')
    options = {
        'pool': config.pool,
        'cbd': config.contrastive != 'none',
        'last_stride': config.last_stride,
        'neck_affine': config.neck_affine,
        'clothing_resize': config.clothing_resize,
        'clothing_normalize': config.clothing_normalize,
    }
    if VARIANTS[config.variant].masked:
        options['masked'] = True
    if config.streams == 2:
        options |= {'detach_attention': config.detach_attention, 'ikt_kernel': config.ikt_kernel}
    seed_everything(config.seed, 0)
    return timm.create_model(config.model, num_classes=num_classes, **options)


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
            raise ConfigError(
                f'backbone_weights: {source!r} of {stream.backbone.name} cannot be had ({reason}); connect, or give a '
                'file with --backbone-weights PATH, or train from scratch with --backbone-weights none'
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


def build_loader(
    dataset: ReIDDataset, photos: Sequence[Record], size: tuple[int, int], masking: Masking, config: Config
) -> DataLoader:
    """Augmented batches of persons, and of photos if there are any.

    Raises:
        ConfigError: the data set is too small for them.
    """
    augmentation = Augmentation(config.crop_scale, config.flip, config.erasing, config.jitter, config.crop)
    camera = v2.RandomApply([surveillance(size[0])], config.camera) if config.camera else None
    transform = TrainTransform(size, augmentation, masking=masking, camera=camera)
    pids = [record.pid for record in dataset.train]
    clothes_ids = [record.clothes_id for record in dataset.train]
    share, limit = SAMPLERS[config.sampler], config.max_appearances or None
    try:
        sampler = IdentitySampler(
            pids, clothes_ids, config.num_pids, config.num_images, config.seed, share, limit, config.pid_draw
        )
        if photos:
            sampler = PhotoSampler(sampler, range(len(pids), len(pids) + len(photos)), config.num_photos)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    keys = ('image', 'pid', 'clothes_id', *(('masked', 'clothing') if config.needs_masks else ()))
    variation = Variation(config.recolour, config.background)
    drawn = DrawnDataset(VariedDataset(dataset.train, transform, variation, photos), keys)
    return DataLoader(
        drawn,
        batch_sampler=sampler,
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
