"""Builders of the parts of a training run, each from the config."""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

import timm
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from ifd_zoo.datasets import DatasetError, Record, ReIDDataset, load_dataset
from ifd_zoo.datasets.validation import hold_out
from ifd_zoo.hub import list_models
from ifd_zoo.images.formats import list_pictures
from ifd_zoo.models.backbone import Backbone
from ifd_zoo.models.zoo import BACKBONES, arguments
from ifd_zoo.parsing.mask_source import LABEL_MAPS, NO_MASKS, MaskSource
from ifd_zoo.transforms import Masking
from train.augmentation.camera import surveillance
from train.augmentation.clothes_and_background import Variation, VariedDataset
from train.augmentation.geometry_and_colour import Augmentation, TrainTransform
from train.config import Config, ConfigError
from train.engine import Stage
from train.recipes import VARIANTS
from train.sampler import SAMPLERS, Draw, IdentitySampler, PhotoSampler
from train.schedule import seed_everything
from train.task import AttentionTask
from train.teachers import Teacher


def build_data(config: Config) -> ReIDDataset:
    """Load the data set with the configured split, and with label maps only if it has its own.

    Raises:
        DatasetError: there are no training images, or all are of one person.
        ConfigError: there are too few people for a batch.
    """
    dataset = load_dataset(config.data, config.root)
    if not dataset.train:
        raise DatasetError(f'{config.root}: no training images in the layout of {config.data!r}')
    dataset = hold_out(dataset, config.val_pids) if config.val_pids else dataset
    if dataset.num_pids < 2:
        remedy = '; lower --val-pids' if config.val_pids else ''
        raise DatasetError(f'{config.root}: only one training person, but at least two are needed{remedy}')
    build_sampler(dataset, config)  # fails before images are parsed
    return dataset


def build_masks(config: Config, accelerator: Accelerator) -> MaskSource:
    """Return the source of the masks. Raises ParserError or DatasetError when there are none by that name."""
    with accelerator.main_process_first():  # it downloads, the others read the cache
        return MaskSource(config.masks if config.needs_masks else NO_MASKS, accelerator.device)


def add_masks(dataset: ReIDDataset, masks: MaskSource, config: Config, accelerator: Accelerator) -> ReIDDataset:
    """Return the data set with label maps from this source.

    Raises:
        DatasetError: an image has none, or cannot be read.
    """
    if masks.masks != LABEL_MAPS:
        with accelerator.main_process_first():  # it parses, the others read the files
            dataset = _with_masks(dataset, masks, config)
    records = _all_records(dataset)
    unmasked = sum(record.label_map is None for record in records)
    if unmasked and masks.masks != NO_MASKS:
        text = f'{unmasked} of {len(records)} images have no label map; give --masks bundled'
        raise DatasetError(f'{config.root}: {text}')
    return dataset


def list_photos(config: Config) -> tuple[Record, ...]:
    """Return the photos that the config names, each with its own negative pid.

    Raises:
        DatasetError: the folder holds fewer than a batch needs.
    """
    if not config.photos:
        return ()
    paths = list_pictures(Path(config.photos).expanduser())
    if len(paths) < max(1, config.num_photos):
        raise DatasetError(f'{config.photos}: --photos holds {len(paths)} images, --num-photos {config.num_photos}')
    return tuple(Record(path, pid=-1 - i, camid=0, clothes_id=-1 - i) for i, path in enumerate(paths))


def parse_photos(photos: Sequence[Record], config: Config, accelerator: Accelerator) -> Sequence[Record]:
    """Return the photos with the bundled parser's label maps, kept in `output`. Raises DatasetError as `add_masks`."""
    if not photos:
        return photos
    with accelerator.main_process_first():
        source, folder = MaskSource('bundled', accelerator.device), Path(config.photos).expanduser()
        return source.apply(photos, folder, config.output / 'photo-maps')


def _all_records(dataset: ReIDDataset) -> tuple[Record, ...]:
    """Return the training and test images, each once; protocols share images."""
    tested = (record for protocol in dataset.protocols for record in protocol.query + protocol.gallery)
    return tuple(dict.fromkeys((*dataset.train, *tested)))


def _with_masks(dataset: ReIDDataset, masks: MaskSource, config: Config) -> ReIDDataset:
    folder = config.output / 'maps' if config.maps == Path() else config.maps
    records = _all_records(dataset)
    return dataset.with_records(
        dict(zip(records, masks.apply(records, config.root.expanduser(), folder), strict=True))
    )


def build_model(config: Config, num_classes: int) -> nn.Module:
    """Create the architecture with fresh weights.

    Raises:
        ConfigError: neither the zoo nor timm has this backbone, or it gives no feature map of the images.
    """
    options = {
        'pool': config.pool,
        'cbd': config.contrastive != 'none',
        'last_stride': config.last_stride,
        'neck_affine': config.neck_affine,
        'clothing_resize': config.clothing_resize,
        'clothing_normalize': config.clothing_normalize,
        'masked': VARIANTS[config.variant].masked,
        'detach_attention': config.detach_attention,
        'ikt_kernel': config.ikt_kernel,
    }
    architecture = config.model
    options = {name: value for name, value in options.items() if name in arguments(architecture)}
    if architecture not in list_models():  # the zoo names only some backbones of timm
        architecture = f'{VARIANTS[config.variant].prefix}resnet50'
        options['backbone'] = config.backbone
    seed_everything(config.seed, 0)
    try:
        model = timm.create_model(architecture, num_classes=num_classes, **options)
        _try_backbone(model.main_stream.backbone, input_size(model, config))
    except Exception as error:  # each of timm's many networks has its own errors
        known = sorted(BACKBONES)
        reason = str(error).partition('\n')[0] or type(error).__name__
        text = f'{config.backbone!r} cannot be used ({reason}); known to work: {", ".join(known)}'
        raise ConfigError(f'backbone: {text}') from error
    return model


def input_size(model: nn.Module, config: Config) -> tuple[int, int]:
    """Return (height, width) of the images: from the config, or else the architecture's default."""
    return config.size if all(config.size) else tuple(model.pretrained_cfg['input_size'][1:])


@torch.no_grad()
def _try_backbone(backbone: Backbone, size: tuple[int, int]) -> None:
    """Raise ValueError when images of this size give no feature map (C, h, w)."""
    maps = backbone.eval()(torch.zeros(1, backbone.in_chans, *size))
    backbone.train()
    if maps.ndim != 4 or maps.shape[1] != backbone.num_features:
        raise ValueError(f'its last feature map is {tuple(maps.shape)}, not (1, {backbone.num_features}, h, w)')


class DrawnDataset(Dataset):
    """Items of another data set, each augmented with the seed of its draw and nothing else.

    Args:
        dataset: its items are dicts.
        keys: entries of the items to keep; others would only be copied from process to process.
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


def build_sampler(dataset: ReIDDataset, config: Config, num_photos: int = 0) -> IdentitySampler | PhotoSampler:
    """Return the sampler that fills the batches; indices beyond those of the data set are photos.

    Raises:
        ConfigError: there are too few people or photos for a batch.
    """
    pids = [record.pid for record in dataset.train]
    clothes_ids = [record.clothes_id for record in dataset.train]
    share, limit = SAMPLERS[config.sampler], config.max_appearances or None
    try:
        sampler = IdentitySampler(
            pids, clothes_ids, config.num_pids, config.num_images, config.seed, share, limit, pid_draw=config.pid_draw
        )
        if num_photos:
            sampler = PhotoSampler(sampler, range(len(pids), len(pids) + num_photos), config.num_photos)
        return sampler
    except ValueError as error:
        raise ConfigError(str(error)) from error


def build_loader(
    dataset: ReIDDataset, size: tuple[int, int], masking: Masking, config: Config, photos: Sequence[Record] = ()
) -> DataLoader:
    """Return a loader of augmented batches of persons and, if any, photos. Raises ConfigError like `build_sampler`."""
    augmentation = Augmentation(config.crop_scale, config.flip, config.erasing, config.jitter, config.crop)
    camera = v2.RandomApply([surveillance(size[0])], config.camera) if config.camera else None
    transform = TrainTransform(size, augmentation, masking=masking, camera=camera)
    keys = ('image', 'pid', 'clothes_id', *(('masked', 'clothing', 'person') if config.needs_masks else ()))
    keys = (*keys, 'original') if config.teacher else keys
    variation = Variation(config.recolour, config.background)
    drawn = DrawnDataset(VariedDataset(dataset.train, transform, variation, photos, bool(config.teacher)), keys)
    return DataLoader(
        drawn,
        batch_sampler=build_sampler(dataset, config, len(photos)),
        num_workers=config.workers,
        persistent_workers=config.workers > 0,  # restarting them takes as long as a batch
        pin_memory=torch.cuda.is_available(),
    )


def build_stages(
    model: nn.Module, config: Config, dataset: ReIDDataset, teacher: Teacher | None = None
) -> list[Stage]:
    """Return stage 1, if the variant has an attention stream and `stage1_epochs` is not 0, and stage 2.

    Args:
        model: with its initial weights.
        dataset: to train on.
        teacher: of a student.
    """
    seed_everything(config.seed, 0, 1)
    stages = []
    if config.streams == 2 and config.stage1_epochs:
        stages.append(Stage(1, AttentionTask(model, config), config.stage1_epochs, config.stage1_lr_drops, config))
    task, taught = resolve_name(VARIANTS[config.variant].task), [teacher] if teacher else []
    return [*stages, Stage(2, task(model, config, dataset, *taught), config.epochs, config.lr_drops, config)]
