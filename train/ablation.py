"""Repeat the ablation study of the paper (Table II), and study two choices that it leaves open, over several seeds.

    python train/ablation.py --data folder --root DIR --output DIR --seeds 0 1 2 --study components -- --epochs 20
    python train/ablation.py --data prcc --root DIR --output DIR --study methods --search 50 -- --masks bundled

Arguments after `--` are passed to every `train/run.py`. Each run has its own folder, `runs/NAME-seedN`. Running the
command again skips finished runs and resumes interrupted ones. `--output` gets `STUDY.md`, `STUDY.json` and
`STUDY.svg`. The studies `controls` and `methods` compare their rows query by query; `methods` covers the RGB methods of
Table I, and `student` needs `--teacher` after the `--`. With `--search`, the learning rate of each row is first chosen
on held-out training people.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.reports.summary import summarise
from ifd_zoo.common.cli import entry_point
from ifd_zoo.common.errors import DIVERGED
from train.recipes import RECIPES, VARIANTS
from train.studies.flags import parse_args
from train.studies.jobs import Interrupted, Job, JobError, run_jobs
from train.studies.pairs import Row, compare, masks_at_test, measure
from train.studies.rate_search import Trial, candidates, choose, has_diverged, note_diverged, score, search_block
from train.studies.records import parse_flags, read_finished
from train.studies.report import FREE, build_report, markdown_block, shared_training, write_report
from train.studies.rows import COMPARED, ROW_SETTINGS, STUDIES, default_rate, settings

TRAINER = Path(__file__).resolve().parent / 'run.py'


class Run(NamedTuple):
    arm: str
    seed: int
    folder: Path
    tried: tuple[tuple[str, Any], ...] = ()
    """Additional config fields of a run of the learning rate search."""


class Ablation:
    """The runs of the chosen studies, and the records of those that have finished."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        arms = dict.fromkeys(arm for rows in args.rows.values() for arm in rows)
        # Seed by seed, so that the finished rows can be compared if the study is stopped early.
        self.runs = [Run(arm, seed, args.output / 'runs' / f'{arm}-seed{seed}') for seed in args.seeds for arm in arms]
        self.finished: dict[Run, dict[str, Any]] = {}
        self.rates: dict[str, float] = dict(args.rates)
        self.searched: dict[str, list[Trial]] = {}
        # Held-out people are not a protocol of the data set.
        held_out = int((RECIPES[args.recipe] | parse_flags(args.extra)).get('val_pids', 0))
        self.compares = not held_out and not {*COMPARED}.isdisjoint(args.study)
        decided = [{**VARIANTS[ROW_SETTINGS[arm]['variant']].settings, **ROW_SETTINGS[arm]} for arm in arms]
        self.free = {*FREE, *(name for row in decided for name in row), *(['lr'] if args.rates or args.search else [])}

    def execute(self) -> None:
        """Choose learning rates if asked to, read the finished runs and train the others."""
        if self.args.search:
            self._search()
        self._train(self.runs)

    def _search(self) -> None:
        arms = [arm for arm in dict.fromkeys(run.arm for run in self.runs) if arm not in self.args.rates]
        trials: dict[str, dict[float, Run]] = {arm: {} for arm in arms}
        given = RECIPES[self.args.recipe] | parse_flags(self.args.extra)
        for arm in arms:
            for lr in candidates(default_rate(arm, given)):
                folder = self.args.output / 'search' / f'{arm}-lr{lr:g}'
                tried = (('lr', lr), ('val_pids', self.args.search))
                trials[arm][lr] = Run(arm, self.args.seeds[0], folder, tried)
        self._train([run for tried in trials.values() for run in tried.values()])
        for arm, tried in trials.items():
            self.searched[arm] = [
                Trial(lr, score(self.finished[run]) if run in self.finished else None) for lr, run in tried.items()
            ]
            self.rates[arm] = choose(arm, self.searched[arm])
            print(f'{arm}: learning rate {self.rates[arm]:g}', flush=True)

    def _train(self, runs: list[Run]) -> None:
        waiting: dict[str, tuple[Run, Job]] = {}
        for run in runs:
            if self._read(run):
                self._say(run, f'skipped {run.folder.name}: already finished', runs)
            elif run.tried and has_diverged(run.folder, self._flags(run)):
                print(f'skipped {run.folder.name}: diverged', flush=True)
            else:
                good = (DIVERGED,) if run.tried else ()
                job = Job(run.folder.name, self._command(run), run.folder / 'train.out', good)
                waiting[job.name] = (run, job)

        def on_finish(job: Job, seconds: float) -> None:
            run = waiting[job.name][0]
            if self._read(run):
                self._say(run, f'finished {job.name} in {seconds / 60:.1f} minutes', runs)
                if self.compares and not run.tried:
                    measure(self._row(run.arm, '', [run]), self._data())
            elif run.tried:
                note_diverged(run.folder, self._flags(run))
                print(f'{job.name} diverged', flush=True)
            else:
                raise JobError(f'{job.name} ended without {run.folder / "release"}; see {job.output}')

        jobs = [job for _, job in waiting.values()]
        run_jobs(jobs, self.args.jobs, lambda job: print(f'started {job.name}', flush=True), on_finish)

    def _flags(self, run: Run) -> dict[str, Any]:
        given = RECIPES[self.args.recipe] | parse_flags(self.args.extra)
        if run.tried and self.args.search_epochs:
            given['epochs'] = self.args.search_epochs
        shared = {'data': self.args.data, 'seed': run.seed, 'recipe': self.args.recipe}
        own = {'lr': self.rates[run.arm]} if run.arm in self.rates else {}
        return shared | settings(run.arm, given) | own | dict(run.tried)

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
            # Checked here and not at the end: a run that cannot be compared would make later ones useless.
            alike = [known for one, known in self.finished.items() if bool(one.tried) == bool(run.tried)]
            shared_training(alike, self.free)
        return finished is not None

    def _say(self, run: Run, what: str, runs: list[Run]) -> None:
        mode, row = next(iter(summarise([self.finished[run]]).items()))
        figures = f'{mode} rank-1 {row["rank1"]["mean"]:.1f} mAP {row["mAP"]["mean"]:.1f}'
        print(f'{what}, {figures} ({sum(one in self.finished for one in runs)} of {len(runs)})', flush=True)

    def report(self, study: str) -> dict:
        """Return the report of a study, see `train.studies.report.build_report`; all its runs must have finished."""
        rows = self.args.rows[study]
        runs = {arm: [self.finished[run] for run in self.runs if run.arm == arm] for arm in rows}
        report = build_report(study, rows, runs, self._own_command(study), self.free)
        if study in COMPARED and self.compares:
            report['pairs'] = self._compare(rows)
        if self.args.search:
            report['search'] = self._search_report(rows)
        return report

    def _search_report(self, rows: dict[str, str]) -> dict[str, Any]:
        trials = {arm: self.searched[arm] for arm in rows if arm in self.searched}
        found = [
            {'name': arm, 'label': rows[arm], 'trials': [one._asdict() for one in tried], 'chosen': self.rates[arm]}
            for arm, tried in trials.items()
        ]
        runs = [run for run in self.finished if run.tried]
        epochs = [self.finished[run]['training']['epochs'] for run in runs if run.arm in trials]
        return {'people': self.args.search, 'seed': self.args.seeds[0], 'epochs': min(epochs), 'rows': found}

    def _row(self, arm: str, label: str, runs: list[Run]) -> Row:
        flags, maps = self._flags(runs[0]), parse_flags(self.args.extra).get('maps', runs[0].folder / 'maps')
        return Row(arm, label, tuple(run.folder / 'release' for run in runs), masks_at_test(flags, Path(maps)))

    def _compare(self, rows: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
        by_row = [(arm, label, [run for run in self.runs if run.arm == arm]) for arm, label in rows.items()]
        return compare([self._row(*row) for row in by_row], self._data())

    def _data(self) -> dict[str, Any]:
        extra = parse_flags(self.args.extra)
        device = None if extra.get('device') == 'auto' else extra.get('device')
        workers = int(extra.get('workers', 2))
        return {'data': self.args.data, 'root': self.args.root, 'workers': workers, 'device': device}

    def _own_command(self, study: str) -> str:
        args = self.args
        seeds = ' '.join(map(str, args.seeds))
        parts = [f'--data {args.data} --root DIR --output DIR --seeds {seeds} --study {study} --recipe {args.recipe}']
        if args.rows[study] != STUDIES[study]:
            parts.append(f'--rows {" ".join(args.rows[study])}')
        if args.rates:
            parts.append('--rates ' + ' '.join(f'{arm}={rate:g}' for arm, rate in args.rates.items()))
        if args.search:
            parts.append(f'--search {args.search}')
        if args.search_epochs:
            parts.append(f'--search-epochs {args.search_epochs}')
        if args.extra:
            parts += ['--', *('DIR' if os.path.isabs(os.path.expanduser(token)) else token for token in args.extra)]
        return 'python train/ablation.py ' + ' '.join(parts)


@entry_point('stopped; run the same command again to resume')
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    ablation = Ablation(args)
    try:
        ablation.execute()
    except Interrupted as stop:
        print(f'{stop}; run the same command again to resume', file=sys.stderr)
        return 128 + stop.signum
    for study in args.study:
        report = ablation.report(study)
        write_report(report, args.output)
        print(f'\n{args.output / study}.md\n\n{markdown_block(report)}')
        if 'search' in report:
            print(f'\n{search_block(report["search"])}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
