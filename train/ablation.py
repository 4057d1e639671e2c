"""Repeat the ablation study of the paper (Table II), and two of the choices it leaves open, over several seeds.

    python train/ablation.py --data folder --root DIR --output DIR --seeds 0 1 2 --study components -- --epochs 20

What follows `--` goes to every `train/run.py`. Each run has its folder `runs/NAME-seedN`. When the command is given
again, finished runs are skipped and interrupted ones go on. `--output` gets `STUDY.md`, `STUDY.json` and `STUDY.svg`.
"""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.summary import summarise
from ifd_zoo.choices import NO_MASKS
from ifd_zoo.cli import ArgumentParser, add_data_flags, entry_point, not_negative, positive
from train.ablation_chart import draw_chart
from train.ablation_report import build_report, markdown_block, shared_training
from train.config import Config
from train.jobs import Interrupted, Job, JobError, run_jobs
from train.recipes import RECIPES, VARIANTS
from train.records import RecordError, parse_flags, read_finished

TRAINER = Path(__file__).resolve().parent / 'run.py'


DEFAULTS: dict[str, Any] = {'sampler': 'proportional_ras', 'T': 0.5, 'ccl_unit_mean': False}
"""What a row of a study has unless `ARMS` says otherwise."""

ARMS: dict[str, dict[str, Any]] = {
    **{variant: {'variant': variant} for variant in VARIANTS},
    **{f'ifd-{sampler}': {'variant': 'ifd', 'sampler': sampler} for sampler in ('fixed_ras', 'pk')},
    **{f'ifd-T{T:g}': {'variant': 'ifd', 'T': T} for T in (1.0, 0.25)},
    'ikt-no_masks': {'variant': 'ikt', 'masks': NO_MASKS},
    'ifd-unit_mean': {'variant': 'ifd', 'ccl_unit_mean': True},
    'baseline-equal': {'variant': 'baseline', 'equal_compute': True},
}
"""Name, as in the runs' folders, to the settings that it decides. Studies share what they have in common.

`equal_compute` lets a single stream see as many images as both streams of the others together, stage 1 included.
"""

STUDIES = {
    'components': {name: variant.label for name, variant in VARIANTS.items() if variant.paper},
    'sampler': {'ifd-pk': 'P×K', 'ifd-fixed_ras': 'fixed RAS', 'ifd': 'proportional RAS'},
    'temperature': {'ifd-T1': 'T = 1', 'ifd': 'T = 0.5', 'ifd-T0.25': 'T = 0.25'},
    'controls': {
        'baseline': 'baseline',
        'baseline-equal': 'baseline, compute of two streams',
        'masked': VARIANTS['masked'].label,
        'ikt-no_masks': 'w/ IKT, nothing erased',
        'ikt': 'w/ IKT',
        'ifd_cl': 'IFD w/ CL',
        'ifd-T1': 'IFD, T = 1',
        'ifd-unit_mean': 'IFD, mean weight 1',
        'ifd': 'IFD',
    },
}
"""Name of the study to its rows: name of the arm to label."""

DECIDED = ('recipe', 'data', 'root', 'output', 'seed', 'resume', 'extend', 'variant', *DEFAULTS)
"""Flags of a run that are not for the user to pass on."""


def settings(arm: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a row decides, as fields of the training config; `given` are recipe and flags that the rows share."""
    given = {field.name: field.default for field in dataclasses.fields(Config)} | given
    own = dict(ARMS[arm])
    epochs = int(given['epochs'])
    if own.pop('equal_compute', False):
        epochs = 2 * epochs + int(given['stage1_epochs'])
    return DEFAULTS | {'masks': given['masks'], 'epochs': epochs} | own


class Run(NamedTuple):
    arm: str
    seed: int
    folder: Path


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser(
        'train/ablation.py',
        description='Run ablation studies over several seeds.',
        epilog='What follows -- is passed on to every train/run.py.',
    )
    add_data_flags(parser)
    parser.add_argument('--output', required=True, type=Path, help='folder for the runs, tables and charts')
    parser.add_argument('--seeds', type=not_negative, nargs='+', default=[0, 1, 2], help='a run of each row for each')
    parser.add_argument('--study', nargs='+', choices=STUDIES, default=['components'], help='one or several')
    parser.add_argument('--recipe', default='ablation', help='setting of all runs, see train/recipes.py')
    parser.add_argument('--jobs', type=positive, default=1, help='runs side by side; they share the cores')
    argv = sys.argv[1:] if argv is None else argv
    split = argv.index('--') if '--' in argv else len(argv)
    args = parser.parse_args(argv[:split])
    args.extra = argv[split + 1 :]
    args.seeds = list(dict.fromkeys(args.seeds))
    try:
        clash = [name for name in parse_flags(args.extra) if name in DECIDED]
    except RecordError as error:
        parser.error(str(error))
    if clash:
        parser.error(f'--{clash[0]} after --: set by the study or a flag of this program, leave it out there')
    return args


class Ablation:
    """The runs that the chosen studies need, and what is known of those that are finished."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        arms = dict.fromkeys(arm for study in args.study for arm in STUDIES[study])
        # All rows of one seed first: what is there when somebody stops it can be compared.
        self.runs = [Run(arm, seed, args.output / 'runs' / f'{arm}-seed{seed}') for seed in args.seeds for arm in arms]
        self.finished: dict[Run, dict[str, Any]] = {}

    def execute(self) -> None:
        """Read what is finished, and train the rest."""
        waiting = {}
        for run in self.runs:
            if self._read(run):
                self._say(run, f'skipped {run.folder.name}: already finished')
            else:
                job = Job(run.folder.name, self._command(run), run.folder / 'train.out')
                waiting[job.name] = (run, job)

        def on_finish(job: Job, seconds: float) -> None:
            run = waiting[job.name][0]
            if not self._read(run):
                raise JobError(f'{job.name} ended without {run.folder / "release"}; see {job.output}')
            self._say(run, f'finished {job.name} in {seconds / 60:.1f} minutes')

        jobs = [job for _, job in waiting.values()]
        run_jobs(jobs, self.args.jobs, lambda job: print(f'started {job.name}', flush=True), on_finish)

    def _flags(self, run: Run) -> dict[str, Any]:
        given = RECIPES[self.args.recipe] | parse_flags(self.args.extra)
        return {'data': self.args.data, 'seed': run.seed, 'recipe': self.args.recipe, **settings(run.arm, given)}

    def _command(self, run: Run) -> list[str]:
        words = [str(TRAINER), *self.args.extra, '--root', str(self.args.root), '--output', str(run.folder)]
        for key, value in self._flags(run).items():
            flag = '--' + key.replace('_', '-')
            words += [flag, str(value)] if not isinstance(value, bool) else [flag if value else f'--no-{flag[2:]}']
        return [sys.executable, *words, '--resume']

    def _read(self, run: Run) -> bool:
        extra = parse_flags(self.args.extra)
        finished = read_finished(run.folder, self._flags(run), extra, self.args.root.resolve().name)
        if finished:
            self.finished[run] = finished
            # Now and not at the end: a run that cannot be compared would spoil the hours that follow.
            shared_training(list(self.finished.values()))
        return finished is not None

    def _say(self, run: Run, what: str) -> None:
        mode, row = next(iter(summarise([self.finished[run]]).items()))
        figures = f'{mode} rank-1 {row["rank1"]["mean"]:.1f} mAP {row["mAP"]["mean"]:.1f}'
        print(f'{what}, {figures} ({len(self.finished)} of {len(self.runs)})', flush=True)

    def report(self, study: str) -> dict:
        """See `train.ablation_report.build_report`; every run must be finished."""
        rows = STUDIES[study]
        runs = {arm: [self.finished[run] for run in self.runs if run.arm == arm] for arm in rows}
        return build_report(study, rows, runs, self._own_command(study))

    def _own_command(self, study: str) -> str:
        args = self.args
        seeds = ' '.join(map(str, args.seeds))
        parts = [f'--data {args.data} --root DIR --output DIR --seeds {seeds} --study {study} --recipe {args.recipe}']
        if args.extra:
            parts += ['--', *('DIR' if os.path.isabs(os.path.expanduser(token)) else token for token in args.extra)]
        return 'python train/ablation.py ' + ' '.join(parts)


def write_report(report: dict, output: Path) -> None:
    """STUDY.json, STUDY.svg and STUDY.md in a folder."""
    study = report['study']
    (output / f'{study}.json').write_text(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + '\n')
    draw_chart(report, output / f'{study}.svg')
    parts = [f'# Ablation: {study}', markdown_block(report), f'![{study}]({study}.svg)', f'    {report["command"]}']
    (output / f'{study}.md').write_text('\n\n'.join(parts) + '\n')


@entry_point('stopped; the same command goes on from here')
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    ablation = Ablation(args)
    try:
        ablation.execute()
    except Interrupted as stop:
        print(f'{stop}; the same command goes on from here', file=sys.stderr)
        return 128 + stop.signum
    for study in args.study:
        report = ablation.report(study)
        write_report(report, args.output)
        print(f'\n{args.output / study}.md\n\n{markdown_block(report)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
