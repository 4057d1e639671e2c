"""Golden tensors: a synthetic input and the network's output for it at release."""

from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch import Tensor, nn

from ifd_zoo.common.errors import first_line
from ifd_zoo.hub.loading import eval_transform, load_model
from ifd_zoo.labels import LABELS
from ifd_zoo.models.inference import infer
from ifd_zoo.releases.files import GOLDEN, ReleaseError

ATOL = 1e-5
"""Deviation from golden tensors allowed on other machines; embeddings have unit length, the rest is in [0, 1]."""

BANDS = ('background', 'hair', 'face', 'upper', 'lower', 'legs', 'shoes', 'background')
"""Classes in the golden label maps, from top to bottom."""


def make_golden(model: nn.Module) -> dict[str, Tensor]:
    """Make two images at the network's input size, their label maps, and the outputs.

    Args:
        model: of the zoo, in eval mode, with the attributes that `eval_transform` reads.

    Returns:
        `images` (2, H, W, 3) uint8; `label_maps` (2, H, W) uint8, indices in `LABELS`; `embedding` (2, D) and, if the
        model has attention, `attention` (2, 1, h, w), float32, from `infer`.
    """
    height, width = model.pretrained_cfg['input_size'][1:]
    rows = np.array([LABELS.index(name) for name in BANDS], dtype=np.uint8)[np.arange(height) * len(BANDS) // height]
    label_maps = np.repeat(rows[None, :, None], 2, axis=0).repeat(width, axis=2)
    label_maps[1, :, : width // 2] = LABELS.index('background')
    inputs = {'images': make_pictures(height, width), 'label_maps': torch.from_numpy(label_maps)}
    return {**inputs, **run_golden(model, inputs)}


def make_pictures(height: int, width: int) -> Tensor:
    """Make two images (2, H, W, 3) uint8 of blurred random colours, the same in every call."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 8, 4, 3), dtype=np.uint8)
    images = [np.asarray(Image.fromarray(patches).resize((width, height))) for patches in noise]
    return torch.from_numpy(np.stack(images))


def run_golden(model: nn.Module, golden: dict[str, Tensor]) -> dict[str, Tensor]:
    """Run the network on the input of golden tensors and return their other entries.

    Raises:
        ValueError: the images do not have the network's input size.
    """
    transform = eval_transform(model)
    if golden['images'].shape[1:3] != transform.size:
        raise ValueError(f'golden images of size {tuple(golden["images"].shape[1:3])}, input size {transform.size}')
    pairs = zip(golden['images'].numpy(), golden['label_maps'].numpy(), strict=True)
    samples = [transform(Image.fromarray(image), label_map) for image, label_map in pairs]
    # Golden tensors are computed on the CPU: other devices round differently.
    result = infer(
        model.cpu(), torch.stack([sample.image for sample in samples]), torch.stack([s.masked for s in samples])
    )
    return {name: value for name, value in result._asdict().items() if value is not None}


def model_deviations(folder: Path, golden: dict[str, Tensor]) -> dict[str, float]:
    """Return the largest deviation of each output of a released model from the golden tensors.

    Raises:
        ReleaseError: the golden tensors differ in size from its input or outputs, or timm loads other weights.
        LoadError: the model cannot be loaded.
    """
    model = load_model(folder)
    try:
        found = run_golden(model, golden)
    except ValueError as error:
        raise ReleaseError(f'{folder / GOLDEN}: {error}') from error
    sizes = {name: (tuple(value.shape), tuple(golden[name].shape)) for name, value in found.items()}
    if other := [f'{name} {new}, was {old}' for name, (new, old) in sizes.items() if new != old]:
        raise ReleaseError(f'{folder / GOLDEN}: made with another test feature or network: {", ".join(other)}')
    _require_same_as_timm(model, folder)
    return {name: (value - golden[name]).abs().max().item() for name, value in found.items()}


def _require_same_as_timm(model: nn.Module, folder: Path) -> None:
    try:
        theirs = timm.create_model(f'local-dir:{folder}', pretrained=True).state_dict()
    except Exception as error:  # timm raises whatever its sources raise
        raise ReleaseError(f'{folder}: timm cannot load it ({type(error).__name__}: {first_line(error)})') from error
    ours = model.state_dict()
    different = [key for key in ours if key not in theirs or not torch.equal(ours[key].cpu(), theirs[key])]
    if different:
        raise ReleaseError(f'{folder}: timm loads other weights than ifd_zoo: {", ".join(different[:3])}')
