"""Embedding and parsing, relative to the bare networks in their fastest setting and to float32 one by one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from eval.benchmarks.pictures import read_crops
from eval.benchmarks.rows import Row, best_seconds
from ifd_zoo.common.choices import FAST_MODEL
from ifd_zoo.models.batching import parallel_map, split_batches
from ifd_zoo.models.fuse_bn import fold_norms
from ifd_zoo.models.inference import infer, native_precision, precision
from ifd_zoo.parsing.parser import normalise
from ifd_zoo.predictor import Predictor

CROPS = 64
BATCH = 16


def bare(networks: Sequence[Callable[[Tensor], object]], images: Tensor, name: str, side_by_side: bool) -> None:
    """Run one network after the other over the images, in channels_last.

    Args:
        name: precision.
        side_by_side: run one batch per core; otherwise each batch uses all cores.
    """
    device = images.device

    @torch.inference_mode()
    def work(part: slice) -> None:
        batch = images[part].contiguous(memory_format=torch.channels_last)
        with precision(device, name):
            for network in networks:
                network(batch)

    parts = split_batches(len(images), BATCH, device)
    for _ in parallel_map(work, parts, device) if side_by_side else map(work, parts):
        pass


def with_mirror_image(network: nn.Module) -> Callable[[Tensor], object]:
    return lambda images: network(torch.cat([images, images.flip(-1)]))


def with_half_the_size(network: nn.Module, size: tuple[int, int], device: torch.device) -> Callable[[Tensor], object]:
    """Return the network with folded norms, run like the parser: on each image at full and at half size."""
    network = fold_norms(network, torch.zeros(1, 3, *size, device=device))
    return lambda images: (network(images), network(F.avg_pool2d(images, 2)))


def floors(networks: Sequence[Callable], images: Tensor) -> dict[str, Callable[[], None]]:
    """Return runs of the networks by setting; the fastest is the floor."""
    names = dict.fromkeys(['fp32', native_precision(images.device)])
    return {
        f'{name}{", side by side" if alone else ""}': lambda name=name, alone=alone: bare(networks, images, name, alone)
        for name in names
        for alone in (False, True)
    }


def make_contiguous(network: nn.Module) -> nn.Module:
    """Make the parameters contiguous, in place."""
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    return network


@torch.inference_mode()
def embed_one_by_one(model: nn.Module, transform: Callable, crops: list[Image.Image], maps: list[np.ndarray]) -> None:
    """Embed as v0.1 does with a batch size of one: image by image, in float32."""
    for crop, label_map in zip(crops, maps, strict=True):
        sample = transform(crop, label_map)
        infer(model, sample.image[None].contiguous(), sample.masked[None].contiguous())


def bench_embedding(root: Path, rounds: int) -> list[Row]:
    """Time `Predictor.embed` with label maps given, with the parser, and of the model that needs no masks."""
    predictor, plain = Predictor(), make_contiguous(Predictor(precision='fp32').model)
    fast = Predictor(FAST_MODEL, predictor.parser)
    crops = read_crops(root, CROPS)
    maps = predictor.parser.parse(crops)
    images = predictor.transform.batch(crops, maps, predictor.device).image
    streams = [with_mirror_image(stream.backbone) for stream in predictor.model.streams()]
    settings = floors(streams, images)

    def embed_anew() -> None:
        predictor.parser.forget()
        predictor.embed(crops)

    large = normalise(torch.from_numpy(np.stack([np.asarray(crop) for crop in crops])).permute(0, 3, 1, 2))
    parsers = floors([parsing_network(predictor)], large.to(predictor.device))
    times = best_seconds(
        {
            'ours': lambda: predictor.embed(crops, maps),
            'anew': embed_anew,
            'fast': lambda: fast.embed(crops),
            'plain': lambda: embed_one_by_one(plain, predictor.transform, crops, maps),
            **settings,
            **{f'parser {name}': function for name, function in parsers.items()},
        },
        rounds,
    )
    speed = {name: len(crops) / seconds for name, seconds in times.items()}
    best, parser = max(settings, key=speed.get), max(parsers, key=lambda name: speed[f'parser {name}'])
    both = len(crops) / (times[best] + times[f'parser {parser}'])
    title = f'embed {len(crops)} crops, mirror images too'
    return [
        Row(title, speed['ours'], speed[best], 'images/s', f'floor: both bare backbones; {best}'),
        Row(title, speed['ours'], speed['plain'], 'images/s', 'floor: float32, one by one, without channels_last'),
        Row(f'parse and {title}', speed['anew'], both, 'images/s', f'floor: all three bare networks; {best}'),
        Row(f'{title}, no masks', speed['fast'], speed['anew'], 'images/s', 'floor: its teacher and the parser'),
    ]


def parsing_network(predictor: Predictor) -> Callable[[Tensor], object]:
    """Return the network of the predictor's parser, ready for `floors`."""
    parser = predictor.parser
    return with_half_the_size(parser.net, parser.crop_size, parser.device)


def bench_parsing(root: Path, rounds: int) -> list[Row]:
    """Time the bundled parser on a batch of crops."""
    predictor, plain = Predictor(), Predictor(precision='fp32')
    parser, slow, crops = predictor.parser, plain.parser, read_crops(root, BATCH)
    make_contiguous(slow.net)
    images = normalise(torch.from_numpy(np.stack([np.asarray(crop) for crop in crops])).permute(0, 3, 1, 2))
    settings = floors([parsing_network(predictor)], images.to(parser.device))

    def parse(one, batches: list[list[Image.Image]]) -> None:
        one.forget()
        for batch in batches:
            one.parse(batch)

    times = best_seconds(
        {
            'ours': lambda: parse(parser, [crops]),
            'plain': lambda: parse(slow, [[crop] for crop in crops]),
            **settings,
        },
        3 * rounds,
    )
    speed = {name: len(crops) / seconds for name, seconds in times.items()}
    best = max(settings, key=speed.get)
    title = f'parse {len(crops)} crops {images.shape[2]}x{images.shape[3]}'
    return [
        Row(title, speed['ours'], speed[best], 'crops/s', f'floor: bare network; {best}'),
        Row(title, speed['ours'], speed['plain'], 'crops/s', 'floor: float32, one by one, without channels_last'),
    ]
