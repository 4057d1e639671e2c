"""Embedding by onnxruntime against embedding by torch at its best setting."""

from functools import partial
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from eval.benchmarks.networks import BATCH, CROPS
from eval.benchmarks.pictures import read_crops
from eval.benchmarks.rows import Row, best_seconds
from ifd_zoo.batching import on_each_core, share_out
from ifd_zoo.hub import eval_transform
from ifd_zoo.inference import infer, native_precision, precision
from ifd_zoo.onnx_model import OnnxModel

MODELS = ('ifd_resnet10t', 'ifd_mobilenetv4_conv_small')
SIZE = (128, 64)


def embed(model: nn.Module, images: Tensor, name: str) -> None:
    """Both streams over images and their mirror images, a batch on each core.

    Args:
        name: of the precision.
    """

    def work(part: slice) -> None:
        with precision(images.device, name):
            infer(model, images[part], images[part].clone())  # a clone, since the same object would be seen once

    for _ in on_each_core(work, share_out(len(images), BATCH, images.device), images.device):
        pass


def bench_onnxruntime(root: Path, rounds: int) -> list[Row]:
    """A residual network and a MobileNet, with random weights, on the CPU."""
    crops = read_crops(root, CROPS)
    rows = []
    for name in MODELS:
        model = timm.create_model(name, num_classes=0).eval()
        model.pretrained_cfg = model.pretrained_cfg | {'input_size': (3, *SIZE)}
        images = eval_transform(model).batch(crops, None, torch.device('cpu')).image
        ours = OnnxModel(model)
        model.to(memory_format=torch.channels_last)
        theirs = {name: partial(embed, model, images, name) for name in {'fp32', native_precision('cpu')}}
        times = best_seconds({'ours': partial(embed, ours, images, 'fp32'), **theirs}, rounds)
        best = min(theirs, key=times.get)
        title = f'embed {CROPS} crops with {name} by onnxruntime'
        speed = {key: CROPS / seconds for key, seconds in times.items()}
        rows.append(Row(title, speed['ours'], speed[best], 'images/s', f'floor: torch; {best}'))
    return rows
