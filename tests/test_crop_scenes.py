"""What `eval/crop.py` measures, on people whom a look at the colours finds."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from eval import crop
from eval.photos.crop_scenes import Scene, count_found, make_scene, rank_cc
from eval.photos.photo_views import Photo
from ifd_zoo.datasets import Record
from ifd_zoo.parsing.people import crop_box
from tests.scenes import ColourParser, full_scene, scene


def person():
    image = full_scene()
    return Photo('a', image, ColourParser().parse([image])[0])


def test_people_lie_where_their_boxes_say_before_the_background_of_another():
    nobody = Photo('b', scene(), np.zeros((240, 320), np.uint8))
    made = make_scene([person(), person()], nobody, np.random.default_rng(1))
    assert len(made.boxes) == 2 and made.boxes[0][2] <= made.boxes[1][0]
    seen = ColourParser().parse([made.image])[0] > 0
    inside = np.zeros_like(seen)
    for left, top, right, bottom in made.boxes:
        assert 0.2 < (bottom - top) / made.image.height < 0.85
        assert seen[top:bottom, left:right].mean() > 0.9
        inside[top:bottom, left:right] = True
    assert not seen[~inside].any()


def test_a_person_counts_once_and_other_boxes_are_counted_apart():
    image = Image.new('RGB', (640, 480))
    true = (100, 100, 150, 250)
    right, wrong = crop_box(true, image.size), (400, 100, 500, 300)
    found = count_found([Scene(image, [true]), Scene(image, [])], [[right, right, wrong], []])
    assert (found.right, found.people, found.others, found.photos) == (1, 1, 2, 2)
    assert found.line('x') == '| x | 2 | 1 | 100 | 1.00 |'


@pytest.fixture
def root(tmp_path):
    for number in range(12):
        split, view = ('query', 'gallery')[number % 4 > 0], number % 4
        relative = f'{split}/{number // 4:04d}/{int(view > 0)}/c{view}_{view}'
        shown = person()
        for folder, image, suffix in (
            (tmp_path, shown.image, 'jpg'), (tmp_path / 'parsing', Image.fromarray(shown.label_map), 'png')
        ):
            path = folder / f'{relative}.{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
    return tmp_path


@pytest.mark.parametrize(('missing', 'expected'), [([], '100.0 / 100.0'), ([0], '50.0 / 75.0'), ([2], '50.0 / 75.0')])
def test_who_is_not_found_is_ranked_last_and_finds_nobody_first(missing, expected):
    query = [Record(Path('q'), pid, 0, 2 * pid) for pid in (0, 1)]
    gallery = [Record(Path('g'), pid, 1, 2 * pid + 1) for pid in (0, 1)]
    colours = [(250, 5, 5), (5, 250, 5)] * 2
    images = [None if place in missing else Image.new('RGB', (4, 8), colour) for place, colour in enumerate(colours)]
    embedder = Mock()
    embedder.embed = lambda images: np.stack([np.asarray(image)[0, 0] / 250 for image in images]).astype(np.float32)
    assert rank_cc(embedder, images, query, gallery) == expected


def test_the_command_prints_boxes_and_ranks(root, capsys, monkeypatch):
    monkeypatch.setattr('ifd_zoo.predictor.load_parser', lambda *_: ColourParser())
    assert crop.main(['--root', str(root), '--people', '2', '--device', 'cpu', '--seed', '1']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith('| rendered, one person | 6 | 6 |')
    assert [line for line in lines if line.startswith('| rendered, nobody | 2 | 0 | - |')]
    assert '6 of 6 ready-made crops stay as they are.' in lines
    assert sum(line.startswith(('| ready', '| whole', '| photos,')) for line in lines) == 4
    assert crop.main(['--root', str(root), '--people', '9', '--device', 'cpu']) == 2
    assert 'only 3 people with label maps and other clothes' in capsys.readouterr().err
