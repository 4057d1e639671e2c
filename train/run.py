"""Train a model of the zoo.

    python train/run.py --recipe synthetic --variant ifd --root DIR --output DIR
    accelerate launch --multi_gpu train/run.py --recipe prcc --precision bf16 --root DIR --output DIR

Stage 1 trains the attention stream alone, stage 2 the whole network (section II.C). `--output` gets `config.json`,
`log.txt`, `metrics.jsonl`, `checkpoints` (continue with `--resume`, or with `--extend` for more epochs), pictures of
the attention maps and, at the end, the folder `release`: `config.json` with the command, the data and the measured
figures, and `model.safetensors`. Recipes are in `train/recipes.py`; for all flags see `--help`.
"""

import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.cli import REFUSED, entry_point
from train.flags import parse_args


@entry_point('stopped; run it again with --resume to continue from the last checkpoint')
def main(argv: list[str] | None = None) -> int:
    config, go_on = parse_args(argv)
    from train.training import Run

    try:
        run = Run(config, go_on)
        run.train()
        if run.tracker:
            run.finish()
            run.tracker.close()
        run.accelerator.end_training()
    except OSError as error:  # a full disk, a folder that is a file
        print(f'error: {error}; fix this and continue from the last checkpoint with --resume', file=sys.stderr)
        return REFUSED
    return 0


if __name__ == '__main__':
    sys.exit(main())
