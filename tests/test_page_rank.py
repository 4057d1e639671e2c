"""Ranking on the page, without a browser: queries, galleries, archives, labels, views, and what is refused."""

import csv
import re
import shutil
import zipfile
from pathlib import Path
from unittest.mock import Mock

import gradio as gr
import pytest

from ifd_zoo.common.choices import FAST_MODEL
from ifd_zoo.explain.overlays import VIEWS
from ifd_zoo.page.guard.upload_retention import UploadRetention
from ifd_zoo.page.tabs import change, masks
from ifd_zoo.page.tabs import rank_tab as page
from ifd_zoo.page.tabs.rank_layout import RESULTS
from ifd_zoo.page.tabs.rank_state import ABOVE, BELOW, MAX_SHOWN, OFF, DisplayOptions
from ifd_zoo.page.tabs.rank_views import offer_threshold
from ifd_zoo.uploads import collect_folder
from tests.page import BASELINE, GALLERY, IFD, QUERIES, items, make_shared, upload, uploads_folder
from tests.zips import write_zip


@pytest.fixture(scope='module')
def shared():
    return make_shared()


@pytest.fixture
def uploads(monkeypatch, tmp_path):
    return uploads_folder(monkeypatch, tmp_path)


def rank(shared, queries, gallery, archives=None, use_folder=False, model=IFD, **wishes):
    wanted = {'view': VIEWS[0], 'opacity': 0.5, 'top_k': 3, 'threshold': 0.0} | wishes
    values = page.rank(*shared, queries, gallery, archives, use_folder, model, **wanted)
    return dict(zip(RESULTS, values, strict=True))


def some(uploads, count=4):
    return items(*(upload(uploads, path) for path in GALLERY[:count]))


@pytest.fixture
def query(uploads):
    return items(upload(uploads, QUERIES[0]))


def zipped(uploads, **more):
    """A ZIP of three photos, as gradio hands it over, under a name of its own: what is unpacked is cached."""
    path = write_zip(uploads / 'a.zip', {path.name: path.read_bytes() for path in GALLERY[:3]} | more)
    return [{'path': str(path), 'orig_name': f'{uploads.name}.zip'}]


def unpacked(uploads):
    return {path for path in uploads.glob('gallery_*/*') if path.is_file()}


def test_several_queries_are_ranked_and_one_is_chosen_to_look_at(shared, uploads):
    queries = items(*(upload(uploads, path) for path in QUERIES[:2]))
    found = rank(shared, queries, some(uploads))
    (ranking,) = found['ranking']
    assert [query.name for query in ranking.queries] == [path.name for path in QUERIES[:2]]
    assert found['chosen'].visible and len(found['chosen'].choices) == 2
    second = page.redraw(*shared, [ranking], 1, 'photo', 0.5, 2, 0.0)
    assert len(second[1]) == 2
    assert second[3][0][1] == ranking.queries[1].ranking[0].name


@pytest.mark.parametrize('view', VIEWS)
def test_every_view_of_a_ranking_can_be_shown(shared, uploads, query, view):
    (ranking,) = rank(shared, query, some(uploads, 2))['ranking']
    _, pictures, *_ = page.redraw(*shared, [ranking], 0, view, 0.7, 2, 0.0)
    assert len(pictures) == 2
    assert len(ranking.heatmaps) == (2 if view == 'Grad-CAM' else 0)


def test_a_zip_is_a_gallery_and_its_files_go_with_the_uploads(shared, uploads, query, monkeypatch):
    keeping = Mock()
    monkeypatch.setattr(shared.sessions, 'keeping', keeping)
    found = rank(shared, query, None, zipped(uploads, **{'x.jpg': b'none'}))
    assert 'Ranked 3 photos' in found['status'] and 'Skipped 1 of 4' in found['status']
    given = {Path(path) for call in keeping.give.call_args_list for path in call.args[1]}
    assert given == {Path(found['csv']), Path(found['zip']), *(file.path for file in found['ranking'][0].files)}
    assert given >= unpacked(uploads) != set()


def test_a_zip_is_unpacked_once_as_long_as_its_files_are_there(shared, uploads, query):
    archive = zipped(uploads)
    first, second = (rank(shared, query, None, archive) for _ in range(2))
    assert second['ranking'][0].files == first['ranking'][0].files and len(unpacked(uploads)) == 3
    Path(first['ranking'][0].files[0].path).unlink()
    third = rank(shared, query, None, archive)
    assert 'Ranked 3 photos' in third['status'] and third['ranking'][0].files != first['ranking'][0].files


def test_nothing_is_unpacked_for_a_model_that_is_not_there(shared, uploads):
    photo, places = upload(uploads, QUERIES[0]), (None, zipped(uploads), False)
    parsed, edit = masks.to_editor(*shared, photo)[1], (['upper'], '#ff0000', 'plain', '#ff0000', 0.05, False)
    asked = [
        lambda: rank(shared, items(photo), *places, model='gone'),
        lambda: change.measure(*shared, photo, *edit, [IFD, 'gone'], *places),
        lambda: change.measure(*shared, photo, [], *edit[1:], [IFD], *places),
        lambda: masks.rank_again(*shared, parsed, shared.models.parse(*parsed)[1], 'gone', *places),
    ]
    for ask in asked:
        with pytest.raises(gr.Error, match='That model is not loaded here|Choose what to change'):
            ask()
    assert list(uploads.glob('gallery_*')) == []


def test_nothing_is_written_where_there_is_no_room(uploads, query, monkeypatch):
    shared = make_shared(keeping=UploadRetention(uploads, 3600, most_bytes=10_000_000))
    archive = zipped(uploads)
    assert 'Ranked 3 photos' in rank(shared, query, None, archive)['status']
    (uploads / 'of another').write_bytes(bytes(10_000_000))
    monkeypatch.setattr(shared.sessions.keeping, '_measured', 0)
    before = set(uploads.rglob('*'))
    for gallery, archives in ((some(uploads), None), (None, [{**archive[0], 'orig_name': 'anew.zip'}])):
        with pytest.raises(gr.Error, match='storage of this page is full'):
            rank(shared, query, gallery, archives)
    assert {path.name for path in set(uploads.rglob('*')) - before} <= {path.name for path in GALLERY}


@pytest.mark.parametrize('step', ['begin', 'take_gallery', 'get'])
def test_cancel_works_at_each_step_before_the_first_photo_and_the_next_search_works(uploads, query, monkeypatch, step):
    shared, gallery = make_shared(), some(uploads)
    place = {'begin': shared.sessions, 'take_gallery': page, 'get': shared.models}[step]
    take_step = getattr(place, step)

    def press_cancel(*values):
        found = take_step(*values)
        shared.sessions.stops.ask('')
        return found

    with monkeypatch.context() as patch:
        patch.setattr(place, step, press_cancel)
        with pytest.raises(gr.Error, match='Stopped'):
            rank(shared, query, gallery)
    assert 'Ranked 4 photos' in rank(shared, query, gallery)['status']


def test_a_part_of_the_gallery_is_searched_by_person_camera_and_time(shared, uploads, query):
    gallery = some(uploads, 20)
    person, camera = QUERIES[0].name.split('_')[1], GALLERY[0].stem[-1]
    for part, fits in (
        ({'persons': f'0{person[1:]}, 7'}, lambda name: name.startswith(f'{person}_')),
        ({'cameras': camera}, lambda name: name.endswith(f'_c{camera}.jpg')),
        ({'since': '2001-01-01', 'until': '9999-12-31T12:00'}, lambda name: True),
    ):
        names = [row[1] for row in rank(shared, query, gallery, **part)['table']]
        assert sorted(names) == sorted(path.name for path in GALLERY[:20] if fits(path.name))
    for part, message in (
        ({'until': '2001-01-01'}, 'No photo in the gallery matches these'),
        ({'since': 'now'}, 'Give times as 2026-05-31'), ({'since': '0001-01-01T00:00+12:00'}, 'Give times as'),
    ):  # fmt: skip
        with pytest.raises(gr.Error, match=message):
            rank(shared, query, gallery, **part)


def test_photos_of_the_folder_that_change_after_the_start_are_skipped_or_looked_at_again(uploads, query):
    folder = uploads / 'photos'
    folder.mkdir()
    deleted, damaged, exchanged, *_ = [Path(shutil.copy(path, folder)) for path in GALLERY[:5]]
    shared = make_shared(folder=collect_folder(folder))
    shared.models.use_index(shared.sessions.folder.files, uploads / 'index')
    with pytest.raises(gr.Error, match='gallery is empty'):
        rank(shared, query, None)
    before = rank(shared, query, None, use_folder=True, view='photo')
    assert 'Ranked 5 photos' in before['status'] and before['table'][0][2] != '1.0000'
    deleted.unlink()
    damaged.write_bytes(b'no picture')
    exchanged.write_bytes(QUERIES[0].read_bytes())
    with pytest.raises(gr.Error, match='replaced or deleted since the search; rank again'):
        page.redraw(*shared, before['ranking'], 0, 'photo', 0.5, 5, 0.0)
    after = rank(shared, query, None, use_folder=True, view='photo')
    assert 'Ranked 3 photos' in after['status'] and 'Skipped 2 of 5' in after['status']
    assert f'{deleted.name}: cannot be read' in after['status'] and f'{damaged.name}: is not a pic' in after['status']
    assert after['table'][0][1:3] == [exchanged.name, '1.0000']
    assert {deleted.name, damaged.name}.isdisjoint(row[1] for row in after['table'])


def test_names_with_labels_are_marked_right_or_wrong(shared, uploads, query):
    found = rank(shared, query, some(uploads, 20), top_k=MAX_SHOWN)
    person = QUERIES[0].name.split('_')[1]
    for _, name, _, _, said, _ in found['table']:
        assert said == ('\u2713 right' if name.startswith(f'{person}_') else '\u2717 wrong')
    right = [place for place, *_, said, _ in found['table'] if said == '\u2713 right']
    assert f'right at **ranks {", ".join(map(str, right))}**' in found['summary'] and len(right) == 3
    assert sum('right' in caption for _, caption in found['matches']) == 3


def test_the_threshold_divides_the_ranking(shared, uploads, query):
    found = rank(shared, query, some(uploads, 6))
    third, fourth = (one.similarity for one in found['ranking'][0].queries[0].ranking[2:4])
    rows = page.redraw(*shared, found['ranking'], 0, 'photo', 0.5, 6, (third + fourth) / 2)
    assert [row[3] for row in rows[3]] == [ABOVE] * 3 + [BELOW] * 3
    assert '**3 of 6**' in rows[2]
    assert ['below the threshold' in caption for _, caption in rows[1]] == [False] * 3 + [True] * 3


def test_captions_and_table_round_the_same_similarity(shared, uploads, query):
    found = rank(shared, query, some(uploads, 3))
    (one,) = found['ranking'][0].queries
    exact = (0.6209, 0.50951, -0.0836)
    one.ranking[:] = [match._replace(similarity=value) for match, value in zip(one.ranking, exact, strict=True)]
    rows = page.redraw(*shared, found['ranking'], 0, 'photo', 0.5, 3, 0.0)
    assert [caption.split()[1] for _, caption in rows[1]] == ['0.621', '0.510', '-0.084']
    assert [row[2] for row in rows[3]] == ['0.6209', '0.5095', '-0.0836']


def test_a_match_opens_beside_its_query(shared, uploads, query):
    rankings = rank(shared, query, some(uploads))['ranking']
    place, shown, text, bars = page.show_pair(*shared, rankings, 0, 1, 0, 'photo', 0.5, 3, 0.0)
    match = rankings[0].queries[0].ranking[1]
    assert place.visible and shown.label.endswith(match.name)
    assert IFD in text and f'{match.similarity:.3f}' in text and 'evidence' in text
    shares = rankings[0].pair(shared.models, DisplayOptions(), 1)[1]
    assert sum(shares.values()) == pytest.approx(1) and all(f'{100 * share:.0f} %' in bars for share in shares.values())
    with pytest.raises(gr.Error, match='There is no match 100'):
        page.show_pair(*shared, rankings, 0, 99, 0, 'photo', 0.5, 3, 0.0)
    with pytest.raises(gr.Error, match='rank again'):
        page.show_pair(*shared, rankings, 1, 0, 0, 'photo', 0.5, 3, 0.0)
    for place in (1, -1, 'x'):
        with pytest.raises(gr.Error, match='That query is not in this ranking'):
            page.redraw(*shared, rankings, place, 'photo', 0.5, 3, 0.0)


def test_a_name_that_a_spreadsheet_would_run_is_text_in_the_table(shared, uploads, query):
    names = ['=1+1.jpg', '+a.jpg', '-a.jpg', '@a.jpg', 'plain.jpg']
    gallery = [upload(uploads, path, name) for path, name in zip(GALLERY, names, strict=False)]
    found = rank(shared, query, items(*gallery))
    with zipfile.ZipFile(found['zip']) as archive:
        written = archive.read('ranking.csv')
    assert written == Path(found['csv']).read_bytes()
    rows = list(csv.reader(written.decode().splitlines()))[1:]
    assert {row[1] for row in rows} == {"'=1+1.jpg", "'+a.jpg", "'-a.jpg", "'@a.jpg", 'plain.jpg'}
    assert {row[1] for row in found['table']} == set(names)
    assert {row[4] for row in found['table']} == {''} and 'right' not in found['summary'], 'names have no labels'


def test_a_model_without_masks_is_suggested_for_a_large_gallery_if_there_is_one(shared, uploads, query, monkeypatch):
    gallery = some(uploads)

    def suggested(**given):
        return FAST_MODEL in rank(shared, query, gallery, **given)['status']

    monkeypatch.setattr(page, 'LARGE_GALLERY', 4)
    assert not suggested()
    monkeypatch.setitem(shared[0].sources, FAST_MODEL, FAST_MODEL)
    assert suggested() and not suggested(model=BASELINE)
    monkeypatch.setattr(page, 'LARGE_GALLERY', 5)
    assert not suggested()


def test_two_models_rank_the_same_photos_and_each_result_says_whose_it_is(shared, uploads, query):
    gallery = some(uploads)
    found = rank(shared, query, gallery, beside=BASELINE, view='photo')
    alone = rank(shared, query, gallery, model=BASELINE, view='photo')
    assert 'no attention stream' in alone['status']
    assert [caption for _, caption in alone['seen']] == ['photo', 'clothing']
    assert IFD in found['status'] and BASELINE in found['status']
    assert found['summary'].startswith(f'`{IFD}`') and found['other_summary'].startswith(f'`{BASELINE}`')
    assert [row[-1] for row in found['table']] == [IFD] * 4 + [BASELINE] * 4
    assert [row[:3] for row in found['table'][4:]] == [row[:3] for row in alone['table']]
    assert found['beside'].visible and len(found['others']) == 3
    assert not alone['beside'].visible and alone['others'] == []
    _, shown, text, _ = page.show_pair(*shared, found['ranking'], 1, 0, 0, 'photo', 0.5, 3, 0.0)
    assert BASELINE in text and shown.label.endswith(found['ranking'][1].queries[0].ranking[0].name)
    assert len(rank(shared, query, gallery, beside=IFD)['ranking']) == 1


def test_there_is_no_threshold_until_it_is_opened_and_then_few_wrong_pairs_reach_it(shared, uploads, query):
    found = rank(shared, query, some(uploads), threshold=OFF)
    assert {row[3] for row in found['table']} == {''} and 'similarity' not in found['summary']
    assert not any('threshold' in caption for _, caption in found['matches'])
    stranger = items(upload(uploads, GALLERY[0], 'unlabelled.jpg'))
    assert rank(shared, query, stranger, threshold=OFF)['summary'] == f'`{IFD}`', 'there is nothing to say of it'
    value, text = offer_threshold(shared.models, found['ranking'])
    count, pairs = map(int, re.search(r'(\d+) of (\d+) pairs of different people', text).groups())
    assert type(value) is float and 100 * count <= pairs and f'{value:.2f}' in text and IFD in text
    assert offer_threshold(shared.models, None)[0] == OFF


def test_what_is_missing_or_wrong_is_named(shared, uploads, query):
    for arguments, options, message in (
        ((None, some(uploads)), {}, 'no query photo'),
        ((query, None), {}, 'gallery is empty'),
        ((query * 21, some(uploads)), {}, 'too many at once'),
        ((query, some(uploads)), {'model': 'nobody'}, 'not loaded here'),
        ((query, some(uploads)), {'beside': 'nobody'}, 'not loaded here'),
        ((query, some(uploads)), {'view': 'x-ray'}, 'Choose what to show'),
    ):
        with pytest.raises(gr.Error, match=message):
            rank(shared, *arguments, **options)
    with pytest.raises(gr.Error, match='rank again'):
        page.redraw(*shared, None, 0, 'photo', 0.5, 3, 0.0)
