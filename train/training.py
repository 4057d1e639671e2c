"""A training run, from its parts to the release."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from timm.utils import ModelEmaV3
from torch import nn

from eval.reports.metric_tables import evaluate_protocols, figure_lines
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.hub.release import as_stored
from ifd_zoo.models.features import with_feature
from ifd_zoo.parsing.coverage import count_coverage, coverage_text
from ifd_zoo.parsing.mask_source import NO_MASKS
from ifd_zoo.transforms import EvalTransform, Masking
from train.attention_pictures import AttentionPictures
from train.build import (
    add_masks,
    build_data,
    build_loader,
    build_masks,
    build_model,
    build_stages,
    input_size,
    list_photos,
    parse_photos,
)
from train.checkpoint import CheckpointError, Checkpoints
from train.checks import check_flags
from train.config import Config, ConfigError
from train.engine import Engine, Position, Stage, make_accelerator, place_model
from train.release import Outcome, write_release
from train.start import load_backbone_weights, load_classifiers, load_trained
from train.teachers import load_teacher
from train.tracker import EpochReport, Tracker
from train.trained_on import describe_records, require_same


class Run:
    """A training run: its parts and its progress.

    Args:
        config: of the run.
        go_on: `resume`, `extend`, or '' for a new run.
    """

    def __init__(self, config: Config, go_on: str) -> None:
        self.config = config
        self.accelerator = make_accelerator(config)
        check_flags(config, self.accelerator.num_processes)
        self.checkpoints = Checkpoints(config.output / 'checkpoints')
        if not go_on:
            self.checkpoints.require_none()
        # Masks come last: making them can take hours, so everything else is checked first.
        dataset, masks = build_data(config), build_masks(config, self.accelerator)
        photos = list_photos(config)
        self.trained_on = describe_records(dataset.train, config.root.expanduser(), masks, photos)
        model = build_model(config, dataset.num_pids)
        self.size = input_size(model, config)
        self.teacher = load_teacher(config, self.accelerator.device) if config.teacher else None
        if self.accelerator.is_main_process:
            self.checkpoints.claim()
        self.tracker = Tracker(config.output) if self.accelerator.is_main_process else None
        state = self._load_state(go_on == 'extend') if go_on else None
        self.history: dict[str, Any] = state.get('history', {}) if state else self._start(model)
        self.dataset = add_masks(dataset, masks, config, self.accelerator)
        self.coverage = self._count_coverage()
        masking = Masking(config.mask_classes, config.clothing_classes, config.fill)
        self.transform = EvalTransform(self.size, masking=masking)
        self.model = place_model(model, config, self.accelerator)
        self.stages = build_stages(self.model, config, self.dataset, self.teacher)
        self.average = self._follow_weights()
        self.position = self._restore(state) if state else Position(self.stages[0].number)
        photos = parse_photos(photos, config, self.accelerator)
        loader = build_loader(self.dataset, self.size, masking, config, photos)
        self.engine = Engine(config, self.accelerator, loader, self._save, self._report)
        self.pictures = AttentionPictures(self.dataset.train, self.transform)
        if self.tracker:
            self.tracker.rewind(self.position.stage, self.position.epoch)
            (config.output / 'config.json').write_text(json.dumps(config.to_record(), indent=2) + '\n')

    def log(self, line: str) -> None:
        if self.tracker:
            self.tracker.log(line)

    def _count_coverage(self) -> dict[str, int] | None:
        """Count the training images that show no person or no clothing; in the main process, if masks are used."""
        config = self.config
        if not self.tracker or not config.needs_masks or config.masks == NO_MASKS:
            return None
        counts = count_coverage(self.dataset.train, config.root.expanduser(), config.clothing_classes)
        self.log(f'masks for training: {coverage_text(counts)}; nothing is erased from these')
        if config.contrastive != 'none' and counts['no_clothing'] == counts['images']:
            raise ConfigError(f'clothing_classes: no training image shows any of {", ".join(config.clothing_classes)}')
        return counts

    def _start(self, model: nn.Module) -> dict[str, Any]:
        """Load the weights that the config names into a new model; return the history for the release."""
        history = {'teacher': self.teacher.record} if self.teacher else {}
        if self.config.init:
            history['init'] = load_trained(model, self.config.init)
            same_people = load_classifiers(model, self.config.init, self.trained_on, self.log)
            self.log(f'{"all" if same_people else "all but the classifiers"}: weights of {history["init"]["name"]}')
        elif self.teacher and self.teacher.start(model):
            self.log(f'main stream: weights of {self.teacher.record["name"]}')
        else:
            self.log(load_backbone_weights(model, self.config))
        return history

    def _follow_weights(self) -> ModelEmaV3 | None:
        """Return the running average of the weights in the last stage, if the config asks for one."""
        if not self.config.ema_decay:
            return None
        average = ModelEmaV3(self.model, self.config.ema_decay, use_warmup=True)
        self.stages[-1].after_step = lambda step: average.update(self.model, step)
        return average

    @property
    def trained(self) -> nn.Module:
        """The network that is measured and released."""
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
                'trained_on': self.trained_on,
                'history': self.history,
                'model': self.model.state_dict(),
                'task': stage.task.state_dict(),
                'average': self.average and self.average.module.state_dict(),
                'optimizer': stage.optimizer.state_dict(),
                'scaler': self.accelerator.scaler and self.accelerator.scaler.state_dict(),
            })

    def _load_state(self, extend: bool) -> dict | None:
        state = self.checkpoints.load(self.log)
        if state is None and extend:
            raise CheckpointError(f'{self.checkpoints.folder}: no checkpoint yet, so there is nothing to extend')
        if state is None:
            self.log(f'no checkpoint in {self.checkpoints.folder} yet: starting from the beginning')
            return None
        self._require_same_run(state, extend)
        return state

    def _require_same_run(self, state: dict, extend: bool) -> None:
        folder = self.checkpoints.folder
        # Fields that older checkpoints lack have their defaults.
        before, now = Config(Path(), Path()).to_record() | json.loads(state['config']), self.config.to_record()
        if extend:
            if before['epochs'] >= now['epochs']:
                raise CheckpointError(f'{folder}: a run of {before["epochs"]} epochs; give more --epochs to extend it')
            history = state.setdefault('history', {})
            history['extended_from'] = [*history.get('extended_from', []), before['epochs']]
            before['epochs'] = now['epochs']
        changed = sorted(key for key in {*now, *before} if before.get(key) != now.get(key))
        if changed:
            remedy = '; for more epochs, give --extend' if changed == ['epochs'] else ''
            raise CheckpointError(f'{folder}: made with different {", ".join(changed)}; give the same flags{remedy}')
        require_same(state.get('trained_on'), self.trained_on, folder, self.log)
        if self.teacher and state['history']['teacher'] != self.teacher.record:
            raise CheckpointError(f'{folder}: taught by another {self.teacher.record["name"]}; give the same --teacher')

    def _restore(self, state: dict) -> Position:
        self.model.load_state_dict(state['model'])
        if self.average:
            self.average.module.load_state_dict(state['average'])
        # Fields that older checkpoints lack have their defaults.
        position = Position(**{field.name: state[field.name] for field in fields(Position) if field.name in state})
        stage = next(stage for stage in self.stages if stage.number == position.stage)
        if 'task' in state:
            stage.task.load_state_dict(state['task'])  # parameters outside the model
        stage.optimizer.load_state_dict(state['optimizer'])
        if state['scaler']:
            self.accelerator.scaler.load_state_dict(state['scaler'])
        self.log(f'resumed after stage {position.stage} epoch {position.epoch} batch {position.step}')
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
        """Measure the model and write the release; for the main process only."""
        config, protocols, figures = self.config, self.dataset.protocols, []
        if protocols:
            options = {'workers': config.workers, 'flip': config.test_flip}
            model = as_stored(with_feature(self.trained, config.feature))
            figures = evaluate_protocols(model, protocols, self.transform, **options)
        table = markdown_table(figure_lines(figures)) if figures else ''
        self.log(table or 'nothing measured: the data set has no query and gallery')
        outcome = Outcome(figures, self.coverage, self.tracker.seconds(), self.history)
        path = write_release(self.trained, config, self.dataset, self.size, outcome)
        self.log(f'release: {path}')
