"""Embeddings of the images of a data set, or of any folder of pictures, as one file.

    python eval/extract.py --model NAME|DIR --data prcc --root DIR [--split train] [--masks bundled] --output FILE
    python eval/extract.py --model NAME|DIR --images DIR --masks bundled --output FILE [--crop] [--ray [ADDRESS]]

FILE is in the form of safetensors: `embeddings` (N, D) float32 of unit length, and of a data set `pid`, `camid` and
`clothes_id` (N,) int64. In its metadata, each as JSON: `paths` (relative, one for each row), `splits` (likewise),
`model`, `weights_sha256`, `masks`, `feature` (parts and weights), `flip`, `precision`, `data`, `split`, `crop` (where
photos are cut down to their person), `unreadable` (images left out, and why) and `key` (a hash of all that decides what
is in the file).

A run that was stopped goes on where it was: what is done is kept in FILE.unfinished until FILE is written; called again
after that, with the same images and flags, it does nothing. With `--ray` the machines of a Ray cluster, which share the
folder of images, do the work; they write the same bytes as one process with as many threads.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.embeddings.selection import ALL
from ifd_zoo.cli import ArgumentParser, add_data_flags, add_model_flags, entry_point, positive

GROUP = 512
"""Images between two writes."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/extract.py', description='Embed images.')
    add_model_flags(parser, 'feature', 'flip', 'crop', 'ray', precision='auto')
    add_data_flags(parser, 'masks', 'batch-size', root=None)
    parser.add_argument('--images', type=Path, help='any folder of pictures, in place of a data set')
    parser.add_argument('--split', default=ALL, help='all, train, or a split of the data set such as query or "test A"')
    parser.add_argument('--output', required=True, type=Path, help='file that gets the embeddings')
    parser.add_argument('--group', type=positive, default=GROUP, help='images between two writes: what a stop may lose')
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

    from eval.embeddings.extraction import run

    try:
        print(run(args))
    except SafetensorError as error:  # as on a full disk
        raise OSError(str(error)) from error


if __name__ == '__main__':
    sys.exit(main())
