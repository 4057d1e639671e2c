"""Train a model of the zoo.

    python train/run.py --recipe synthetic --variant ifd --root DIR --output DIR
    accelerate launch --multi_gpu train/run.py --recipe prcc --precision bf16 --root DIR --output DIR

Stage 1 trains the attention stream alone, stage 2 the whole network (section II.C). `--output` gets `config.json`,
`log.txt`, `metrics.jsonl`, `checkpoints` (go on with `--resume`), pictures of the attention maps and, at the end, the
folder `release`: `config.json` with the command, the data and the measured figures, and `model.safetensors`. Recipes
are in `train/recipes.py`; all flags: `--help`.
"""

import json
import sys
from dataclasses import fields
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from timm.utils import ModelEmaV3
from torch import nn

from eval.report import evaluate_protocols, markdown_table
from ifd_zoo.datasets import DatasetError
from ifd_zoo.hub import ReleaseError
from ifd_zoo.hub.release import as_stored
from ifd_zoo.inference import DeviceError
from ifd_zoo.parsing import ParserError
from ifd_zoo.parsing.coverage import count_coverage, coverage_text
from ifd_zoo.parsing.masksets import NO_MASKS
from ifd_zoo.transforms import EvalTransform, Masking
from train.attention_pictures import AttentionPictures
from train.build import build_data, build_loader, build_model, build_photos, build_stages, load_backbone_weights
from train.checkpoint import CheckpointError, Checkpoints
from train.config import Config, ConfigError, parse_args
from train.engine import Engine, Position, Stage, make_accelerator, place_model
from train.release import Outcome, write_release
from train.tracker import EpochReport, Tracker

ERRORS = (ConfigError, DatasetError, CheckpointError, DeviceError, ParserError, ReleaseError, FloatingPointError)


class Run:
    """A training run: its parts, and where it stands."""

    def __init__(self, config: Config, resume: bool) -> None:
        self.config = config
        self.accelerator = make_accelerator(config)
        self.checkpoints = Checkpoints(config.output / 'checkpoints')
        if not resume:
            self.checkpoints.require_none()
        self.dataset = build_data(config, self.accelerator)
        self.tracker = Tracker(config.output) if self.accelerator.is_main_process else None
        self.coverage = self._count_coverage()
        model = build_model(config, self.dataset.num_pids)
        self.size = config.size if all(config.size) else tuple(model.pretrained_cfg['input_size'][1:])
        masking = Masking(config.mask_classes, config.clothing_classes, config.fill)
        self.transform = EvalTransform(self.size, masking=masking)
        state = self._load_state() if resume else None
        if state is None:
            self.log(load_backbone_weights(model, config))
        self.model = place_model(model, config, self.accelerator)
        self.stages = build_stages(self.model, config)
        self.average = self._follow_weights()
        self.position = self._restore(state) if state else Position(self.stages[0].number)
        loader = build_loader(self.dataset, build_photos(config, self.accelerator), self.size, masking, config)
        self.engine = Engine(config, self.accelerator, loader, self._save, self._report)
        self.pictures = AttentionPictures(self.dataset.train, self.transform)
        if self.tracker:
            self.tracker.rewind(self.position.stage, self.position.epoch)
            (config.output / 'config.json').write_text(json.dumps(config.to_record(), indent=2) + '\n')

    def log(self, line: str) -> None:
        if self.tracker:
            self.tracker.log(line)

    def _count_coverage(self) -> dict[str, int] | None:
        """How many training images show no person or no clothing; in the main process, where masks are used."""
        config = self.config
        if not self.tracker or not config.needs_masks or config.masks == NO_MASKS:
            return None
        counts = count_coverage(self.dataset.train, config.root.expanduser(), config.clothing_classes)
        self.log(f'masks for training: {coverage_text(counts)}; of these nothing is erased')
        return counts

    def _follow_weights(self) -> ModelEmaV3 | None:
        """The running average of the weights in the last stage, if the config asks for one."""
        if not self.config.ema_decay:
            return None
        average = ModelEmaV3(self.model, self.config.ema_decay, use_warmup=True)
        self.stages[-1].after_step = lambda step: average.update(self.model, step)
        return average

    @property
    def trained(self) -> nn.Module:
        """What the run is for: the network that is measured and released."""
        return self.average.module if self.average else self.model

    def train(self) -> None:
        for stage in self.stages:
            if stage.number >= self.position.stage:
                self.engine.run(stage, self.position)
                self.position = Position(stage.number + 1)

    def _save(self, stage: Stage, position: Position) -> None:
        if self.accelerator.is_main_process:
            self.checkpoints.save({
                **vars(position),
                'config': json.dumps(self.config.to_record()),
                'model': self.model.state_dict(),
                'average': self.average and self.average.module.state_dict(),
                'optimizer': stage.optimizer.state_dict(),
                'scaler': self.accelerator.scaler and self.accelerator.scaler.state_dict(),
            })

    def _load_state(self) -> dict | None:
        state = self.checkpoints.load(self.log)
        if state is None:
            self.log(f'no checkpoint in {self.checkpoints.folder} yet: starting from the beginning')
            return None
        before, now = json.loads(state['config']), self.config.to_record()
        changed = sorted(key for key in {*now, *before} if before.get(key) != now.get(key))
        if changed:
            raise CheckpointError(
                f'{self.checkpoints.folder}: made with another {", ".join(changed)}; give the same flags'
            )
        return state

    def _restore(self, state: dict) -> Position:
        self.model.load_state_dict(state['model'])
        if self.average:
            self.average.module.load_state_dict(state['average'])
        # Of fields that older checkpoints lack the defaults are taken.
        position = Position(**{field.name: state[field.name] for field in fields(Position) if field.name in state})
        stage = next(stage for stage in self.stages if stage.number == position.stage)
        stage.optimizer.load_state_dict(state['optimizer'])
        if state['scaler']:
            self.accelerator.scaler.load_state_dict(state['scaler'])
        self.log(f'resumed behind stage {position.stage} epoch {position.epoch} batch {position.step}')
        return position

    def _report(self, report: EpochReport) -> None:
        if not self.tracker:
            return
        self.tracker.epoch(report)
        every = self.config.picture_epochs
        due = every and report.stage == 2 and (report.epoch % every == 0 or report.epoch == report.epochs)
        picture = self.pictures(self.trained, self.accelerator.device) if due else None
        if picture:
            self.tracker.picture('attention', report.stage, report.epoch, picture)

    def finish(self) -> None:
        """Measure the model and leave the release; for the main process."""
        config, protocols, figures = self.config, self.dataset.protocols, []
        if protocols:
            options = {'workers': config.workers, 'flip': config.test_flip}
            figures = evaluate_protocols(as_stored(self.trained), protocols, self.transform, **options)
        self.log(markdown_table(figures) if figures else 'nothing measured: the data set has no query and gallery')
        outcome = Outcome(figures, self.coverage, self.tracker.seconds())
        path = write_release(self.trained, config, self.dataset, self.size, outcome)
        self.log(f'release: {path}')


def main(argv: list[str] | None = None) -> int:
    config, resume = parse_args(argv)
    try:
        run = Run(config, resume)
        run.train()
        if run.tracker:
            run.finish()
            run.tracker.close()
        run.accelerator.end_training()
    except ERRORS as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, a folder that is a file
        print(f'error: {error}; with that put right, --resume loses nothing that was saved', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
