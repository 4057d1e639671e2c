"""Train a model of the zoo.

    python train/run.py --recipe ifd --model ifd_resnet18 --data folder --root DIR --output DIR

Stage 1 trains the attention stream alone, stage 2 the whole network (section II.C). `--output` gets `log.txt`,
`checkpoint.pt` (go on with `--resume`) and, at the end, the folder `release`: `config.json` with the command, the data
and the measured figures, and `model.safetensors`. All flags: `--help`.
"""

import json
import sys
import time
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import timm
import torch
from torch import nn
from torch.utils.data import DataLoader

from eval.report import evaluate_protocols, markdown_table
from ifd_zoo.datasets import DatasetError, RecordDataset, ReIDDataset, load_dataset
from ifd_zoo.datasets.validation import hold_out
from ifd_zoo.hub import list_models, save_release
from ifd_zoo.inference import DeviceError, pick_device
from ifd_zoo.transforms import Augmentation, EvalTransform, Masking, TrainTransform
from train.config import Config, ConfigError, parse_args, to_flags
from train.engine import CheckpointError, Stage, load_checkpoint, save_checkpoint, seed_everything
from train.sampler import ProportionalRASampler
from train.task import AttentionTask, JointTask


def build_model(config: Config, num_classes: int) -> nn.Module:
    """The architecture with a fresh classifier. Raises ConfigError when it does not fit the recipe."""
    if config.model not in list_models():
        raise ConfigError(f'model: unknown {config.model!r}; known: {", ".join(list_models())}')
    seed_everything(config.seed, 0)
    options = {'pool': config.pool, 'cbd': config.contrastive != 'none'}
    if config.streams == 2:
        options['detach_attention'] = config.detach_attention
    try:
        model = timm.create_model(config.model, num_classes=num_classes, **options)
        streams = len(model.streams())
    except TypeError:  # the baseline takes no detach_attention
        streams = 1
    if streams != config.streams:
        names = [name for name in list_models() if ('baseline' in name) == (config.streams == 1)]
        raise ConfigError(
            f'model: the recipe {config.recipe!r} needs {config.streams} stream(s), {config.model} has {streams}; '
            f'choose among {", ".join(names)}'
        )
    return model


def _load_imagenet(model: nn.Module) -> None:
    for stream in model.streams():
        name = stream.backbone.name
        try:
            stream.backbone.load_imagenet()
        except Exception as error:  # no network, no such weights: every library in between has its own errors
            reason = str(error).splitlines()[0]
            raise ConfigError(
                f'imagenet: the weights of {name} cannot be had ({reason}); connect, or train from scratch with '
                '--no-imagenet'
            ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'output: {error}') from error


def build_loader(dataset: ReIDDataset, transform: TrainTransform, config: Config) -> DataLoader:
    pids = [record.pid for record in dataset.train]
    clothes_ids = [record.clothes_id for record in dataset.train]
    try:
        sampler = ProportionalRASampler(pids, clothes_ids, config.num_pids, config.num_images, config.seed)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return DataLoader(RecordDataset(dataset.train, transform), batch_sampler=sampler, num_workers=config.workers)


class Run:
    """A training run: its parts, and where it stands."""

    def __init__(self, config: Config, resume: bool) -> None:
        self.config = config
        dataset = load_dataset(config.data, config.root)
        self.dataset = hold_out(dataset, config.val_pids) if config.val_pids else dataset
        self._check_data()
        model = build_model(config, self.dataset.num_pids)
        self.size = config.size if all(config.size) else tuple(model.pretrained_cfg['input_size'][1:])
        self.masking = Masking(config.mask_classes, config.clothing_classes, config.fill)
        augmentation = Augmentation(flip=config.flip, erasing=config.erasing, jitter=config.jitter)
        self.loader = build_loader(self.dataset, TrainTransform(self.size, augmentation, masking=self.masking), config)
        self.model = model.to(pick_device(config.device or None), memory_format=torch.channels_last)
        self.stages = self._stages()
        self.checkpoint = config.output / 'checkpoint.pt'
        self.stage, self.epoch = 0, 0
        _make_folder(config.output)
        if resume:
            self._restore()
        elif config.imagenet:
            _load_imagenet(self.model)

    def _check_data(self) -> None:
        if not self.dataset.train:
            raise DatasetError(f'{self.config.root}: no training images in the layout of {self.config.data!r}')
        unmasked = sum(record.label_map is None for record in self.dataset.train)
        if unmasked and (self.config.streams == 2 or self.config.contrastive != 'none'):
            raise DatasetError(f'{self.config.root}: this recipe needs masks, {unmasked} images have no label map')

    def _stages(self) -> list[Stage]:
        config, stages = self.config, []
        if config.streams == 2 and config.stage1_epochs:
            task = AttentionTask(self.model, config)
            stages.append(Stage(1, task, config.stage1_epochs, config.stage1_lr_drops, config, self.log))
        stages.append(Stage(2, JointTask(self.model, config), config.epochs, config.lr_drops, config, self.log))
        return stages

    def log(self, line: str) -> None:
        print(line, flush=True)
        with open(self.config.output / 'log.txt', 'a') as file:
            file.write(line + '\n')

    def train(self) -> None:
        for index in range(self.stage, len(self.stages)):
            self.stage = index
            self.stages[index].run(self.loader, self.epoch, self._save)
            self.epoch = 0

    def _save(self, epochs_done: int) -> None:
        save_checkpoint(self.checkpoint, {
            'config': json.dumps(self.config.to_record(), sort_keys=True),
            'stage': self.stage,
            'epoch': epochs_done,
            'model': self.model.state_dict(),
            'optimizer': self.stages[self.stage].optimizer.state_dict(),
        })

    def _restore(self) -> None:
        state = load_checkpoint(self.checkpoint)
        before, now = json.loads(state['config']), json.loads(json.dumps(self.config.to_record()))
        changed = sorted(key for key in now if key not in ('device', 'workers') and before.get(key) != now[key])
        if changed:
            raise CheckpointError(f'{self.checkpoint}: made with another {", ".join(changed)}; give the same flags')
        self.stage, self.epoch = state['stage'], state['epoch']
        self.model.load_state_dict(state['model'])
        self.stages[self.stage].optimizer.load_state_dict(state['optimizer'])
        self.log(f'resumed behind stage {self.stages[self.stage].number} epoch {self.epoch}')

    def evaluate(self) -> list[dict]:
        transform = EvalTransform(self.size, masking=self.masking)
        return evaluate_protocols(self.model, self.dataset.protocols, transform, workers=self.config.workers)

    def release(self, figures: list[dict], seconds: float) -> Path:
        config = self.config
        tag = config.tag or config.data
        info = {
            'command': 'python train/run.py ' + ' '.join(to_flags(config)),
            'input_size': [3, *self.size],
            'data': {
                'name': config.data,
                'folder': config.root.resolve().name,
                'train_images': len(self.dataset.train),
                'train_pids': self.dataset.num_pids,
                'split': f'validation: {config.val_pids} training people' if config.val_pids else 'test',
            },
            'figures': figures,
            'training': {'seconds': round(seconds), 'torch': torch.__version__, **config.to_record()},
        }
        return save_release(self.model, config.output / 'release', tag, info)


def main(argv: list[str] | None = None) -> int:
    config, resume = parse_args(argv)
    try:
        run = Run(config, resume)
        start = time.time()
        run.train()
        seconds = time.time() - start
        figures = run.evaluate()
        if figures:
            run.log(markdown_table(figures))
        run.log(f'release: {run.release(figures, seconds)}')
    except (ConfigError, DatasetError, CheckpointError, DeviceError, FloatingPointError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
