"""`eval/parsing.py`: figures by hand, boundaries against a slow version, and the report from start to files."""

import json

import numpy as np
import pytest
from PIL import Image

from eval import parsing as script
from eval.parsers import views as parsing_views
from eval.parsers.figures import boundary_score, clothing_boundary, confusion, figures, mean_of
from ifd_zoo.labels import LABELS
from ifd_zoo.parsing.training_sources import BODY, CLOTHING_CO_PARSING, TARGETS, target_lookup
from tests.trees import write_folder_tree


def test_figures_by_hand():
    counts = np.zeros((len(TARGETS), len(LABELS)), np.int64)
    background, face, upper, coat = (LABELS.index(name) for name in ('background', 'face', 'upper', 'coat'))
    counts[background, background], counts[background, upper] = 80, 4
    counts[upper, upper], counts[upper, background] = 10, 6
    counts[TARGETS.index(BODY), face], counts[TARGETS.index(BODY), upper] = 7, 3
    counts[TARGETS.index(('coat', 'upper')), coat], counts[TARGETS.index(('coat', 'upper')), upper] = 1, 2
    result = figures(counts)
    assert result['classes'] == {'background': round(80 / 90, 4), 'upper': round(12 / 25, 4)}
    assert result['miou'] == pytest.approx((80 / 90 + 12 / 25) / 2, abs=1e-4)
    assert result['clothing'] == round(13 / 26, 4)
    assert result['skin'] == 0.7


def test_skin_is_measured_as_one_where_its_parts_are_known():
    counts = np.zeros((len(TARGETS), len(LABELS)), np.int64)
    face, arms, neck = (LABELS.index(name) for name in ('face', 'arms', 'neck'))
    counts[face, neck], counts[arms, arms], counts[arms, 0], counts[0, face] = 6, 3, 1, 2
    result = figures(counts)
    assert result['skin'] == 0.75 and result['classes']['face'] == 0
    assert 'skin' not in figures(np.eye(len(TARGETS), len(LABELS), dtype=np.int64) * [1, *[0] * (len(LABELS) - 1)])


def test_confusion_counts_pairs_of_target_and_label():
    label_map, targets = np.array([[0, 5], [5, 5]]), np.array([[0, 5], [20, 5]], np.uint8)
    counts = confusion(label_map, targets)
    assert counts.sum() == 4 and counts[0, 0] == 1 and counts[5, 5] == 2 and counts[20, 5] == 1


def slow_boundary_score(parsed, wanted, tolerance):
    def edge(mask):
        height, width = mask.shape
        return [
            (y, x) for y in range(height) for x in range(width) if mask[y, x] and any(
                0 <= y + dy < height and 0 <= x + dx < width and not mask[y + dy, x + dx]
                for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))
            )
        ]

    def share(some, others):
        near = [any(max(abs(y - v), abs(x - u)) <= tolerance for v, u in others) for y, x in some]
        return np.mean(near) if near else 0.0

    edges = edge(parsed), edge(wanted)
    precision, recall = share(*edges), share(*edges[::-1])
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize('tolerance', [1, 2])
def test_boundary_score_equals_the_slow_version(tolerance):
    rng = np.random.default_rng(0)
    for _ in range(5):
        coarse = [np.kron(rng.random((4, 3)) < 0.5, np.ones((4, 4), bool)) for _ in range(2)]
        got = boundary_score(coarse[0], np.roll(coarse[1], 1, 0), tolerance)
        assert got == pytest.approx(slow_boundary_score(coarse[0], np.roll(coarse[1], 1, 0), tolerance))


def test_boundaries_of_nothing_and_of_everything():
    nothing, square = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    square[3:6, 3:6] = True
    assert boundary_score(nothing, ~nothing, 1) is None
    assert boundary_score(nothing, square, 1) == 0 and boundary_score(square, square, 1) == 1
    assert mean_of([None, 0.5, 1.0]) == 0.75 and mean_of([None]) is None


def test_targets_that_leave_clothing_open_have_no_boundary_of_their_own():
    targets, label_map = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    targets[10:30, 10:30] = label_map[10:30, 10:30] = LABELS.index('coat')
    targets[2:8, 2:8] = target_lookup(['bracelet'])[0]
    for label in ('background', 'coat'):
        label_map[2:8, 2:8] = LABELS.index(label)
        assert clothing_boundary(label_map, targets) == 1
    targets[2:8, 2:8] = LABELS.index('hair')
    assert clothing_boundary(label_map, targets) < 0.9


def test_a_person_is_cropped_with_a_margin_of_its_height_on_each_side():
    image, targets = Image.new('RGB', (200, 300)), np.zeros((300, 200), np.uint8)
    image.paste((255, 0, 0), (60, 100, 90, 200))
    targets[100:200, 60:90] = 3
    crop, inside = parsing_views.crop_person((image, targets))
    assert crop.size == (42, 112) and inside.shape == (112, 42) and inside[6:106, 6:36].all() and inside.sum() == 9000
    assert (np.asarray(crop)[..., 0] == 255).sum() == 3000
    targets[:, 60:90] = 3
    assert parsing_views.crop_person((image, targets))[1].shape == (300, 66)
    assert parsing_views.crop_person((image, 0 * targets))[1].shape == (300, 200)
    crop, inside = parsing_views.VIEW_OF['low']((image, targets), (64, 32))
    assert crop.size == (32, 64) and inside.shape == (64, 32) and set(np.unique(inside)) == {0, 3}


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    """Photos 1, 2, 11 and 12 in the layout of Clothing Co-Parsing: a coat and trousers."""
    root, names = tmp_path_factory.mktemp('photos'), list(CLOTHING_CO_PARSING)
    for folder in ('photos', 'labels'):
        (root / folder).mkdir()
    label_map = np.zeros((90, 60), np.uint8)
    label_map[20:50, 20:40], label_map[50:80, 20:40] = names.index('coat'), names.index('jeans')
    for number in (1, 2, 11, 12):
        Image.fromarray(np.stack([label_map] * 3, 2) * 3).save(root / 'photos' / f'{number:04d}.jpg')
        Image.fromarray(label_map).save(root / 'labels' / f'{number:04d}.png')
    (root / 'label_names.txt').write_text(''.join(f'{index}\t{name}\n' for index, name in enumerate(names)))
    return root


def run(*flags):
    return script.main([*map(str, flags), '--device', 'cpu'])


def test_the_report_of_exact_maps_is_perfect(tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=1, test=2, views=2)
    flags = ['--data', 'folder', '--root', root, '--output', tmp_path / 'out', '--views', 'picture']
    assert run('--parser', f'labelmap:{root / "parsing"}', *flags) == 0
    report = json.loads((tmp_path / 'out' / 'figures.json').read_text())
    view = report['views']['picture']
    assert report['pictures'] == 8 and (view['miou'], view['clothing'], view['skin'], view['boundary']) == (1, 1, 1, 1)
    assert view['classes'] == {name: 1 for name in ('background', 'face', 'upper', 'lower')}
    text = capsys.readouterr().out
    assert text == (tmp_path / 'out' / 'figures.md').read_text()
    assert text.startswith('`labelmap:parsing` (labelmap_ifd:')
    assert '| picture | 100.0 | 100.0 | 100.0 | 100.0 |' in text
    with Image.open(tmp_path / 'out' / 'contact_sheet.jpg') as sheet:
        assert sheet.width > sheet.height > 500


def test_held_out_photos_are_measured_in_all_views(photos, tmp_path, capsys):
    assert run('--data', 'ccp', '--root', photos, '--output', tmp_path) == 0
    report = json.loads((tmp_path / 'figures.json').read_text())
    assert report['pictures'] == 2 and list(report['views']) == ['picture', 'crop', 'low']
    assert report['parser'] == 'bundled' and report['id'].startswith('tf_efficientnet_lite0:')
    for view in report['views'].values():
        assert set(view['classes']) == {'background', 'coat', 'lower'} and 'skin' not in view
        assert 0 <= view['clothing'] <= 1 and 0 <= view['boundary'] <= 1
    assert '| coat | ' in capsys.readouterr().out
    assert run('--data', 'ccp', '--root', photos, '--parser', 'none', '--all', '--limit', 3, '--views', 'crop') == 0
    text = capsys.readouterr().out
    assert '`none` (none) on 4 pictures' in text and '| crop | 0.0 | 0.0 |' in text


@pytest.mark.parametrize('flags, words', [
    (['--data', 'ccp', '--root', 'nowhere'], 'no photos NNNN.jpg'),
    (['--data', 'folder', '--root', 'nowhere'], 'no images'),
])  # fmt: skip
def test_what_is_wrong_is_named(flags, words, capsys):
    assert run(*flags) == 2
    assert words in capsys.readouterr().err


def test_photos_without_names_of_labels_or_without_held_out_ones_are_named(photos, capsys, tmp_path):
    for name in ('photos/0002.jpg', 'labels/0002.png'):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((photos / name).read_bytes())
    assert run('--data', 'ccp', '--root', tmp_path) == 2
    assert 'give --all' in capsys.readouterr().err
    assert run('--data', 'ccp', '--root', tmp_path, '--all') == 2
    assert 'label_names.txt: missing' in capsys.readouterr().err
    assert run('--data', 'ccp', '--root', photos, '--parser', 'segformer_b2_clothes') == 2
    assert 'non-commercial' in capsys.readouterr().err
