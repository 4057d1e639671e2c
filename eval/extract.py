"""Extract embeddings of a data set, or of any folder of images, into one file.

    python eval/extract.py --model NAME|DIR --data prcc --root DIR [--split train] [--masks bundled] --output FILE
    python eval/extract.py --model NAME|DIR --images DIR --masks bundled --output FILE [--crop] [--ray [ADDRESS]]

FILE is in safetensors format: `embeddings` (N, D) float32 of unit length, and for a data set `pid`, `camid` and
`clothes_id` (N,) int64. Its metadata, each value as JSON: `paths` (relative, one per row), `splits` (likewise),
`model`, `weights_sha256`, `masks`, `feature` (parts and weights), `flip`, `precision`, `data`, `split`, `crop` (only if
photos are cropped to the person), `unreadable` (images left out, and why) and `key` (a hash of all that decides the
content).

A stopped run can be resumed: finished embeddings are stored in FILE.unfinished until FILE is written. After that, a run
with the same images and flags does nothing. With `--ray`, the machines of a Ray cluster, which share the folder of
images, do the work; they write the same bytes as one process with as many threads.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.embeddings.selection import ALL
from ifd_zoo.common.cli import ArgumentParser, add_model_flags, entry_point, positive
from ifd_zoo.datasets.flags import add_data_flags

GROUP = 512
"""Images per write."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/extract.py', description='Embed images.')
    add_model_flags(parser, 'feature', 'flip', 'crop', 'ray', precision='auto')
    add_data_flags(parser, 'masks', 'batch-size', root=None)
    parser.add_argument('--images', type=Path, help='any folder of images, instead of a data set')
    parser.add_argument('--split', default=ALL, help='all, train, or a split of the data set such as query or "test A"')
    parser.add_argument('--output', required=True, type=Path, help='file that gets the embeddings')
    parser.add_argument('--group', type=positive, default=GROUP, help='images per write; a stop loses at most these')
    parser.add_argument('--on-error', choices=('stop', 'skip'), default='stop', help='if an image cannot be read')
    args = parser.parse_args(argv)
    if bool(args.root) == bool(args.images):
        parser.error('give either --root of a data set or --images')
    if args.images and args.split != ALL:
        parser.error('--images has no splits')
    return args


@entry_point('stopped; run the same command again to resume')
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
