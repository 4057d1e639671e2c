"""The measure of realism: pictures, figures, and the script from folders to table and JSON."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from eval import realism, realism_parser
from eval.choices import RealismSettings
from eval.realism_data import SPLITS, LowResolution, Photos, Renders, Roughened, geometry, list_renders, person_box
from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.sources import BODY, CLOTHING_CO_PARSING, TARGETS, SourceError
from tests.trees import draw_person, write_folder_tree

CLASSES = list(CLOTHING_CO_PARSING)
SMALL = ['--steps', '2', '--batch-size', '2', '--size', '64x32']


def write_photos(root, count=2):
    """Photos in the layout of Clothing Co-Parsing: people with a band of hair, skin, sweater and jeans each."""
    for folder in ('photos', 'labels'):
        (root / folder).mkdir(parents=True)
    for number in range(1, count + 1):
        pixels, _ = draw_person(number, 0, 0, size=(80, 60))
        label_map = np.zeros((80, 60), np.uint8)
        for band, name in enumerate(('hair', 'skin', 'sweater', 'jeans')):
            label_map[10 + 15 * band : 25 + 15 * band, 20:40] = CLASSES.index(name)
        Image.fromarray(pixels).save(root / 'photos' / f'{number:04d}.jpg')
        Image.fromarray(label_map).save(root / 'labels' / f'{number:04d}.png')
    (root / 'label_names.txt').write_text(''.join(f'{index}\t{name}\n' for index, name in enumerate(CLASSES)))
    return root


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('realism')
    write_folder_tree(root / 'rendered', train=3, test=1)
    write_photos(root / 'photos')
    return root


def counts_of(**rows):
    """Counts from `target_group=pixels`, the target a position's name or a joined set."""
    counts = np.zeros((len(TARGETS), len(realism_parser.GROUPS)), np.int64)
    for name, pixels in rows.items():
        target, group = name.rsplit('_', 1)
        counts[TARGETS.index(tuple(target.split('_'))), realism_parser.NAMES.index(group)] = pixels
    return counts


def test_groups_hold_every_label_once_and_each_label_knows_its_own():
    assert sorted(name for names in realism_parser.GROUPS.values() for name in names) == sorted(LABELS)
    groups = [realism_parser.GROUPS[realism_parser.NAMES[i]] for i in realism_parser.GROUP_OF]
    assert all(label in labels for label, labels in zip(LABELS, groups, strict=True))


def test_iou_of_a_group_by_hand():
    counts = counts_of(upper_clothing=10, coat_clothing=5, upper_background=3, background_clothing=2, hat_clothing=4)
    assert realism_parser.group_iou(counts, 'clothing') == round(15 / (18 + 6), 4)
    assert realism_parser.group_iou(counts, 'hair') == 0


def test_targets_of_several_labels_count_where_all_of_them_lie_in_the_group():
    counts = counts_of(coat_upper_clothing=6, coat_upper_hair=2, face_arms_legs_neck_skin=5)
    counts += counts_of(face_arms_legs_neck_clothing=1)
    assert realism_parser.group_iou(counts, 'clothing') == round(6 / 9, 4)
    assert realism_parser.group_iou(counts, 'skin') == round(5 / 6, 4)


def test_targets_that_leave_a_group_open_are_left_out():
    counts = counts_of(face_hair_hair=7, face_hair_skin=5, face_hair_clothing=3, hair_hair=4, upper_clothing=9)
    assert realism_parser.group_iou(counts, 'hair') == 1
    assert realism_parser.group_iou(counts, 'clothing') == round(9 / 12, 4)


def test_shares_of_what_pixels_were_parsed_as():
    shares = realism_parser.parsed_shares(counts_of(hair_hair=1, hair_background=2, hair_clothing=1), 'hair')
    assert shares == {'background': 0.5, 'hair': 0.25, 'skin': 0, 'clothing': 0.25, 'hat': 0}


@pytest.mark.parametrize('power', [0, 0.5, 1])
def test_rare_groups_weigh_more_and_a_pixel_weighs_one_on_average(power, tmp_path):
    maps = np.array([[0] * 12, [1] * 3 + [LABELS.index('arms')] * 9]).astype(np.uint8)
    pairs = [(tmp_path / 'no.jpg', tmp_path / f'{number}.png') for number in range(2)]
    for (_, path), label_map in zip(pairs, maps, strict=True):
        Image.fromarray(label_map[None]).save(path)
    weights = realism_parser.group_weights(pairs, power)
    background, hair, skin, *absent = weights.tolist()
    assert absent == [0, 0] and weights.dtype == torch.float32
    assert hair / background == pytest.approx(4**power) and skin / background == pytest.approx((12 / 9) ** power)
    assert (12 * background + 3 * hair + 9 * skin) / 24 == pytest.approx(1)


def test_renders_are_spread_evenly_over_all_splits(data):
    pairs = list_renders(data / 'rendered', 8)
    assert len(set(pairs)) == 8 and {pair[0].relative_to(data / 'rendered').parts[0] for pair in pairs} == set(SPLITS)
    assert len(list_renders(data / 'rendered', 1000)) == 24
    assert all(image.stem == label_map.stem for image, label_map in pairs)


def test_one_split_is_enough_and_none_is_an_error(tmp_path):
    write_folder_tree(tmp_path / 'train_only', train=1, test=0)
    assert len(list_renders(tmp_path / 'train_only', 100)) == 6
    with pytest.raises(SourceError, match='train, query, gallery in .*nowhere'):
        list_renders(tmp_path / 'nowhere', 100)


def test_render_and_its_map_are_augmented_to_the_size(data):
    torch.manual_seed(0)
    image, targets = Roughened(Renders(list_renders(data / 'rendered', 1)), (48, 24))[0]
    assert image.shape == (3, 48, 24) and image.dtype == torch.uint8
    assert targets.shape == (48, 24) and targets.dtype == torch.int64


def test_image_and_map_move_together():
    torch.manual_seed(0)
    targets = torch.zeros(90, 45, dtype=torch.uint8)
    targets[10:80, 10:30] = 5
    step = geometry((64, 32))
    for _ in range(10):
        white = (targets > 0).to(torch.uint8).expand(3, -1, -1) * 255
        image, moved = step(tv_tensors.Image(white), tv_tensors.Mask(targets))
        assert ((image[0] > 127) != (moved > 0)).float().mean() < 0.1


def test_all_of_the_person_stays_about_in_the_picture():
    torch.manual_seed(0)
    targets = torch.zeros(100, 50, dtype=torch.uint8)
    targets[20:80, 10:40] = 5
    step, shares = geometry((64, 32)), []
    for _ in range(50):
        _, moved = step(tv_tensors.Image(targets.expand(3, -1, -1)), tv_tensors.Mask(targets))
        assert not (moved[0].any() or moved[-1].any() or moved[:, 0].any() or moved[:, -1].any())
        shares.append((moved > 0).float().mean().item())
    assert 0.27 < min(shares) < 0.33 and 0.4 < max(shares) < 0.46


def test_low_resolution_loses_detail_and_keeps_size_and_type():
    before = tv_tensors.Image(torch.randint(256, (3, 40, 20), dtype=torch.uint8))
    image = LowResolution()(before)
    assert image.shape == (3, 40, 20) and image.dtype == torch.uint8
    assert image.float().std() < before.float().std()


@pytest.mark.parametrize(
    ('label_map', 'message'),
    [(np.full((64, 32), len(LABELS), np.uint8), 'holds 14'), (np.zeros((8, 8), np.uint8), 'is 64x32')],
)
def test_unusable_label_map_is_named(label_map, message, tmp_path):
    write_folder_tree(tmp_path, train=1, test=0)
    (pair,) = list_renders(tmp_path, 1)
    Image.fromarray(label_map).save(pair[1])
    with pytest.raises(SourceError, match=f'{pair[1].name} .*{message}'):
        Renders([pair])[0]


def test_person_box_has_a_margin_of_the_height_and_stays_in_the_image():
    label_map = np.zeros((200, 100), np.uint8)
    label_map[50:150, 2:40] = 3
    assert person_box(label_map) == (0, 44, 46, 156)
    with pytest.raises(ValueError, match='no pixel'):
        person_box(np.zeros((4, 4), np.uint8))


def test_photo_is_cropped_to_its_person(data):
    photos = Photos(data / 'photos', (64, 32))
    image, targets = photos[0]
    assert len(photos) == 2 and image.shape == (3, 64, 32)
    assert {TARGETS[value] for value in targets.unique()} == {
        ('background',), ('hair',), BODY, ('upper',), ('lower',)
    }  # fmt: skip
    assert (targets > 0).float().mean() > 0.6 and (targets[0] == 0).all() and (targets[:, 0] == 0).all()


def test_script_prints_a_table_and_writes_a_record(data, tmp_path, capsys):
    folders = ['--rendered', str(data / 'rendered'), '--photos', str(data / 'photos')]
    output = tmp_path / 'new' / 'realism.json'
    assert realism.main([*folders, *SMALL, '--images', '5', '--seed', '3', '--output', str(output)]) == 0
    printed, record = capsys.readouterr().out, json.loads(output.read_text())
    assert printed.startswith(' ') and '5 renders, 2 photos' in printed and len(printed.splitlines()) == 7
    assert set(record['iou']) == set(realism_parser.GROUPS) and all(0 <= value <= 1 for value in record['iou'].values())
    assert sum(record['parsed_as']['clothing'].values()) == pytest.approx(1, abs=1e-3)
    assert record['photos'] == ['0001', '0002'] and record['rendered'] == 5 and record['seconds']['training'] > 0
    assert record['settings']['seed'] == 3 and record['settings']['size'] == [64, 32]
    assert str(tmp_path) not in output.read_text()


def test_a_seed_gives_the_same_figures_again(data):
    settings = RealismSettings(steps=2, batch_size=2, size=(64, 32), images=4)
    first, second = (realism_parser.measure(data / 'rendered', data / 'photos', settings) for _ in range(2))
    assert first['iou'] == second['iou'] and first['parsed_as'] == second['parsed_as']


def test_missing_pictures_are_named_without_a_stack_trace(data, tmp_path, capsys):
    assert realism.main(['--rendered', str(tmp_path / 'nowhere'), '--photos', str(data / 'photos')]) == 2
    assert 'nowhere' in capsys.readouterr().err


@pytest.mark.parametrize('flag', [['--size', 'big'], ['--size', '0x4'], ['--steps', '0'], ['--images', 'all']])
def test_impossible_flags_stop_the_run_with_their_name(flag, capsys):
    with pytest.raises(SystemExit):
        realism.main(['--rendered', '.', '--photos', '.', *flag])
    assert flag[0] in capsys.readouterr().err
