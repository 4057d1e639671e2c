"""Fig. 3: the right triple, what is said about the choice, and marks on the right pictures."""

import numpy as np
import pytest
from PIL import Image

from eval import figure3
from eval.fig3.sheet import BOX, RIGHT, WRONG, ModelRow, draw_sheet, fit
from eval.figure3 import TRIPLE
from eval.triples import Features, find_triple
from ifd_zoo.datasets import DatasetError, Protocol, Record
from tests.trees import write_folder_tree

PHOTOS = [Image.new('RGB', (30, 60), (120, 120, 120))] * 3

QUERY = (Record('q1', 1, 0, 10), Record('q2', 2, 0, 20))
GALLERY = (
    Record('same outfit', 1, 1, 10),
    Record('same camera', 1, 0, 11),
    Record('one', 1, 1, 11),
    Record('two', 2, 1, 21),
    Record('three', 2, 2, 22),
    Record('stranger', 3, 1, 30),
)
PROTOCOL = Protocol('cc', 'cc', QUERY, GALLERY)


def features(*rows):
    """Features whose cosines to the queries are these rows of numbers."""
    return Features(np.eye(len(rows)), np.array(rows, dtype=float).T)


def slow_choice(protocol, baseline, ours):
    best = None
    for q, query in enumerate(protocol.query):
        values = [model.gallery @ model.query[q] for model in (baseline, ours)]
        strangers = [g for g, other in enumerate(protocol.gallery) if other.pid != query.pid]
        for p, other in enumerate(protocol.gallery):
            differs = other.camid != query.camid and other.clothes_id != query.clothes_id
            if other.pid == query.pid and differs and strangers:
                n = max(strangers, key=lambda g: (values[0][g], -g))
                clear = min(values[0][n] - values[0][p], values[1][p] - values[1][n])
                if best is None or clear > best[0]:
                    best = clear, (query, other, protocol.gallery[n])
    return best[1]


def test_the_triple_is_the_clearest_failure_of_the_baseline_that_ifd_gets_right():
    baseline = features([0.9, 0.9, 0.2, 0.1, 0.1, 0.5], [0.3, 0.1, 0.1, 0.2, 0.8, 0.9])
    ours = features([0.9, 0.9, 0.6, 0.1, 0.1, 0.4], [0.3, 0.1, 0.1, 0.8, 0.7, 0.2])
    # q1 with `one`: 0.3 and 0.2; q2 with `two`: 0.7 and 0.6; q2 with `three`: 0.1 and 0.5.
    choice = find_triple(PROTOCOL, baseline, ours)
    assert [one.path for one in choice.triple] == ['q2', 'two', 'stranger']
    assert 'chosen, not typical' in choice.remark
    assert 'Of all 3 triples' in choice.remark and 'gets 0.0 % right and IFD 100.0 %' in choice.remark
    assert 'IFD alone gets 3 right, the baseline alone 0' in choice.remark


def test_without_such_a_triple_the_remark_says_so():
    good = features([0.1, 0.1, 0.9, 0.1, 0.1, 0.2], [0.1, 0.1, 0.1, 0.9, 0.9, 0.2])
    bad = features([0.1, 0.1, 0.1, 0.1, 0.1, 0.2], [0.1, 0.1, 0.1, 0.1, 0.1, 0.2])
    choice = find_triple(PROTOCOL, good, bad)
    assert 'none has both' in choice.remark and 'chosen' not in choice.remark
    assert 'gets 100.0 % right and IFD 0.0 %' in choice.remark and 'the baseline alone 3' in choice.remark


def random_records(rng, count):
    people = rng.integers(0, 4, count)
    return tuple(Record(str(i), int(p), *map(int, rng.integers(0, 3, 2))) for i, p in enumerate(people))


def test_the_choice_is_that_of_a_slow_obvious_version():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        protocol = Protocol('cc', 'cc', random_records(rng, 6), random_records(rng, 30))
        # Few distinct values, so that there are ties.
        models = [Features(np.eye(6), rng.integers(0, 9, (30, 6)) / 10) for _ in range(2)]
        assert find_triple(protocol, *models).triple == slow_choice(protocol, *models)


def test_a_data_set_in_which_nobody_changes_is_refused():
    same = Protocol('cc', 'cc', QUERY[:1], GALLERY[:2])
    with pytest.raises(DatasetError, match='right match in other clothes'):
        find_triple(same, features([0, 0]), features([0, 0]))


def marks(sheet, colour):
    """(height, width) bool."""
    return (np.asarray(sheet) == colour).all(-1)


def rows(*similarities):
    heatmap = np.zeros((fit(PHOTOS[0]).height, fit(PHOTOS[0]).width), np.float32)
    return [ModelRow(f'net.{index}', [heatmap] * 3, pair) for index, pair in enumerate(similarities)]


def test_the_larger_similarity_is_green_at_the_positive_and_red_at_the_negative():
    photos = [fit(photo) for photo in PHOTOS]
    only_right, only_wrong, both = (
        draw_sheet(photos, rows(*pairs), 'caption') for pairs in ([(0.9, 0.1)], [(0.1, 0.9)], [(0.9, 0.1), (0.1, 0.9)])
    )
    assert marks(only_right, RIGHT).any() and not marks(only_right, WRONG).any()
    assert marks(only_wrong, WRONG).any() and not marks(only_wrong, RIGHT).any()
    (green_y, green_x), (red_y, red_x) = (np.nonzero(marks(both, colour)) for colour in (RIGHT, WRONG))
    assert green_x.max() < red_x.min() and green_y.max() < red_y.min()
    middle = both.width / 2
    assert green_x.min() > middle / 2


def test_equal_similarities_are_not_marked():
    sheet = draw_sheet([fit(photo) for photo in PHOTOS], rows((0.5, 0.5)), '')
    assert not marks(sheet, RIGHT).any() and not marks(sheet, WRONG).any()


def test_photos_of_any_shape_fit_and_long_captions_stay_inside():
    photos = [fit(Image.new('L', size)) for size in ((10, 2000), (2000, 10), (500, 400))]
    assert all(photo.width <= BOX[0] and photo.height <= BOX[1] and photo.mode == 'RGB' for photo in photos)
    heatmaps = [np.zeros((photo.height, photo.width)) for photo in photos]
    row = ModelRow('ifd_baseline_mobilenetv4_conv_small.synthetic', heatmaps, (0.2, 0.1))
    sheet = draw_sheet(photos, [row], 'word ' * 200)
    edges = np.asarray(sheet)[:, [0, 5, -5, -1]], np.asarray(sheet)[[0, 5, -5, -1]]
    assert all((edge == 255).all() for edge in edges)
    assert sheet.height > draw_sheet(photos, [row], 'word').height


def run(capsys, *flags):
    code = figure3.main([*map(str, flags)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'), train=1, test=3)


def test_three_files_become_a_picture(tree, tmp_path, capsys):
    files = ('query/0001/0/c0_0.jpg', 'gallery/0001/1/c2_1.jpg', 'gallery/0002/0/c1_1.jpg')
    flags = [part for name, file in zip(TRIPLE, files, strict=True) for part in (f'--{name}', tree / file)]
    output = tmp_path / 'new' / 'figure.png'
    code, out, err = run(capsys, *flags, '--device', 'cpu', '--output', output)
    assert (code, err) == (0, '')
    assert [line.split(':')[0] for line in out.splitlines()] == list(figure3.MODELS)
    with Image.open(output) as picture:
        assert picture.format == 'PNG' and picture.mode == 'RGB'
        assert sum(marks(picture, colour).any() for colour in (RIGHT, WRONG)) >= 1


def test_a_data_set_gives_the_same_picture_each_time_and_the_choice_is_printed(tree, tmp_path, capsys):
    output, runs = tmp_path / 'figure.png', []
    for masks in ('label-maps', 'label-maps', 'none'):
        flags = ('--root', tree, '--masks', masks, '--workers', 0, '--device', 'cpu', '--output', output)
        code, out, err = run(capsys, *flags)
        assert code == 0, err
        runs.append((out, output.read_bytes()))
        lines = out.splitlines()
        assert [line.split(': ')[0] for line in lines[:3]] == list(TRIPLE)
        people = [line.split('/')[1] for line in lines[:3]]
        assert people[0] == people[1] != people[2]
        assert lines[-1].startswith('This is the triple') and str(tree) not in out
    assert runs[0] == runs[1]


def test_what_cannot_be_used_is_named_in_one_line(tree, tmp_path, capsys):
    photo, output = tree / 'query/0001/0/c0_0.jpg', ('--device', 'cpu', '--output', tmp_path / 'figure.png')
    files = ('--anchor', photo, '--positive', photo, '--negative')
    alone = ('--root', tree, '--models', figure3.MODELS[0])
    for flags, message in (
        ((*files, tmp_path / 'none.jpg'), 'none.jpg: no such file'),
        ((*files, photo, '--masks', 'label-maps'), 'use --masks bundled'),
        ((*files, photo, '--models', 'nobody'), 'no trained model'),
        (('--root', tmp_path / 'nowhere'), 'no such folder'),
        (alone, 'one with and one without attention stream'),
        ((*files, photo, '--output', tmp_path), 'Is a directory'),
    ):
        code, out, err = run(capsys, *output, *flags)
        assert code == 2 and not out and err.startswith('error: ') and message in err
        assert err.count('\n') == 1 and not (tmp_path / 'figure.png').exists()


@pytest.mark.parametrize('flags', [(), ('--anchor', 'a.jpg'), ('--root', 'd', '--anchor', 'a.jpg')])
def test_three_files_or_a_data_set_must_be_given(flags, capsys):
    with pytest.raises(SystemExit):
        figure3.main([*flags, '--output', 'figure.png'])
    assert 'give --anchor, --positive and --negative, or --root' in capsys.readouterr().err
