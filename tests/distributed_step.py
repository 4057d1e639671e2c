"""One step of the joint task with frozen batch normalisation: its losses and gradients, from any number of processes.

Started by `tests/test_distributed.py` under torchrun, and imported by it.
"""

import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from ifd_zoo.transforms import Masking
from train.build import build_data, build_loader, build_model, build_stages
from train.engine import make_accelerator, place_model
from train.flags import parse_args


def one_step(root: Path, variant: str) -> dict:
    """Losses of the global batch and gradients of all parameters; the same dict on every process."""
    flags = f'--variant {variant} --backbone test_resnet --size 64x32 --device cpu --workers 0 --erasing 0'
    config, _ = parse_args([*flags.split(), '--root', str(root), '--output', str(root)])
    accelerator = make_accelerator(config)
    dataset = build_data(config)  # with label maps of its own
    model = place_model(build_model(config, dataset.num_pids), config, accelerator)
    for stream in model.streams():  # a fresh classifier is so small that the gradients behind it would prove little
        torch.nn.init.normal_(stream.head.classifier.weight, std=0.1, generator=torch.Generator().manual_seed(0))
    stage = build_stages(model, config, dataset)[-1]
    task = accelerator.prepare(stage.task)
    task.eval()
    batch = next(iter(accelerator.prepare_data_loader(build_loader(dataset, config.size, Masking(), config))))
    losses = task(batch, 0.0)
    accelerator.backward(sum(losses.values()))
    means = {name: accelerator.reduce(loss.detach(), 'mean').item() for name, loss in losses.items()}
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    return {'images': len(batch['pid']), 'losses': means, 'gradients': gradients}


if __name__ == '__main__':
    data, output, *variants = sys.argv[1:]
    for variant in variants:
        result = one_step(Path(data), variant)
        torch.save(result, Path(output) / f'{variant}-{torch.distributed.get_rank()}.pt')
    torch.distributed.destroy_process_group()
