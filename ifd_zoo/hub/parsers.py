"""Releases of zoo parsers: save them with golden tensors, and measure deviations from these."""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from ifd_zoo.common.files import hash_file, replacing
from ifd_zoo.hub.golden import make_pictures
from ifd_zoo.hub.release import write_card
from ifd_zoo.labels import LABELS
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import MEAN, STD, Parser, as_stored, load_folder, normalise
from ifd_zoo.parsing.registry import load_parser
from ifd_zoo.releases.files import CONFIG, GOLDEN, WEIGHTS, ReleaseError

STEP = 8
"""Golden probabilities are stored for every eighth pixel of rows and columns: all would outweigh the network."""


def save_parser(net: ParsingNet, folder: str | Path, config: dict) -> None:
    """Write a release: `model.safetensors` (float16), `golden.safetensors`, `config.json` and the card `README.md`.

    Args:
        net: the trained network.
        folder: created if missing.
        config: needs `backbone`, `width` and `size` (height, width); `labels`, `mean`, `std` and `sha256` are added.
            The card shows `command`, `images`, `epochs`, `minutes`, `seed`, `code_revision`, `init`, `figures` (by
            source, of `eval.parsers.figures.measure`), `note`, `limits` and `license`; `tag` is part of its name.

    Raises:
        ParserError: a weight is not finite in float16.
    """
    folder, stored = Path(folder), as_stored(net)
    config = {**config, 'labels': LABELS, 'mean': MEAN, 'std': STD}
    golden = make_parser_golden(Parser(stored, tuple(config['size']), config))
    state = {name: value.contiguous() for name, value in copy.deepcopy(stored).half().state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as temporary:
        save_file(state, temporary, metadata={'format': 'pt'})
    with replacing(folder / GOLDEN) as temporary:
        save_file(golden, temporary)
    config['sha256'] = {name: hash_file(folder / name) for name in (WEIGHTS, GOLDEN)}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + '\n')
    write_card(folder)


def make_parser_golden(parser: Parser) -> dict[str, Tensor]:
    """Make two images at the network's input size and the parser's outputs, in float32 on the CPU.

    Args:
        parser: on the CPU; its precision is set to float32.

    Returns:
        `images` (2, H, W, 3) uint8; `label_maps` (2, H, W) uint8, indices in `LABELS`; `probabilities` (2, K, h, w)
        float32, for every eighth pixel of rows and columns.
    """
    images = make_pictures(*parser.letterbox.size)
    label_maps, probabilities = _answer(parser, images)
    return {'images': images, 'label_maps': label_maps, 'probabilities': _sample(probabilities)}


def parser_deviations(folder: Path, golden: dict[str, Tensor]) -> dict[str, float]:
    """Return the largest deviations of a released parser from its golden tensors.

    Returns:
        `label maps`: for pixels of another class, the difference in probability between the two classes, so that near
        ties, which another machine may break the other way, do not count; and `probabilities`.

    Raises:
        ReleaseError: the golden images do not have its input size.
        ParserError: it cannot be loaded.
    """
    parser = load_folder(folder)
    size = tuple(golden['images'].shape[1:3])
    if size != tuple(parser.letterbox.size):
        raise ReleaseError(f'{folder / GOLDEN}: golden images of size {size}, input size {parser.letterbox.size}')
    label_maps, probabilities = _answer(parser, golden['images'])
    found, expected = (probabilities.gather(1, maps[:, None].long()) for maps in (label_maps, golden['label_maps']))
    return {
        'label maps': (found - expected).abs().max().item(),
        'probabilities': (_sample(probabilities) - golden['probabilities']).abs().max().item(),
    }


@torch.inference_mode()
def _answer(parser: Parser, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return label maps (B, H, W) and probabilities (B, K, H, W) of images (B, H, W, 3), in float32."""
    parser.precision = 'fp32'
    label_maps = torch.from_numpy(np.stack(parser.parse([Image.fromarray(image) for image in images.numpy()])))
    inputs = normalise(images.movedim(-1, 1)).contiguous(memory_format=torch.channels_last)
    return label_maps, parser.net.probabilities(inputs)


def _sample(probabilities: Tensor) -> Tensor:
    return probabilities[..., ::STEP, ::STEP].contiguous()


def resave_parser(name: str, folder: str | Path) -> Path:
    """Save a zoo parser as a complete release folder, with what its config.json records.

    Args:
        name: as for `load_parser`.
        folder: created if missing; existing files are replaced.

    Raises:
        ReleaseError: the parser is not a zoo parser.
        ParserError: it cannot be loaded.
    """
    parser = load_parser(name)
    if not isinstance(parser, Parser):
        raise ReleaseError(f'{name}: only zoo parsers can be released: bundled, a folder, or hf-hub:org/name')
    save_parser(parser.net, folder, parser.config)
    return Path(folder)
