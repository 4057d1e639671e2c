"""The measure of who is found in other clothes: views of photos, figures, and the script."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from eval import recoloured
from eval.photos import recoloured_ranks
from eval.photos.photo_views import KINDS, Photo, Photos, make_view, make_views
from eval.photos.recoloured_ranks import Entry, embed_views, figures, list_entries, rank_answers, share_backgrounds
from eval.reference_models import ImageNetFeatures, MaskedStream
from ifd_zoo.common.choices import FEATURES
from ifd_zoo.hub import list_bundled
from ifd_zoo.labels import LABELS
from ifd_zoo.parsing import load_parser
from tests.trees import draw_person

PEOPLE = 12


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return draw_people(tmp_path_factory.mktemp('recoloured'))


def draw_people(root):
    """Photos of blocks of colour: the head's is the person."""
    for number in range(1, PEOPLE + 1):
        pixels, label_map = draw_person(number, number, 0, (128, 64))
        for folder, array in (('photos', pixels), ('labels', label_map)):
            (root / folder).mkdir(exist_ok=True)
            Image.fromarray(array).save(root / folder / f'{number:04d}.png')
    return root


def block(person, ground):
    """A photo of a rectangle in the shape of a person."""
    pixels, label_map = np.full((512, 256, 3), ground, np.uint8), np.zeros((512, 256), np.uint8)
    pixels[63:457, 83:177] = person  # people who draw label maps go over the edge
    label_map[60:460, 80:180] = LABELS.index('dress')
    return Photo('block', Image.fromarray(pixels), label_map)


def flags(root, *more):
    return ['--photos', str(root / 'photos'), '--labels', str(root / 'labels'), '--masks', 'none', *more]


def views_of(data, seed):
    paths = sorted((data / 'photos').iterdir())
    photo, *others = Photos(data / 'photos', data / 'labels', None).load(paths[:5])
    return make_views(photo, others, seed)


def test_a_seed_fixes_every_byte_of_the_views(data):
    first, again, other = (
        [view.tobytes() for kind in KINDS for view in views_of(data, seed)[kind]] for seed in (0, 0, 1)
    )
    assert first == again and not set(first) & set(other)
    assert len(set(first)) == 6


def test_a_query_in_other_clothes_differs_by_its_clothes_alone(data):
    views = views_of(data, 0)
    for own, other in zip(views['same clothes'], views['recoloured'], strict=True):
        change = np.abs(np.asarray(own, int) - np.asarray(other, int)).max(2)
        rows, columns = np.nonzero(change > 40)
        assert rows.min() > 0.04 * own.height and columns.min() > 0 and columns.max() < own.width - 1
        assert (change > 40).mean() > 0.2 and (change == 0).mean() > 0.02


def test_outlines_are_bent_and_each_view_has_its_own():
    person, dark = block(person=255, ground=128), block(person=0, ground=0)
    masks = []
    for seed in range(6):
        mask = np.asarray(make_view(person, dark, np.random.default_rng(seed)).convert('L')) > 100
        rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        masks.append(np.asarray(Image.fromarray(mask).resize((32, 64))))
        assert 0.5 < mask.mean() < 0.98  # of a straight outline nothing would be missing
    assert min(np.mean(one != other) for one, other in zip(masks, masks[1:], strict=False)) > 0.01


def test_neither_the_old_background_nor_the_other_person_is_seen():
    magenta = np.array((255, 0, 255))
    person, other = block(person=90, ground=magenta), block(person=magenta, ground=90)
    for seed in range(4):
        view = np.asarray(make_view(person, other, np.random.default_rng(seed)), int)
        assert (view[..., [0, 2]].min(-1) - view[..., 1]).max() < 60


def test_backgrounds_come_from_other_photos_and_none_twice_before_all_have_come():
    chosen, rest = list('abc'), list('defghi')
    shared = share_backgrounds(chosen, rest, 2, 0)
    assert sorted(sum(shared, [])) == rest and share_backgrounds(chosen, rest, 2, 1) != shared
    alone = share_backgrounds(chosen, [], 2, 0)
    assert all(len(others) == 2 and own not in others for own, others in zip(chosen, alone, strict=True))


def look_at(top, bottom):
    """Embeddings by the chroma of some rows in the middle of a view."""

    def embed(views, maps):
        found = []
        for view in views:
            rows, middle = np.array((top, bottom)) * view.height, view.width // 2
            pixels = np.asarray(view, float)[round(rows[0]) : max(round(rows[1]), 1), middle - 2 : middle + 2]
            colour = pixels.mean((0, 1)) - pixels.mean()
            found.append(colour / np.linalg.norm(colour))
        return np.array(found, np.float32)

    return embed


def test_heads_find_people_in_other_clothes_and_clothes_do_not(data):
    paths = sorted((data / 'photos').iterdir())
    entries = [Entry('head', look_at(0.05, 0.07)), Entry('clothes', look_at(0.2, 0.4))]
    photos = Photos(data / 'photos', data / 'labels', load_parser('none'))
    found, _ = embed_views(photos, paths, share_backgrounds(paths, [], 4, 0), entries, seed=0)
    rank1 = {}
    for name, embeddings in found.items():
        assert embeddings.shape[:3] == (PEOPLE, len(KINDS), 2)
        gallery, *queries = embeddings.swapaxes(0, 1)
        rank1[name] = [figures(rank_answers(query, gallery))['rank1']['value'] for query in queries]
    assert rank1['head'][1] > rank1['clothes'][1] + 30
    assert rank1['clothes'][0] > rank1['clothes'][1] + 30


def test_figures_are_those_of_each_query_before_each_gallery():
    gallery = np.eye(4, dtype=np.float32)[:, None].repeat(2, 1)
    query = gallery.copy()
    query[0, 1] = query[1, 1]  # of one person the second view looks like somebody else
    ranks = rank_answers(query, gallery)
    assert ranks.tolist() == [[1, 1, 2, 2]] + 3 * [[1, 1, 1, 1]]
    found = figures(ranks)
    assert found['rank1']['value'] == 87.5 and found['rank10']['value'] == 100 and found['mAP']['value'] == 93.75
    assert found['rank1']['low'] < 87.5 < found['rank1']['high'] <= 100


def test_the_masked_stream_is_the_last_one_and_sees_nothing_else(ifd, baseline):
    image, masked = torch.rand(2, 2, 3, 64, 32)
    for model in (ifd, baseline):
        model.release_info = {'training': {'fill': 'mean', 'seed': 3}, 'figures': 1}
        with torch.inference_mode():
            stream = MaskedStream(model)
            alone = stream(image, masked).embedding
            assert torch.equal(alone, model.streams()[-1](masked).embedding)
            assert torch.equal(alone, stream(masked, masked).embedding)
            assert stream.release_info == {'training': {'fill': 'mean'}}


def test_imagenet_features_are_those_in_front_of_the_classifier(tmp_path):
    net = timm.create_model('resnet10t').eval()
    save_file(net.state_dict(), tmp_path / 'weights.safetensors')
    image = torch.rand(1, 3, 64, 32)
    with torch.inference_mode():
        features = ImageNetFeatures('resnet10t', tmp_path / 'weights.safetensors', (64, 32)).eval()(image).embedding
        assert torch.equal(features, net.forward_head(net.forward_features(image), pre_logits=True))


def test_a_bundled_model_has_an_entry_for_each_test_feature_that_it_can_give(data):
    names = [entry.name for entry in list_entries(recoloured.parse_args(flags(data)), load_parser('none'))]
    expected = []
    for model in list_bundled():
        single = model.startswith(('ifd_baseline_', 'ifd_student_'))
        features = [feature for feature in FEATURES if not (single and 'attention' in feature)]
        expected += [f'{model}, {feature}' for feature in (*features, 'masked stream')]
    assert names == [*expected, 'colour histogram']


def test_script_prints_and_writes_figures_of_every_entry(data, tmp_path, capsys):
    output, sheet = tmp_path / 'new' / 'figures.json', tmp_path / 'sheet.png'
    baseline, ifd = 'ifd_baseline_resnet10t.synthetic', 'ifd_resnet10t.synthetic'
    rows = ['--models', baseline, ifd, '--features', 'neck', 'pooled+attention', '--views', '1']
    assert recoloured.main(flags(data, *rows, '--json', str(output), '--sheet', str(sheet))) == 0
    record, printed = json.loads(output.read_text()), capsys.readouterr().out
    assert record['photos'] == [f'{number:04d}' for number in range(1, PEOPLE + 1)]
    entries = {baseline: ['neck', 'masked stream'], ifd: ['neck', 'pooled+attention', 'masked stream']}
    names = [f'{model}, {name}' for model, own in entries.items() for name in own]
    assert list(record['rows']) == [*names, 'colour histogram']
    for name, row in record['rows'].items():
        assert name in printed
        for kind in KINDS[1:]:
            ranks = np.array(row[kind]['ranks'])
            assert ranks.shape == (PEOPLE, 1) and row[kind]['rank1']['value'] == round(100 * (ranks == 1).mean(), 2)
    assert Image.open(sheet).width > 500


@pytest.mark.parametrize(
    ('spoil', 'more', 'named'),
    [
        (lambda root: (root / 'labels/0003.png').unlink(), [], '0003.png'),
        (lambda root: Image.new('L', (32, 64)).save(root / 'labels/0003.png'), [], '0003.png: 32 x 64 pixels'),
        (lambda root: Image.new('L', (64, 128)).save(root / 'labels/0003.png'), [], '0003.png: hardly any clothes'),
        (lambda root: (root / 'photos/0003.png').write_bytes(b'no picture'), [], '0003.png'),
        (lambda root: (root / 'photos/0003.png').rename(root / 'photos/x.png'), ['--ending', '1'],
         'x.png: its name is not a number'),
        (None, ['--ending', '1'], '2 photos are chosen'),
        (None, ['--select', '0001', '0099'], 'no photo 0099'),
        (None, ['--imagenet', 'nothing=here'], "no network 'nothing'"),
        (None, ['--imagenet', 'resnet10t=here'], 'here: cannot be read'),
        (None, ['--models', 'nobody'], "'nobody'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_before_anything_is_computed(spoil, more, named, tmp_path, capsys, monkeypatch):
    root = draw_people(tmp_path)
    if spoil:
        spoil(root)
    monkeypatch.setattr(recoloured_ranks, 'make_views', None)
    assert recoloured.main(flags(root, *more)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('error: ') and named in error
