"""The app with the model and the parser that come with the package: in a real browser, and by the lines of the README.

Pictures of every tab are kept in the folder that the environment variable IFD_SCREENSHOTS names, if it does.
"""

import csv
import io
import os
import re
import shutil
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from axe_playwright_python.sync_playwright import Axe
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.common.choices import DEFAULT_MODEL
from ifd_zoo.hub import save_release
from ifd_zoo.page import texts
from ifd_zoo.page.opening import answers
from ifd_zoo.page.tabs import why_match
from ifd_zoo.page.tabs.sensitivity import TOP_SHOWN
from tests.browser import ROOT, App, act_until, browser_or_skip, open_browser, open_page
from tests.client import connect
from tests.clips import write_clip
from tests.hostile import BAD
from tests.page import GALLERY, QUERIES
from tests.screenshots import open_tab
from tests.zips import write_zip

PHONE, DESKTOP = (390, 850), (1280, 850)
BARS = '''all => all.map(one => {
    const box = one.getBoundingClientRect();
    return [box.x, box.width / parseFloat(one.style.width)];
})'''
TABS = ('Rank', 'Change clothes', 'Compare', 'Masks', 'Models')
README = (ROOT / 'ifd_zoo' / 'page' / 'README.md').read_text()
README_LINES = dict(re.findall(r'```python\n# (/\w+)\n(.*?)```', README, re.DOTALL))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    running = App(tmp_path_factory.mktemp('app'))
    yield running
    running.stop()


@pytest.fixture(scope='module')
def browser():
    with open_browser(browser_or_skip()) as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    with open_page(browser, server.url) as page:
        yield page


@pytest.fixture(scope='module')
def results(browser, server):
    """A phone's page with results in the tabs that have some, each of which came into sight. Tests only look at it."""
    with open_page(browser, server.url, PHONE, 'dark') as page:
        search_example(page)
        act_until(page, lambda: page.click('#matches .gallery-item >> nth=1'), '#pair img')
        page.click('text=Threshold: how similar is similar enough?')
        page.wait_for_selector('#summary :text("have a similarity of")')
        open_tab(page, 'Change clothes')
        page.click('#change_examples button >> nth=1')
        page.wait_for_selector('#edited img')
        before = page.get_attribute('#edited img', 'src')
        page.click('#change_pattern label >> nth=1')
        page.wait_for_function("src => document.querySelector('#edited img').src !== src", arg=before)
        page.click('#measure')
        page.wait_for_selector('#fixed_chart svg')
        assert is_in_sight(page, '#tops')
        open_tab(page, 'Compare')
        page.click('#compare_examples button >> nth=-1')
        page.wait_for_selector('#cam_second .gallery-item:nth-child(3) img')
        assert is_in_sight(page, '#verdict_first')
        yield page
        assert not page.errors
        assert_healthy(server)


def shoot(page, name):
    """Keeps a picture of the whole page, if anybody asks for it."""
    if folder := os.environ.get('IFD_SCREENSHOTS'):
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / f'{name}.png', full_page=True)


def resize(page, size):
    page.set_viewport_size({'width': size[0], 'height': size[1]})


def wait_for_result(page, text):
    page.wait_for_function("text => document.querySelector('#status').innerText.includes(text)", arg=text)


def upload(page, query, gallery):
    page.set_input_files('#query input[type=file]', query)
    page.wait_for_selector('#query .gallery-item')
    page.set_input_files('#gallery input[type=file]', gallery)
    page.wait_for_selector(f'#gallery .gallery-item:nth-child({len(gallery)})')


def search_example(page):
    """One click fills the form and ranks, and the results come into sight."""
    page.click('#examples button >> nth=0')
    wait_for_result(page, f'Ranked {len(GALLERY)} photos')
    page.wait_for_selector('#matches .gallery-item:nth-child(8) img')
    assert is_in_sight(page, '#status')


def is_in_sight(page, selector):
    """Whether the top of it is, at the end of a smooth way there."""
    page.wait_for_timeout(1000)
    return page.evaluate("""name => {
        const top = document.querySelector(name).getBoundingClientRect().top;
        return top > -5 && top < innerHeight;
    }""", selector)


def assert_healthy(server):
    assert server.serves()
    assert 'Traceback' not in server.log()


def test_the_page_opens_with_an_answered_example_and_leads_to_ones_own_photos(browser, server):
    known = answers.read_answers()
    query = answers.most_different_query(known)
    ranks = [', '.join(map(str, answers.right_ranks(query, one))) for one in known.rankings[query]]
    with open_page(browser, server.url, ready='#first li img') as page:
        for size, name in ((DESKTOP, 'desktop'), (PHONE, 'phone')):
            resize(page, size)
            page.evaluate('scrollTo(0, 0)')
            shoot(page, f'first_{name}')
            assert page.locator('.first-ranks b').all_inner_texts() == ranks
            shapes = page.eval_on_selector_all(
                '.first-row img', 'all => all.map(one => [one.complete && one.naturalWidth > 0, one.clientHeight])')
            assert all(there and height > 60 for there, height in shapes)
            assert ' '.join(texts.KEPT.split()) in page.inner_text('#first_next')
            page.click('#try')
            assert is_in_sight(page, '#query') and not page.errors


def test_thumbnails_have_their_shape_before_their_pictures_come(page):
    page.route('**/*.jpg', lambda route: None)  # never answered
    page.reload()
    page.wait_for_selector('#examples button')
    heights = page.eval_on_selector_all('#examples button', 'all => all.map(one => one.clientHeight)')
    assert heights and min(heights) > 60


def test_the_models_that_come_with_the_page_rank_an_example_and_a_click_on_a_match_opens_the_pair(page, server):
    search_example(page)
    assert page.locator('#gallery .gallery-item').count() == len(GALLERY)
    assert [url for url in page.requested if not url.startswith((server.url, 'data:', 'blob:'))] == []
    assert 'attention' in page.inner_text('#seen')
    assert page.locator('#matches .gallery-item').count() == 8
    assert page.locator('#others .gallery-item img').count() == 8, 'an example is ranked by both models'
    before = page.get_attribute('#matches .gallery-item img', 'src')
    page.click('#view label >> nth=1')
    page.wait_for_function("src => document.querySelector('#matches .gallery-item img').src !== src", arg=before)
    act_until(page, lambda: page.click('#matches .gallery-item >> nth=1'), '#pair img')
    assert '#2' in page.inner_text('#pair') and 'ifd_resnet10t' in page.inner_text('#because')
    assert page.locator('#evidence dt').all_inner_texts() == list(why_match.NAMES.values())
    act_until(page, lambda: page.click('#others .gallery-item >> nth=0'), '#because :text("baseline")')
    page.click('#model label >> nth=1')
    assert page.locator('#results.stale').count(), 'results of another model than the chosen one look like its own'
    page.click('#run')
    wait_for_result(page, 'no attention stream')
    assert not page.errors
    assert_healthy(server)


def test_photos_are_uploaded_and_ranked_and_the_table_downloaded(page, server, tmp_path):
    upload(page, QUERIES[1], GALLERY[:6])
    page.click('#run')
    wait_for_result(page, 'Ranked 6 photos')
    page.wait_for_selector('#matches .gallery-item:nth-child(6) img')
    assert 'attention' in page.inner_text('#seen')
    assert page.evaluate("document.querySelector('#seen .gallery-item:nth-child(2) img').naturalWidth") > 0
    assert GALLERY[0].name in page.inner_text('#table')
    with page.expect_download() as download:
        page.click('#csv')
    download.value.save_as(tmp_path / 'ranking.csv')
    rows = list(csv.reader((tmp_path / 'ranking.csv').open(newline='')))
    assert rows[0] == ['rank', 'file', 'similarity', 'threshold', 'label', 'model'] and len(rows) == 7
    assert not page.errors
    assert_healthy(server)


def test_bad_uploads_are_named_and_the_next_search_works(page, server, tmp_path):
    for name in ('text.jpg', 'empty.jpg', 'cut.jpg'):
        (tmp_path / name).write_bytes(BAD[name][0])
    nasty = tmp_path / "<img src=x onerror='document.title=1'>.jpg"
    nasty.write_bytes(b'no picture')
    page.click('#run')
    page.wait_for_selector('text=There is no query photo yet')
    upload(page, tmp_path / 'cut.jpg', [GALLERY[0], tmp_path / 'text.jpg', tmp_path / 'empty.jpg', nasty])
    page.click('#run')
    page.wait_for_selector('text=cut.jpg: is damaged or incomplete')
    page.click('#query button[aria-label="Clear"]')
    page.set_input_files('#query input[type=file]', QUERIES[0])
    page.wait_for_selector('#query .gallery-item')
    page.click('#run')
    wait_for_result(page, 'Skipped 3 of 4')
    assert 'text.jpg: is not a picture' in page.inner_text('#status')
    assert page.locator('#matches .gallery-item').count() == 1
    assert page.title() == f'IFD: {texts.TITLE}'
    assert 'Traceback' not in page.content()
    assert_healthy(server)


def test_clothes_are_changed_and_models_compared(results):
    open_tab(results, 'Change clothes')
    assert 'Found' in results.inner_text('#found') and 'S = ' in results.inner_text('#sensitivities')
    for size in (PHONE, DESKTOP):
        resize(results, size)
        bars = results.eval_on_selector_all('#sensitivities dd span', BARS)
        assert len(bars) == 2 and bars[0] == pytest.approx(bars[1], rel=0.01), 'start, pixels per percent'
    assert results.locator('#tops img').count() == 4 * TOP_SHOWN
    open_tab(results, 'Compare')
    assert 'margin' in results.inner_text('#verdict_first') and 'margin' in results.inner_text('#verdict_second')


def test_a_zip_is_uploaded_and_ranked(page, server, tmp_path):
    path = write_zip(tmp_path / 'gallery.zip', {path.name: path.read_bytes() for path in GALLERY[:3]})
    page.set_input_files('#query input[type=file]', QUERIES[0])
    page.wait_for_selector('#query .gallery-item')
    page.click('text=A gallery as ZIP')
    upload = partial(page.set_input_files, '#archives input[type=file]', path)
    act_until(page, upload, '#archives :text("gallery.zip")')
    page.click('#run')
    wait_for_result(page, 'Ranked 3 photos')
    assert_healthy(server)


def test_a_photo_of_the_webcam_is_searched_in_a_video(page, tmp_path):
    clip = write_clip(tmp_path / 'yard.mp4', 3)
    page.click('#query button[aria-label="Capture from camera"]')
    page.get_by_text('Click to Access Webcam').click()
    # Before the first frame has come the button takes no picture.
    page.wait_for_function("document.querySelector('#query video')?.videoWidth > 0")
    page.click('#query button[aria-label="capture photo"]')
    page.wait_for_selector('#query img')
    page.set_input_files('#gallery input[type=file]', clip)
    page.wait_for_selector('#gallery .thumbnail-item, #gallery .gallery-item')
    page.click('#run')
    wait_for_result(page, 'Ranked 3 photos')
    captions = page.text_content('#matches')
    assert all(f'yard.mp4 0m0{second}s' in captions for second in range(3))
    assert not page.errors


def whole_photo(path, *examples):
    """Examples side by side before a plain wall, each half as high as it."""
    wall = Image.new('RGB', (960, 720), (150, 160, 170))
    for place, example in enumerate(examples):
        with Image.open(example) as person:
            wall.paste(person.resize((192, 384)), (160 + 420 * place, 240))
    wall.save(path)
    return path


def test_a_photo_of_nobody_is_set_aside_and_one_of_several_people_cropped_to_the_one_that_is_clicked(page, tmp_path):
    page.set_input_files('#query input[type=file]', whole_photo(tmp_path / 'wall.png'))
    page.wait_for_function("document.querySelector('#query_said').innerText.includes('no person found')")
    assert not page.locator('#query img').count()
    page.set_input_files('#query input[type=file]', whole_photo(tmp_path / 'people.png', *QUERIES[:2]))
    page.wait_for_selector('#query_people .gallery-item:nth-child(2) img')
    assert '2 people in' in page.inner_text('#query_said')
    before = page.get_attribute('#query img', 'src')
    page.click('#query_people .gallery-item >> nth=1')
    page.wait_for_function("src => document.querySelector('#query img').src !== src", arg=before)
    page.set_input_files('#gallery input[type=file]', GALLERY[:3])
    page.wait_for_selector('#gallery .gallery-item:nth-child(3)')
    page.click('#run')
    wait_for_result(page, 'Ranked 3 photos')
    assert not page.errors


def paint(page):
    """One stroke over the middle of the photo in the editor."""
    page.locator('#editor canvas').first.scroll_into_view_if_needed()
    page.wait_for_timeout(4000)  # the editor does not tell when its picture is there
    box = page.locator('#editor canvas').first.bounding_box()
    page.mouse.move(box['x'] + box['width'] * 0.48, box['y'] + box['height'] * 0.3)
    page.mouse.down()
    page.mouse.move(box['x'] + box['width'] * 0.52, box['y'] + box['height'] * 0.6, steps=8)
    page.mouse.up()
    page.wait_for_timeout(1500)


def wait_for_classes(page, drawn):
    """Until the editor has fetched the example with its classes drawn over it, or without."""
    with Image.open(QUERIES[0]) as example:
        plain = np.asarray(example.convert('RGB')).astype(int)
    for _ in range(200):
        page.wait_for_timeout(300)
        for url in [url for url in page.requested if '/picture_' in url][-1:]:
            with Image.open(io.BytesIO(page.request.get(url).body())) as picture:
                if drawn == (abs(np.asarray(picture.convert('RGB')) - plain).mean() > 5):
                    return
    raise AssertionError('the picture to paint on stays as it is')


def test_a_mask_is_painted_and_ranked_with_and_another_parser_chosen(page, server):
    open_tab(page, 'Masks')
    page.click('#mask_examples button >> nth=0')
    page.wait_for_selector('#editor canvas')
    wait_for_classes(page, drawn=True)
    paint(page)
    page.click('#mask_run')
    page.wait_for_function("document.querySelector('#mask_text').innerText.includes('of the photo')")
    share = float(re.search('[.0-9]+(?=%)', page.inner_text('#mask_text'))[0])
    assert 0 < share < 60
    page.wait_for_selector('#mask_after .gallery-item:nth-child(3) img')
    page.click('#hide_clothes')
    page.wait_for_function("document.querySelector('#mask_text').innerText.includes('Hidden from')")
    assert is_in_sight(page, '#mask_text')
    page.requested.clear()
    page.click('#mask_parser input')
    page.locator('#mask_parser').get_by_role('option', name='none', exact=True).click()
    wait_for_classes(page, drawn=False)
    page.click('#mask_parser input')
    refused = page.locator('#mask_parser [role=option]', has_text='segformer_b2_clothes')
    refused.wait_for()
    assert not page.locator('#mask_parser [role=option]', has_text='labelmap').count()
    refused.click()
    page.wait_for_selector('text=terms of its own')
    assert not page.errors
    assert_healthy(server)


def test_cancel_stops_a_search_that_waits_and_the_next_one_works(page, server, tmp_path):
    files = []
    for index in range(150):
        files.append(tmp_path / f'{index}.jpg')
        Image.effect_noise((64, 128), 50 + index / 10).convert('RGB').save(files[-1])
    upload(page, QUERIES[0], files)
    page.click('#run')
    page.wait_for_timeout(1500)
    page.click('#run_cancel')
    wait_for_result(page, 'Stopped')
    search_example(page)
    assert_healthy(server)


def test_models_are_listed_and_loaded_and_a_wrong_name_is_refused(page, server, tmp_path):
    torch.manual_seed(0)
    network = timm.create_model('ifd_resnet10t', num_classes=0)
    save_release(network, tmp_path / 'mine', 'test', {'input_size': (3, 64, 32)})
    open_tab(page, 'Models')
    page.wait_for_function("document.querySelector('#catalogue').innerText.includes('ifd_baseline_resnet10t')")
    cells = '.models :is(th, td):not(thead *)'
    for size in (PHONE, DESKTOP):
        resize(page, size)
        edges = page.eval_on_selector_all(cells, 'all => all.map(one => one.getBoundingClientRect().right)')
        assert len(edges) > 7 and max(edges) <= size[0], 'every figure is in sight'
    page.click('#catalogue [data-name="ifd_resnet10t.synthetic"] td >> nth=0')
    assert page.input_value('#source :is(input, textarea)') == 'ifd_resnet10t.synthetic'
    page.click('#catalogue summary')
    page.click('#catalogue li:has-text("ifd_resnet50") [data-copy] >> nth=0')
    assert 'train/run.py' in page.evaluate('getSelection().toString()')
    page.fill('#source :is(input, textarea)', 'no_such_model')
    page.click('#load')
    page.wait_for_selector("text=That is no model")
    page.fill('#source :is(input, textarea)', str(tmp_path / 'mine'))
    page.click('#load')
    page.wait_for_function("document.querySelector('#load_status').innerText.includes('Loaded')")
    open_tab(page, 'Rank')
    page.wait_for_selector('#model label:has-text("mine")')
    assert_healthy(server)


def serious(page):
    """What axe-core finds wrong that keeps people out."""
    found = Axe().run(page, options={'resultTypes': ['violations']}).response['violations']
    return [
        (one['id'], [node['target'] for node in one['nodes']][:3])
        for one in found
        if one['impact'] in ('serious', 'critical')
    ]


def is_dark(page):
    scheme = page.evaluate('getComputedStyle(document.documentElement).colorScheme')
    ground = page.evaluate('getComputedStyle(document.body).backgroundColor')
    dark = max(int(part) for part in ground.strip('rgba()').split(',')[:3]) < 64
    assert ('dark' in scheme) == dark
    return dark


@pytest.mark.parametrize('scheme', ['dark', 'light'])
@pytest.mark.parametrize('sizes', [((360, 800), PHONE), (DESKTOP,)], ids=['phone', 'desktop'])
def test_every_tab_fits_phone_and_desktop_in_light_and_dark(results, sizes, scheme):
    results.emulate_media(color_scheme=scheme)
    for name in TABS:
        open_tab(results, name)
        for size in sizes:
            resize(results, size)
            results.wait_for_timeout(300)
            assert results.evaluate('document.documentElement.scrollWidth') == size[0], name
        shoot(results, f'{name.split()[0].lower()}_{size[0]}_{scheme}')
        assert serious(results) == [], name
    open_tab(results, 'Change clothes')
    chart = results.locator('#fixed_chart:visible')
    assert chart.evaluate('box => box.scrollWidth <= box.clientWidth'), 'half of a chart is out of sight'
    assert is_dark(results) == (scheme == 'dark')


CONTROLS_BELOW = """start => [...document.querySelectorAll('button, input, select, textarea, a[href]')]
    .filter(one => one.checkVisibility() && !one.disabled)
    .filter(one => document.querySelector(start).compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)
    .map(one => one.closest('[id]:not([id^="range_id"])').id)"""


def test_pictures_of_a_search_have_a_text_and_its_controls_are_reached_by_the_keyboard(results):
    open_tab(results, 'Rank')
    assert 'pairs of different people' in results.inner_text('#meaning')
    for place in ('#first', '#seen', '#bar', '#pair', '#matches', '#others'):
        assert results.locator(f'{place} img').count() > 0, place
        assert results.locator(f'{place} img:is([alt=""], :not([alt]))').count() == 0, place
    controls = set(results.evaluate(CONTROLS_BELOW, '#run'))
    assert {'run_cancel', 'view', 'opacity', 'top_k', 'threshold', 'matches', 'csv', 'zip'} <= controls
    results.focus('#run')
    reached = set()
    for _ in range(90):
        results.keyboard.press('Tab')
        reached.add(results.evaluate("document.activeElement.closest('[id]:not([id^=\"range_id\"])')?.id"))
    assert controls <= reached


# Through gradio_client


def test_a_search_gives_pictures_table_and_csv(server, tmp_path):
    client = connect(server.url, tmp_path)
    query, *gallery = ({'image': handle_file(path), 'caption': None} for path in (QUERIES[0], QUERIES[0], *GALLERY[:4]))
    values = [[query], gallery, None, False, DEFAULT_MODEL, 'side by side', 0.5, 3, 0.0]
    status, seen, matches, summary, table, path, packed, *_ = client.predict(*values, api_name='/rank')
    assert 'Ranked 5 photos' in status
    captions = [re.sub(r'[\d.]+', '0', one['caption']) for one in seen]
    assert captions == ['photo', 'attention 0 to 0', 'clothing', 'clothes erased']
    assert len(matches) == 3
    assert matches[0]['caption'].split() == ['#1', '1.000', QUERIES[0].name, '\u2713', 'right']
    assert DEFAULT_MODEL in summary and 'by the file names' in summary.lower()
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['rank'] for row in rows] == ['1', '2', '3', '4', '5']
    assert [[int(row['rank']), *list(row.values())[1:]] for row in rows] == table['data']
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ['ranking.csv', *(f'match_{place:02d}.jpg' for place in (1, 2, 3))]
    assert rows[0]['file'] == QUERIES[0].name
    with Image.open(matches[0]['image']) as tile:
        assert tile.height == 320 and tile.width == 3 * 160 + 2 * 6
    assert_healthy(server)


PRINTED = {
    '/rank': 'a.jpg', '/compare': 'margin', '/embed': 'cosine similarity', '/models': 'ifd_resnet10t.synthetic bundled',
    '/recolour': 'upper',
}  # fmt: skip


def test_the_examples_of_the_readme_run(server, capsys, monkeypatch, tmp_path):
    names = 'query.jpg', 'anchor.jpg', 'a.jpg', 'b.jpg', 'same_person.jpg', 'other_person.jpg'
    for name, path in zip(names, [*QUERIES[:2], *GALLERY[:4]], strict=True):
        shutil.copy(path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    given = {'client': connect(server.url, tmp_path / 'downloads'), 'handle_file': handle_file}
    assert set(README_LINES) == set(PRINTED)
    for name, printed in PRINTED.items():
        found = dict(given)
        exec(README_LINES[name], found)
        assert printed in capsys.readouterr().out and len(README_LINES[name].splitlines()) <= 6
    with Image.open(found['picture']) as after, Image.open('query.jpg') as before:
        assert after.size == before.size
        moved = np.asarray(after.convert('RGB')).astype(int).mean((0, 1)) - np.asarray(before).astype(int).mean((0, 1))
    assert moved[2] > moved[0], 'clothes that were changed to blue'
    with pytest.raises(AppError, match='a colour is #rrggbb'):
        given['client'].predict(
            handle_file('query.jpg'), ['upper'], 'blue', 'plain', '#ffffff', 0.05, False, api_name='/recolour'
        )


def test_the_pictures_of_the_readme_are_there_and_small():
    pictures = [ROOT / '.github' / name for name in re.findall(r'\((?:\.\./)*\.github/(app_[^)]+)\)', README)]
    assert len(pictures) == 3 and all(path.stat().st_size < 300_000 for path in pictures)
