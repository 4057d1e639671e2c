"""Training of a human parser."""

import math
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from timm.utils import ModelEmaV3
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from eval.parsers.figures import changed_pixels, measure
from ifd_zoo.common.errors import DivergedError
from ifd_zoo.hub.parsers import save_parser
from ifd_zoo.labels import LABELS
from ifd_zoo.models.inference import warn_of_emulation
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import Parser, as_stored, normalise
from train.checkpoint import CheckpointError, Checkpoints
from train.parser import Config
from train.parsers.data import Source, read_sources, target_pixels, train_loader
from train.parsers.encoder_weights import start_encoder
from train.parsers.losses import MergedCrossEntropy, balanced_weights, exact_table
from train.trained_on import describe_sources, require_same

KEPT = ('net', 'average', 'optimizer')  # parts of a training that a checkpoint holds
CHECKED = 48  # validation images per source that are parsed in 16 bits as well, which may have to be emulated
QUICK = 96  # validation images per source after each epoch; all are measured at the end


def learning_rate(step: int, total: int, peak: float) -> float:
    """Return the learning rate: linear warm-up over the first 3 %, then half a cosine to zero."""
    warmup = max(1, round(0.03 * total))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def make_optimizer(net: ParsingNet, config: Config) -> torch.optim.Optimizer:
    """Create AdamW, without decay of norms and biases, and with its own learning rate for the encoder."""
    groups = defaultdict(list)
    for name, parameter in net.named_parameters():
        rate = config.encoder_rate if name.startswith('encoder.') else 1.0
        groups[rate, config.weight_decay if parameter.ndim > 1 else 0.0].append(parameter)
    return torch.optim.AdamW(
        [{'params': group, 'rate': rate, 'weight_decay': decay} for (rate, decay), group in groups.items()],
        lr=config.lr,
    )


def make_loss(sources: dict[str, Source]) -> nn.Module:
    return MergedCrossEntropy(exact_table(), balanced_weights(target_pixels(sources)))


class Training:
    """Network, optimiser and progress of a run, which is what a checkpoint holds."""

    def __init__(self, config: Config, sources: dict[str, Source]) -> None:
        self.config = config
        self.trained_on = describe_sources(sources, {'rendered': config.rendered, 'photos': config.photos})
        self.device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        warn_of_emulation(self.device, 'bf16' if config.bf16 else 'fp32')
        self.net = ParsingNet(config.backbone, len(LABELS), config.width, config.detail)
        self.net.to(self.device, memory_format=torch.channels_last)
        self.average = ModelEmaV3(self.net, config.ema_decay, use_warmup=True)
        self.optimizer = make_optimizer(self.net, config)
        self.loss = make_loss(sources).to(self.device)
        self.origin: dict | None = None
        self.encoder_weights: str | None = None
        self.epoch = 0
        self.seconds = 0.0
        self.checkpoints = Checkpoints(config.output / 'checkpoints')

    def start(self) -> None:
        """Load the weights of another parser, or those of the encoder."""
        if self.config.init:
            self.start_from(self.config.init)
        else:
            self.encoder_weights = start_encoder(self.net, self.config.backbone, self.config.encoder_weights)
            self.average.set(self.net)

    def start_from(self, source: str) -> None:
        """Load the weights of a parser of the same architecture, and the record of how they were trained.

        Args:
            source: as for `load_parser`, or the folder of a stopped run.
        """
        state = Checkpoints(Path(source) / 'checkpoints').load(print)
        if state is None or (Path(source) / 'config.json').is_file():
            parser = load_parser(source)
            weights, record = parser.net.state_dict(), parser.config
        else:
            weights = {key.removeprefix('module.'): value for key, value in state['average'].items()}
            record = {**state, 'epochs': state['epoch'], 'minutes': round(state['seconds'] / 60, 1)}
        if not any(name.startswith('detail.') for name in weights):  # a parser without this stage may get one
            weights |= {name: value for name, value in self.net.state_dict().items() if name.startswith('detail.')}
        try:
            self.net.load_state_dict(weights)
        except RuntimeError as error:
            raise ParserError(f'{source}: not a {self.config.backbone} parser of width {self.config.width}') from error
        self.average.set(self.net)
        self.origin = {key: record.get(key) for key in ('command', 'epochs', 'minutes', 'init')}
        self.encoder_weights = record.get('encoder_weights')

    @property
    def is_coarse(self) -> bool:
        """Whether the next epoch sees the images at half the size."""
        return self.epoch < self.config.coarse_epochs

    def save(self) -> None:
        state = {'stage': 1, 'epoch': self.epoch, 'step': 0}  # for the name of the file
        state |= {'seconds': self.seconds, 'command': self.config.command, 'trained_on': self.trained_on}
        state |= {'init': self.origin, 'encoder_weights': self.encoder_weights}
        state |= {name: getattr(self, name).state_dict() for name in KEPT}
        self.checkpoints.save(state)

    def load(self) -> bool:
        """Resume from the last checkpoint; return False if there is none."""
        state = self.checkpoints.load(print)
        if state is None:
            return False
        if state['command'] != self.config.command:
            raise CheckpointError(f'{self.checkpoints.folder} belongs to another run: {state["command"]}')
        require_same(state.get('trained_on'), self.trained_on, self.checkpoints.folder, print)
        for name in KEPT:
            getattr(self, name).load_state_dict(state[name])
        self.epoch, self.seconds = state['epoch'], state['seconds']
        self.origin, self.encoder_weights = state['init'], state['encoder_weights']
        return True

    def run_epoch(self, loader: DataLoader) -> float:
        """Train for one epoch and return the mean loss."""
        self.net.train()
        torch.manual_seed(self.config.seed + 1000 * self.epoch)  # a resumed run sees the same batches
        started, losses = time.monotonic(), []
        total = self.config.epochs * len(loader)
        with tqdm(loader, desc=f'epoch {self.epoch + 1}/{self.config.epochs}', leave=False) as bar:
            for images, targets in bar:
                losses.append(self.step(images, targets, self.epoch * len(loader) + len(losses), total))
                bar.set_postfix(loss=f'{losses[-1]:.3f}')
        self.epoch += 1
        self.seconds += time.monotonic() - started
        return float(np.mean(losses))

    def step(self, images: torch.Tensor, targets: torch.Tensor, step: int, total: int) -> float:
        """Take one step; return the loss, computed at the stride of the logits with a random pixel offset."""
        for group in self.optimizer.param_groups:
            group['lr'] = group['rate'] * learning_rate(step, total, self.config.lr)
        inputs = normalise(images.to(self.device)).contiguous(memory_format=torch.channels_last)
        if self.is_coarse:
            inputs = F.avg_pool2d(inputs, 2)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            logits = self.net.forward_logits(inputs)
        stride = images.shape[-1] // logits.shape[-1]
        down, right = torch.randint(stride, (2,)).tolist()
        loss = self.loss(logits, targets[:, down::stride, right::stride].to(self.device))
        if not loss.isfinite():  # before bad weights replace good checkpoints
            raise DivergedError(f'epoch {self.epoch + 1}: the loss is {loss.item()}; lower --lr')
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.average.update(self.net, step)
        return loss.item()


def release(training: Training, train: dict[str, Source], validation: dict[str, Source]) -> dict:
    """Measure the weights, as stored, on all validation images, and write the release with the figures."""
    config = training.config
    record = {'backbone': config.backbone, 'width': config.width, 'detail': config.detail, 'size': config.size}
    record |= {'command': config.command, 'epochs': training.epoch, 'minutes': round(training.seconds / 60, 1)}
    record |= {'seed': config.seed, 'init': training.origin, 'encoder_weights': training.encoder_weights}
    record['images'] = {name: {'train': len(train[name]), 'validation': len(validation[name])} for name in train}
    stored = as_stored(training.average.module).to(training.device)
    parser = Parser(stored, config.size)
    record['figures'] = measure(parser, validation)
    pictures = [source[index][0] for source in validation.values() for index in range(min(len(source), CHECKED))]
    record['sixteen_bits'] = changed_pixels(parser, pictures)
    save_parser(stored, config.output, record)
    return record


def report(training: Training, loss: float, rows: dict[str, dict]) -> None:
    """Print a line about an epoch."""
    scores = ' '.join(f'{name} mIoU {row["miou"]:.3f} clothing {row["clothing"]:.3f}' for name, row in rows.items())
    lr, minutes = training.optimizer.param_groups[0]['lr'], training.seconds / 60
    print(f'epoch {training.epoch} loss {loss:.4f} lr {lr:.2e} {scores} {minutes:.1f} min', flush=True)


def run(config: Config) -> None:
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    if not config.resume:
        Checkpoints(config.output / 'checkpoints').require_none()
    config.output.mkdir(parents=True, exist_ok=True)
    train, validation = read_sources(config.rendered, config.photos)
    share = config.photo_share if config.photos else 0.0
    loader = train_loader(train, config, share)
    training = Training(config, train)
    training.checkpoints.claim()
    if not (config.resume and training.load()):
        training.start()
    while training.epoch < config.epochs:
        size = [side // 2 if training.is_coarse else side for side in config.size]
        loss = training.run_epoch(loader)
        training.save()
        quick = measure(Parser(training.average.module, size), validation, QUICK)
        report(training, loss, quick)
    for name, row in release(training, train, validation)['figures'].items():
        print(f'{name}: {row}')

