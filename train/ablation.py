"""Repeat the ablation study of the paper (Table II), and two of the choices it leaves open, over several seeds.

    python train/ablation.py --data folder --root DIR --output DIR --seeds 0 1 2 --study components -- --epochs 20
    python train/ablation.py --data prcc --root DIR --output DIR --study methods --rates pcb=0.05 -- --masks bundled

What follows `--` goes to every `train/run.py`. Each run has its folder `runs/NAME-seedN`. When the command is given
again, finished runs are skipped and interrupted ones go on. `--output` gets `STUDY.md`, `STUDY.json` and `STUDY.svg`.
The studies `controls` and `methods` compare their rows query by query; `methods` is Table I's methods of RGB images.
"""

import argparse
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
from train.ablation_pairs import Row, compare, pairs_block
from train.ablation_report import FREE, build_report, markdown_block, shared_training
from train.jobs import Interrupted, Job, JobError, run_jobs
from train.recipes import RECIPES, VARIANTS
from train.records import RecordError, parse_flags, read_finished
from train.studies import ARMS, COMPARED, DEFAULTS, STUDIES, rate, settings

TRAINER = Path(__file__).resolve().parent / 'run.py'

DECIDED = ('recipe', 'data', 'root', 'output', 'seed', 'resume', 'extend', 'variant', *DEFAULTS)
"""Flags of a run that are not for the user to pass on."""


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
    parser.add_argument('--rates', type=rate, nargs='+', default=[], metavar='ROW=RATE', help='learning rates of rows')
    parser.add_argument('--recipe', default='ablation', help='setting of all runs, see train/recipes.py')
    parser.add_argument('--jobs', type=positive, default=1, help='runs side by side; they share the cores')
    argv = sys.argv[1:] if argv is None else argv
    split = argv.index('--') if '--' in argv else len(argv)
    args = parser.parse_args(argv[:split])
    args.extra = argv[split + 1 :]
    args.seeds, args.rates = list(dict.fromkeys(args.seeds)), dict(args.rates)
    try:
        clash = [name for name in parse_flags(args.extra) if name in DECIDED]
    except RecordError as error:
        parser.error(str(error))
    chosen = {arm for study in args.study for arm in STUDIES[study]}
    if foreign := sorted(args.rates.keys() - chosen):
        parser.error(f'--rates: {foreign[0]} is no row of {", ".join(args.study)}')
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
        methods = [VARIANTS[ARMS[arm]['variant']].settings for arm in arms]
        self.free = {*FREE, *(name for method in methods for name in method), *(['lr'] if args.rates else [])}

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
        shared = {'data': self.args.data, 'seed': run.seed, 'recipe': self.args.recipe}
        own = {'lr': self.args.rates[run.arm]} if run.arm in self.args.rates else {}
        return shared | settings(run.arm, given) | own

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
            shared_training(list(self.finished.values()), self.free)
        return finished is not None

    def _say(self, run: Run, what: str) -> None:
        mode, row = next(iter(summarise([self.finished[run]]).items()))
        figures = f'{mode} rank-1 {row["rank1"]["mean"]:.1f} mAP {row["mAP"]["mean"]:.1f}'
        print(f'{what}, {figures} ({len(self.finished)} of {len(self.runs)})', flush=True)

    def report(self, study: str) -> dict:
        """See `train.ablation_report.build_report`; every run must be finished."""
        rows = STUDIES[study]
        runs = {arm: [self.finished[run] for run in self.runs if run.arm == arm] for arm in rows}
        report = build_report(study, rows, runs, self._own_command(study), self.free)
        # Held-out people are no protocol of the data set.
        if study in COMPARED and int(report['training'].get('val_pids', 0)) == 0:
            report['pairs'] = self._compare(rows)
        return report

    def _compare(self, rows: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
        extra = parse_flags(self.args.extra)
        device = None if extra.get('device') == 'auto' else extra.get('device')
        workers = int(extra.get('workers', 2))
        data = {'data': self.args.data, 'root': self.args.root, 'workers': workers, 'device': device}
        compared = []
        for arm, label in rows.items():
            runs = [run for run in self.runs if run.arm == arm]
            flags = self._flags(runs[0])
            maps = Path(extra.get('maps', runs[0].folder / 'maps'))  # of a parser, which need not parse again
            masks = str(maps) if maps.is_dir() else flags['masks']
            if NO_MASKS == flags['masks'] or not VARIANTS[flags['variant']].sees_masks:
                masks = NO_MASKS
            compared.append(Row(label, tuple(run.folder / 'release' for run in runs), masks))
        return compare(compared, data)

    def _own_command(self, study: str) -> str:
        args = self.args
        seeds = ' '.join(map(str, args.seeds))
        parts = [f'--data {args.data} --root DIR --output DIR --seeds {seeds} --study {study} --recipe {args.recipe}']
        if args.rates:
            parts.append('--rates ' + ' '.join(f'{arm}={rate:g}' for arm, rate in args.rates.items()))
        if args.extra:
            parts += ['--', *('DIR' if os.path.isabs(os.path.expanduser(token)) else token for token in args.extra)]
        return 'python train/ablation.py ' + ' '.join(parts)


def write_report(report: dict, output: Path) -> None:
    """STUDY.json, STUDY.svg and STUDY.md in a folder."""
    study = report['study']
    (output / f'{study}.json').write_text(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + '\n')
    draw_chart(report, output / f'{study}.svg')
    parts = [f'# Ablation: {study}', markdown_block(report), f'![{study}]({study}.svg)', f'    {report["command"]}']
    if 'pairs' in report:
        parts.insert(2, pairs_block(report['pairs']))
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
