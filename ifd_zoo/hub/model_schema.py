"""Schema of the config.json of a model: timm's format, and our section `ifd`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ifd_zoo.labels import LABELS, MASK_SETS
from ifd_zoo.masks import FILLS
from ifd_zoo.models.backbone import LAST_STRIDES
from ifd_zoo.models.features import PARTS
from ifd_zoo.models.ifd import CLOTHING_RESIZES
from ifd_zoo.models.layers import POOLS
from ifd_zoo.releases.schema import LIST, Channels, Count, Deviations, Hashes, Name, Number, Part, Side, Text


def _odd(value: int) -> int:
    if value % 2 == 0:  # the attention map would be larger than the feature map
        raise ValueError('must be odd')
    return value


InputSize = Annotated[tuple[Literal[3], Side, Side], LIST]
Classes = Annotated[int, Field(ge=0, le=100_000)]
Kernel = Annotated[int, Field(ge=1, le=99), AfterValidator(_odd)]
Labels = list[Literal[*LABELS, *MASK_SETS]]
Weight = Annotated[Number, Field(gt=0)]
Feature = Annotated[dict[Literal[*PARTS], Weight], Field(min_length=1)]
"""Parts of the test feature and their weights."""


class PretrainedCfg(Part):
    """Fields of timm's pretrained_cfg that a release may set; the others come from the architecture."""

    input_size: InputSize
    mean: Channels
    std: Deviations
    num_classes: Classes = 0
    tag: Name | None = None
    license: Name | None = None
    description: Text | None = None
    notes: Text | list[Text] | None = None
    interpolation: Name | None = None
    crop_pct: Number | None = None
    crop_mode: Name | None = None
    origin_url: Text | None = None
    paper_name: Text | None = None
    paper_ids: Text | list[Text] | None = None


class ModelArgs(Part):
    """Constructor arguments of `IFD` and `Baseline`."""

    backbone: Name = 'resnet50'
    num_classes: Classes = 0
    in_chans: Literal[3] = 3
    pool: Literal[*POOLS] = POOLS[0]
    cbd: bool = True
    detach_attention: bool = False
    last_stride: Literal[*LAST_STRIDES] = 1
    neck_affine: bool = True
    masked: bool = False
    ikt_kernel: Kernel = 7
    clothing_resize: Literal[*CLOTHING_RESIZES] = CLOTHING_RESIZES[0]
    clothing_normalize: bool = True


class Data(Part):
    name: Name | None = None
    folder: Name | None = None
    train_images: Count | None = None
    train_pids: Count | None = None


class Training(Part):
    """Record of a training; the fields of masks also decide what the network sees."""

    mask_classes: Labels = []
    clothing_classes: Labels = []
    fill: Literal[*FILLS] = FILLS[0]
    variant: Name | None = None
    seed: Count | None = None


class Figures(Part):
    protocol: Name
    rank1: Number
    mAP: Number
    queries: Count
    gallery: Count
    valid_queries: Count = 0
    rank5: Number = 0
    mINP: Number = 0


class Precision(Part):
    min_cosine: Number
    rank1_change: Number
    images: Count
    queries: Count
    data: Text


class Spread(Part):
    mean: Number
    std: Number | None


class TestFigures(Part):
    valid_queries: Count
    gallery: Count
    rank1: Spread
    mAP: Spread


class Row(Part):
    row: Text
    test: Text
    masks: Text
    seeds: list[Count | None]
    figures: Annotated[dict[str, TestFigures], Field(min_length=1)]


class Cost(Part):
    parameters: Count
    gflops: Number
    images_per_second: Number
    precision: Text
    device: Text
    threads: Count | None


class Comparison(Part):
    data: Text
    precision: Text
    tests: list[Text]
    rows: list[Row]
    costs: Annotated[dict[str, Cost], Field(min_length=1)]
    features: dict[str, Text] = {}


class Info(Part):
    """The section `ifd`: what timm's format has no fields for."""

    input_size: InputSize | None = None
    command: Text | None = None
    license: Name | None = None
    code_revision: Text | None = None
    precision: Text | None = None
    sha256: Hashes = {}
    data: Data = Data()
    training: Training = Training()
    figures: list[Figures] = []
    precisions: dict[str, Precision] = {}
    feature: Feature | None = None
    comparison: Comparison | None = None


class ModelConfig(Part):
    """The config.json of a model."""

    architecture: Name
    pretrained_cfg: PretrainedCfg
    num_classes: Classes = 0
    num_features: Count = 0
    model_args: ModelArgs = ModelArgs()
    ifd: Info = Info()
