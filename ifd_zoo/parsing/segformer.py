"""SegFormer for clothes, from the optional package transformers.

Xie et al., "SegFormer", https://arxiv.org/abs/2105.15203; weights `mattmdjaga/segformer_b2_clothes` on the Hub, with
the classes of ATR. They have their own terms, see `ifd_zoo.parsing.registry`; this project hosts no copy.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ifd_zoo.common.errors import first_line
from ifd_zoo.labels import LABELS
from ifd_zoo.models.tensors import describe_unusable
from ifd_zoo.parsing.base import NetworkParser, ParserError, classes_at
from ifd_zoo.parsing.labelsets import ATR

REPOSITORY = 'mattmdjaga/segformer_b2_clothes'
BATCH_SIZE = 8


class SegFormerParser(NetworkParser):
    """Parser with a SegFormer from transformers. Runs in float32, like SCHP.

    Args:
        net: `SegformerForSemanticSegmentation` with the class names of ATR, in any order.
        processor: its image processor.

    Raises:
        ParserError: a class is not in `ATR`.
    """

    def __init__(self, net: torch.nn.Module, processor: object) -> None:
        names = [name.lower().replace(' ', '-') for _, name in sorted(net.config.id2label.items())]
        unknown = sorted(set(names) - set(ATR))
        if unknown:
            raise ParserError(f'segformer_b2_clothes: no mapping for the classes {", ".join(unknown)}')
        super().__init__(net, {'backbone': 'segformer_b2_clothes', 'size': dict(processor.size)}, BATCH_SIZE)
        self.processor = processor
        self.lookup = np.array([LABELS.index(ATR[name]) for name in names], dtype=np.uint8)

    def _scores(self, images: list[Image.Image]) -> Tensor:
        inputs = self.processor(images=images, return_tensors='pt')['pixel_values']
        return self.net(pixel_values=inputs.to(self.device)).logits

    def _label_maps(self, scores: Tensor, images: list[Image.Image]) -> list[np.ndarray]:
        return [self.lookup[classes_at(one, image)] for one, image in zip(scores, images, strict=True)]


def load_segformer(source: str, device: str | torch.device = 'cpu') -> SegFormerParser:
    """Load SegFormer with trained weights.

    Args:
        source: a folder written by `save_pretrained`; the Hub if empty.
        device: device of the network.

    Raises:
        ParserError: transformers is not installed, or the weights are unavailable or do not fit.
    """
    try:
        from transformers import AutoImageProcessor, SegformerForSemanticSegmentation
    except ImportError as error:
        raise ParserError(
            f'segformer_b2_clothes needs a package that is not installed ({error}): pip install "transformers>=5,<6"'
        ) from error
    place = str(Path(source).expanduser()) if source else REPOSITORY
    try:
        # Only safetensors: other weight files may contain code.
        options = {'use_safetensors': True, 'output_loading_info': True}
        net, loading = SegformerForSemanticSegmentation.from_pretrained(place, **options)
        processor = AutoImageProcessor.from_pretrained(place)
    except Exception as error:  # no network, no such folder, damaged files: each raises its own errors
        raise ParserError(f'{place}: cannot be loaded as a SegFormer ({first_line(error)})') from error
    wrong = sorted({*map(str, loading['missing_keys']), *map(str, loading['mismatched_keys'])})
    if wrong:
        raise ParserError(f'{place}: {len(wrong)} weights are missing or of a wrong shape: {", ".join(wrong[:6])}')
    if fault := describe_unusable(net.state_dict().items()):
        raise ParserError(f'{place}: {fault}')
    return SegFormerParser(net.to(device), processor)
