"""Embeddings of the images of a data set, or of any folder of pictures, as one file.

    python eval/extract.py --model NAME|DIR --data prcc --root DIR [--split train] [--masks bundled] --output FILE
    python eval/extract.py --model NAME|DIR --images DIR --masks bundled --output FILE

FILE is in the form of safetensors: `embeddings` (N, D) float32 of unit length, and of a data set `pid`, `camid` and
`clothes_id` (N,) int64. In its metadata, each as JSON: `paths` (relative, one for each row), `splits` (likewise),
`model`, `weights_sha256`, `masks`, `feature` (parts and weights), `flip`, `precision`, `data`, `split`,
`unreadable` (images left out, and why) and `key` (a hash of all that decides what is in the file).

A run that was stopped goes on where it was: finished parts are kept in FILE.parts until FILE is written; called again
after that, with the same images and flags, it does nothing. Several processes, on one machine or on several that share
the folders of images and FILE, write the same bytes as one: `torchrun --nproc-per-node 2 eval/extract.py ...`, or
`accelerate launch --multi_gpu --num_processes 2 eval/extract.py ...`, on machines without GPUs, too.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.selection import ALL
from ifd_zoo.cli import ArgumentParser, add_data_flags, add_model_flags, entry_point, positive

SHARD_SIZE = 128
"""Images of a part: what a stop may lose, and by how much the shares of two processes may differ."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/extract.py', description='Embed images.')
    add_model_flags(parser, 'feature', 'flip', precision='auto')
    add_data_flags(parser, 'masks', 'batch-size', 'workers', root=None)
    parser.add_argument('--images', type=Path, help='any folder of pictures, in place of a data set')
    parser.add_argument('--split', default=ALL, help='all, train, or a split of the data set such as query or "test A"')
    parser.add_argument('--output', required=True, type=Path, help='file that gets the embeddings')
    parser.add_argument('--shard-size', type=positive, default=SHARD_SIZE, help='images a stop may lose, per process')
    parser.add_argument('--on-error', choices=('stop', 'skip'), default='stop', help='at an image that cannot be read')
    args = parser.parse_args(argv)
    if bool(args.root) == bool(args.images):
        parser.error('give --root of a data set or --images, one of the two')
    if args.images and args.split != ALL:
        parser.error('--images has no splits')
    return args


@entry_point('stopped; the same command goes on from here')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from safetensors import SafetensorError

    from eval.extraction import run
    from ifd_zoo.processes import process_group

    try:
        with process_group() as group:
            text = run(args, group)
    except SafetensorError as error:  # as on a full disk
        raise OSError(str(error)) from error
    if text:
        print(text)


if __name__ == '__main__':
    sys.exit(main())
