"""The other tabs without a browser: clothes are changed, masks corrected, models compared and loaded."""

import re

import gradio as gr
import numpy as np
import pytest
import torch
from fastapi import HTTPException
from gradio.data_classes import DataWithFiles
from PIL import Image

import app
from ifd_zoo.common.recent import Recent
from ifd_zoo.hub import LoadError, save_release
from ifd_zoo.hub.listing import catalogue
from ifd_zoo.labels import LABELS
from ifd_zoo.masks import class_mask
from ifd_zoo.page import endpoints, site
from ifd_zoo.page.models import MAX_MODELS
from ifd_zoo.page.opening.answers import example_triples, right_ranks
from ifd_zoo.page.tabs import change, compare, mask_editor, masks, models_tab, rank_tab
from ifd_zoo.page.tabs.edits import picked_colour
from ifd_zoo.page.tabs.hiding import hide
from tests.page import BASELINE, GALLERY, IFD, QUERIES, items, make_shared, upload, uploads_folder

PLAIN = (['upper'], '#102030', 'plain', '#ffffff', 0.05, False)


@pytest.fixture(scope='module')
def shared():
    return make_shared()


@pytest.fixture(scope='module')
def demo(shared):
    return site.build_demo(*shared)


@pytest.fixture
def uploads(monkeypatch, tmp_path):
    return uploads_folder(monkeypatch, tmp_path)


@pytest.fixture
def photo(uploads):
    return upload(uploads, QUERIES[0])


# Change clothes


def test_only_what_is_chosen_changes_its_colour(shared, photo):
    edited, found = change.recolour(*shared, photo, *PLAIN)
    before, after = np.asarray(Image.open(QUERIES[0]).convert('RGB')), np.asarray(edited)
    moved = (before != after).any(-1)
    middle = before.shape[0] // 2
    assert moved[: middle - 8].mean() > 0.8 and not moved[middle + 8 :].any()
    assert found == 'Found: upper, lower.'


    edited, found = change.recolour(*shared, photo, ['bag'], *PLAIN[1:])
    assert np.array_equal(np.asarray(edited), before) and 'the photo shows no bag' in found


def test_patterns_and_swaps_are_drawn(shared, photo):
    plain, striped, swapped = (
        np.asarray(change.recolour(*shared, photo, ['upper'], '#102030', pattern, '#ffffff', 0.1, swap)[0])
        for pattern, swap in (('plain', False), ('stripes', False), ('plain', True))
    )
    assert (plain != striped).any() and (plain != swapped).any()


def test_bad_edits_are_refused(shared, photo):
    for values, message in (
        (([], *PLAIN[1:]), 'Choose what to change'),
        ((['upper'], 'blue', *PLAIN[2:]), 'a colour is #rrggbb'),
        ((['upper'], '#102030', 'tartan', *PLAIN[3:]), 'pattern must be one of'),
        ((['face'], *PLAIN[1:]), 'classes must be one or more of'),
    ):
        with pytest.raises(gr.Error, match=message):
            change.recolour(*shared, photo, *values)
    with pytest.raises(gr.Error, match='no photo yet'):
        change.recolour(*shared, None, *PLAIN)


def test_colours_of_the_picker_are_read():
    assert picked_colour('rgba(255, 0.4, 16.0, 1)') == '#ff0010' and picked_colour('rgb(1,2,3)') == '#010203'
    assert picked_colour('#abcdef') == '#abcdef' and picked_colour('blue') == 'blue'
    assert picked_colour(f'rgb({"9" * 400},2,3)') == '#ff0203' and picked_colour('rgb(1.2.3,2,3)') == 'rgb(1.2.3,2,3)'


def test_both_models_are_measured_over_the_examples(shared, photo, uploads):
    own, fixed, numbers, tops, bars = change.measure(*shared, photo, *PLAIN, [IFD, BASELINE], None, None, False)
    assert own.value.startswith('<svg') and fixed.value.startswith('<svg') and own.visible
    assert 'Over 20 gallery photos' in numbers
    assert re.findall(r'<dt>(.*?)</dt>.*?width: ([\d.]+)%.*?(S = 0\.\d{3})<', bars)[0][0] == IFD
    assert max(re.findall(r'width: ([\d.]+)%', bars), key=float) == '100.0' and BASELINE in bars
    rows = tops.split('class="strip"')[1:]
    assert [IFD in row for row in rows] == [True, True, False, False]
    assert ['Before' in row for row in rows] == [True, False, True, False]
    gallery = items(*(upload(uploads, path) for path in GALLERY))
    ranking = rank_tab.rank(*shared, items(photo), gallery, None, False, IFD, 'photo', 0.5, 3, -1)
    before = [row[1] for row in ranking[5]]
    assert re.findall(r'Rank \d+: ([\w.]+)', rows[0]) == before[: len(re.findall('<li', rows[0]))]
    assert f'right at ranks <b>{", ".join(map(str, right_ranks(photo["orig_name"], before)))}</b>' in rows[0]
    assert all(f'by **{value}** with `{name}`' in numbers for name, value in zip(
        (IFD, BASELINE), re.findall(r'S = (0\.\d{3})<', bars), strict=True))
    with pytest.raises(gr.Error, match='Choose one to 3 models'):
        change.measure(*shared, photo, *PLAIN, [], None, None, False)


def test_gallery_photos_that_cannot_be_used_are_named_and_not_counted(shared, photo, uploads):
    gallery = items(*(upload(uploads, path) for path in GALLERY[:3]))
    # The second is a picture by its header, but its pixels are missing.
    for name, content in (('text.jpg', b'no picture'), ('cut.jpg', QUERIES[0].read_bytes()[:2000])):
        (uploads / name).write_bytes(content)
        gallery += items({'path': str(uploads / name), 'orig_name': name})
    _, _, numbers, *_ = change.measure(*shared, photo, *PLAIN, [IFD], gallery, None, False)
    _, parsed = masks.to_editor(*shared, photo)
    ranked, *_ = masks.rank_again(*shared, parsed, shared.models.parse(parsed.file)[1], IFD, gallery, None, False)
    assert 'Over 3 gallery photos' in numbers
    for text in (numbers, ranked):
        assert 'Skipped 2 of 5' in text and 'cut.jpg' in text and 'text.jpg' in text


# Compare


def test_two_models_are_compared_on_three_photos(shared, uploads):
    files = [upload(uploads, path) for path in example_triples()[0]]
    first, pictures, second, others, *evidence = compare.compare(*shared, *files, IFD, BASELINE)
    assert all(' %' in bars and 'background' in bars for bars in evidence)
    assert f'`{IFD}`' in first and f'`{BASELINE}`' in second
    assert len(pictures) == len(others) == 3 and pictures[0][1] == 'anchor'
    same = compare.compare(*shared, *files, IFD, IFD)
    assert same[0] == same[2] == first
    with pytest.raises(gr.Error, match='no same person, other clothes yet'):
        compare.compare(*shared, files[0], None, files[2], IFD, BASELINE)


# Masks


def painted(layer):
    return {'background': layer.convert('RGB'), 'layers': [layer], 'composite': None}


def test_a_mask_on_which_nothing_is_painted_is_the_parsers(shared, photo):
    editor, parsed = masks.to_editor(*shared, photo)
    assert editor['background'].size == Image.open(QUERIES[0]).size
    assert (masks.corrected_map(*shared, parsed, editor) == shared.models.parse(parsed.file)[1]).all()


def test_a_corrected_mask_is_ranked_with(shared, photo):
    editor, parsed = masks.to_editor(*shared, photo)
    strokes = Image.new('RGBA', editor['background'].size)
    strokes.paste((0, 0, 0, 255), (0, 0, strokes.width, strokes.height // 2))
    label_map = masks.corrected_map(*shared, parsed, painted(strokes))
    half = len(label_map) // 2
    assert (label_map[:half] == 0).all() and (label_map[half:] == shared.models.parse(parsed.file)[1][half:]).all()
    text, before, after, rows = masks.rank_again(*shared, parsed, label_map, IFD, None, None, False)
    assert 'You changed the class of' in text
    assert len(before) == len(after) == 3 and len(rows) == 10
    assert sorted(row[3] for row in rows) == list(range(1, 11))
    signs = {'\u2191': 1, '\u2193': -1, '=': 0}
    assert all(signs[row[0][0]] == np.sign(row[2] - row[3]) for row in rows)
    text, *_ = masks.rank_again(*shared, parsed, label_map, BASELINE, None, None, False)
    assert 'does not use the mask' in text


def test_a_part_of_the_photo_is_hidden_and_the_rest_stays(shared, photo):
    parsed = masks.to_editor(*shared, photo)[1]
    before, label_map = shared.models.parse(*parsed)
    clothing = class_mask(label_map)
    for part, hidden in (('clothes', clothing), ('background', label_map == 0)):
        after = np.asarray(hide(before, label_map, part))
        assert (after[~hidden] == np.asarray(before)[~hidden]).all() and len(np.unique(after[hidden], axis=0)) == 1
        text, _, pictures, rows = masks.rank_hidden(*shared, part, parsed, BASELINE, None, None, False)
        for said in (f'the **{part}** (', f'Hidden from `{BASELINE}`', 'right matches were at **'):
            assert said in text
        drawn = np.asarray(pictures[0][0]).astype(int)
        assert abs(drawn[hidden] - after[hidden]).mean() < 6 and any(row[0] != '=' for row in rows)
    with pytest.raises(gr.Error, match='shows no face'):
        masks.rank_hidden(*shared, 'face', parsed, IFD, None, None, False)
    with pytest.raises(ValueError, match='nothing but background'):
        hide(before, np.zeros_like(label_map), 'background')


def test_masks_that_are_missing_are_refused(shared, photo):
    for ask, values in (
        (masks.corrected_map, (None, painted(Image.new('RGBA', (8, 8))))),
        (masks.corrected_map, (masks.to_editor(*shared, photo)[1], None)),
        (masks.rank_again, (None, None, IFD, None, None, False)),
        (masks.rank_hidden, ('clothes', None, IFD, None, None, False)),
    ):
        with pytest.raises(gr.Error, match='no mask to rank with'):
            ask(*shared, *values)
    assert masks.to_editor(*shared, None) == (None, None)


def test_an_editor_takes_its_own_pictures_and_nothing_larger_and_keeps_the_latest(demo):
    editor = next(one for one in demo.blocks.values() if isinstance(one, gr.ImageEditor))
    assert editor.accept_blobs._is_server_fn and isinstance(editor.blob_storage, Recent)

    def send(index, content, kind='layer'):
        data = {'type': kind, 'index': index, 'id': 'x'}
        return editor.accept_blobs(DataWithFiles(data=data, files=[('blob', content)]))

    send('0', b'layer')
    send('null', b'composite', 'composite')
    painted = editor.blob_storage['x']
    assert (painted.layers, painted.composite) == ([b'layer'], b'composite')
    for index, content in (('2000000000', b''), ('1', b''), ('-1', b''), ('0', b' ' * (mask_editor.PAINTED_BYTES + 1))):
        with pytest.raises(HTTPException) as refused:
            send(index, content)
        assert refused.value.status_code == 413
    assert editor.blob_storage['x'].layers == [b'layer']


def test_what_visitors_paint_and_leave_does_not_pile_up():
    recent = mask_editor.mask_editor().blob_storage
    for number in range(1000):
        recent[str(number)] = number
    assert list(recent.values()) == list(range(1000 - mask_editor.PAINTINGS, 1000))


# Models


def test_another_model_is_loaded_and_listed(tmp_path, uploads):
    shared = make_shared()
    torch.manual_seed(1)
    save_release(shared.models.get(IFD).model, tmp_path / 'mine', 'test', {'input_size': [3, 64, 32]})
    assert 'Loaded' in models_tab.load(*shared, f' {tmp_path / "mine"} ')
    assert shared.models.names == [IFD, BASELINE, 'mine']
    own, other, beside = ([name for _, name in one['choices']] for one in models_tab.choices(shared.models, 2))
    assert own == other == shared.models.names and beside == ['', *own]
    assert shared.models.get('mine').embed([QUERIES[0]]).shape == (1, 512)


def test_releases_in_folders_of_one_name_are_two_models(tmp_path):
    shared = make_shared()
    for run, name in (('a', IFD), ('b', BASELINE)):
        save_release(shared.models.get(name).model, tmp_path / run / 'release', 'test', {'input_size': [3, 64, 32]})
    first, second = (shared.models.add(str(tmp_path / run / 'release')) for run in 'ab')
    assert (first, second) == ('release', 'b/release') == (*shared.models.names[2:],)
    assert shared.models.add(f'{tmp_path}/b/../b/release/') == second and len(shared.models.names) == 4
    assert shared.models.get(first).model.needs_mask and not shared.models.get(second).model.needs_mask


def test_a_folder_named_like_a_bundled_model_is_not_taken_for_it(tmp_path):
    bundled = 'ifd_resnet10t.synthetic'
    sources = site._sources(str(tmp_path / bundled))
    assert list(sources.items())[0] == (f'{tmp_path.name}/{bundled}', str(tmp_path / bundled))
    assert sources[bundled] == bundled
    assert list(site._sources(bundled))[0] == bundled


def test_what_can_be_loaded_comes_first_and_the_rest_with_its_command(monkeypatch):
    monkeypatch.setattr(models_tab, 'whole_catalogue', lambda: catalogue('*resnet10t*'))
    ready, others = models_tab.table().split('<details>')
    entries = models_tab.whole_catalogue()
    for entry in entries:
        there = entry.where != 'not published'
        assert (f'data-name="{entry.name}"' in ready) == there
        assert (f'<b>{entry.name}</b>' in others) != there
        assert there or f'<code>{entry.command}</code>' in others
    assert any(entry.where == 'bundled' for entry in entries)
    assert '>54.9 / 40.6 on synthetic-v4<' in ready and '>13.8 / 11.2 on synthetic-v1<' in ready


def test_a_load_that_fails_leaves_the_others_working(tmp_path):
    shared = make_shared()
    (tmp_path / 'broken').mkdir()
    (tmp_path / 'broken' / 'config.json').write_text('{')
    for source in ('no_such_model', str(tmp_path / 'broken'), '   ', '', None):
        with pytest.raises(gr.Error):
            models_tab.load(*shared, source)
    assert shared.models.names == [IFD, BASELINE]
    assert shared.models.get(IFD).embed([QUERIES[0]]).shape == (1, 512)


def test_a_refused_folder_is_not_said_to_be_there_or_not(tmp_path, monkeypatch):
    shared = make_shared()
    (tmp_path / 'config.json').write_text('{}')
    (tmp_path / 'secret').mkdir()
    there = [tmp_path, tmp_path / 'secret', tmp_path / 'config.json', '/', '/proc/self/mem', '/proc/self/cwd', '~']
    absent = ['/nowhere', '~nobody/x', 'x' * 300, '\0', '../nowhere.safetensors']
    messages = set()
    for source in map(str, [*there, *absent]):
        with pytest.raises(gr.Error) as refused:
            models_tab.load(*shared, source)
        messages.add(str(refused.value))
    assert len(messages) == 1 and 'the folder of a release (with config.json and model.safetensors)' in messages.pop()
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    with pytest.raises(gr.Error) as refused:
        models_tab.load(*shared, 'hf-hub:nobody/nothing')
    assert 'nobody/nothing' in str(refused.value) and models_tab.HF_HUB_CACHE not in str(refused.value)


def test_a_page_for_anybody_loads_names_of_the_zoo_only(tmp_path):
    shared = make_shared(guarded=True)
    for source in (str(tmp_path), 'hf-hub:someone/something', '/etc'):
        with pytest.raises(LoadError, match='only models named in the table'):
            shared.models.add(source)
    assert shared.models.add('ifd_resnet10t.synthetic') == 'ifd_resnet10t.synthetic'


def test_there_is_an_end_to_the_models_in_memory():
    shared = make_shared()
    shared.models.sources |= {str(number): 'unused' for number in range(MAX_MODELS)}
    with pytest.raises(LoadError, match='restart it'):
        shared.models.add('ifd_resnet10t.synthetic')


def test_photos_are_parsed_once(photo):
    fresh, calls = make_shared(), []
    parse = fresh.models.parser.parse
    fresh.models.parser.parse = lambda images: calls.append(len(images)) or parse(images)
    file = masks.one_photo(photo, 'photo')
    assert fresh.models.parse(file)[1] is fresh.models.parse(file)[1]
    assert calls == [1]


# Endpoints


def test_embeddings_are_lists_of_numbers(shared, photo, uploads):
    rows = endpoints.embed(*shared, [photo, photo], IFD)
    assert len(rows) == 2 and len(rows[0]) == 512
    expected = shared.models.get(IFD).embed([QUERIES[0]])[0]
    assert np.allclose(rows[0], expected, atol=1e-6)
    for photos, message in (([], 'list of files'), (None, 'list of files'), ([photo] * 257, 'too many at once')):
        with pytest.raises(gr.Error, match=message):
            endpoints.embed(*shared, photos, IFD)


def test_only_the_named_endpoints_are_public(demo):
    info = demo.get_api_info()
    assert set(info['named_endpoints']) == {'/rank', '/compare', '/recolour', '/embed', '/models'}
    assert not info['unnamed_endpoints']
    for endpoint in info['named_endpoints'].values():
        assert endpoint['description'].endswith('.') and 'partial' not in endpoint['description']
        assert all(parameter['type'] for parameter in endpoint['parameters'])


def test_tables_of_file_names_are_not_copied_as_they_are(demo):
    tables = [block for block in demo.blocks.values() if isinstance(block, gr.Dataframe)]
    named = [table for table in tables if 'File' in table.headers]
    assert len(named) == 2 and all(table.buttons == ['fullscreen'] for table in named)


def test_classes_that_can_be_changed_are_classes_of_the_parser():
    assert set(change.CLASSES) <= set(LABELS)


# The start


def test_other_machines_are_let_in_only_when_it_is_said_who(capsys, monkeypatch):
    monkeypatch.delenv('SPACE_ID', raising=False)
    for host in ('0.0.0.0', '::', '192.168.1.5', 'example.org'):
        assert app.main(['--host', host]) == 2
        assert '--auth USER:PASSWORD, or --public' in capsys.readouterr().err
        for flag in (['--public'], ['--auth', 'me:secret']):
            assert app._refusal(app.parse_args(['--host', host, *flag])) is None
    for host in ('127.0.0.1', 'localhost', '::1'):
        assert app._refusal(app.parse_args(['--host', host])) is None
    monkeypatch.setenv('SPACE_ID', 'someone/ifd')
    assert app._refusal(app.parse_args(['--host', '0.0.0.0'])) is None


def test_the_password_has_two_parts_and_comes_from_a_flag_a_file_or_the_environment(capsys, monkeypatch, tmp_path):
    file = tmp_path / 'secret'
    file.write_text('me:pass: word\n')
    monkeypatch.setenv(app.AUTH, 'you:other')
    given = ([], 'you:other'), (['--auth', 'a:b'], 'a:b'), (['--auth-file', str(file)], 'me:pass: word')
    for flags, expected in given:
        assert app._read_auth(app.parse_args(flags)) == expected
    monkeypatch.delenv(app.AUTH)
    assert app._read_auth(app.parse_args([])) is None
    for auth in ('me', 'me:', ':secret', ''):
        assert app.main(['--auth', auth]) == 2
        assert '--auth must be USER:PASSWORD' in capsys.readouterr().err
    for content in (b'', b'me', b'\xff:\xff'):
        file.write_bytes(content)
        assert app.main(['--auth-file', str(file)]) == 2
        assert '--auth' in capsys.readouterr().err
    assert app.main(['--auth-file', str(tmp_path / 'absent')]) == 2 and 'absent' in capsys.readouterr().err
    monkeypatch.setenv(app.AUTH, '')  # a secret that was not set must not open the page
    assert app.main([]) == 2 and app.AUTH in capsys.readouterr().err


def test_a_gallery_folder_that_is_missing_or_empty_ends_with_code_2(tmp_path, capsys):
    assert app.main(['--gallery', str(tmp_path / 'none')]) == 2
    assert 'no such folder' in capsys.readouterr().err
    assert app.main(['--gallery', str(tmp_path)]) == 2
    assert 'contains no usable images' in capsys.readouterr().err
