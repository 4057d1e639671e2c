"""The tabs in a real browser, with the model and the parser that come with the package.

Pictures of every tab are kept in the folder that the environment variable IFD_SCREENSHOTS names, if it does.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.hub import save_release
from tests.browser import App, browser_or_skip, open_page
from tests.screenshots import open_tab
from tests.zips import write_zip

QUERIES = sorted((EXAMPLES / 'query').glob('*.jpg'))
GALLERY = sorted((EXAMPLES / 'gallery').glob('*.jpg'))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    running = App(tmp_path_factory.mktemp('app'))
    yield running
    running.stop()


@pytest.fixture
def page(server):
    with open_page(browser_or_skip(), server.url) as page:
        yield page


@pytest.fixture
def shoot(tmp_path):
    """Keeps a picture of the whole page."""
    folder = Path(os.environ.get('IFD_SCREENSHOTS', tmp_path / 'screenshots'))
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page, name):
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f'{name}.png', full_page=True)

    return shoot


def wait_for_result(page, text):
    page.wait_for_function("text => document.querySelector('#status').innerText.includes(text)", arg=text)


def assert_healthy(server):
    assert server.serves()
    assert 'Traceback' not in server.log()


def test_a_click_on_a_match_opens_the_pair_and_views_are_switched(page, server):
    page.click('#examples button >> nth=0')
    wait_for_result(page, f'Ranked {len(GALLERY)} photos')
    before = page.get_attribute('#matches .gallery-item img', 'src')
    page.click('#view label >> nth=1')
    page.wait_for_function("src => document.querySelector('#matches .gallery-item img').src !== src", arg=before)
    page.click('#matches .gallery-item >> nth=1')
    page.wait_for_selector('#pair img')
    assert '#2' in page.inner_text('#pair')
    assert not page.errors
    assert_healthy(server)


def test_a_zip_is_uploaded_and_ranked(page, server, tmp_path):
    path = write_zip(tmp_path / 'gallery.zip', {path.name: path.read_bytes() for path in GALLERY[:3]})
    page.set_input_files('#query input[type=file]', QUERIES[0])
    page.wait_for_selector('#query .gallery-item')
    page.click('text=A gallery as ZIP')
    page.set_input_files('#archives input[type=file]', path)
    page.wait_for_selector('#archives :text("gallery.zip")')
    page.click('#run')
    wait_for_result(page, 'Ranked 3 photos')
    assert_healthy(server)


def test_clothes_change_and_similarities_are_measured(page, server):
    open_tab(page, 'Change clothes')
    page.click('#change_examples button >> nth=0')
    page.wait_for_selector('#edited img')
    page.wait_for_function("document.querySelector('#found').innerText.includes('Found')")
    before = page.get_attribute('#edited img', 'src')
    page.click('#change_pattern label >> nth=1')
    page.wait_for_function("src => document.querySelector('#edited img').src !== src", arg=before)
    page.click('#measure')
    page.wait_for_selector('#fixed_chart svg')
    assert 'S = ' in page.inner_text('#sensitivity')
    assert not page.errors
    assert_healthy(server)


def test_an_example_is_compared_by_two_models(page, server):
    open_tab(page, 'Compare')
    page.click('#compare_examples button >> nth=1')
    page.wait_for_selector('#cam_second .gallery-item:nth-child(3) img')
    assert 'margin' in page.inner_text('#verdict_first') and 'margin' in page.inner_text('#verdict_second')
    assert not page.errors
    assert_healthy(server)


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


def test_a_mask_is_painted_and_ranked_with(page, server):
    open_tab(page, 'Masks')
    page.click('#mask_examples button >> nth=0')
    page.wait_for_selector('#editor canvas')
    paint(page)
    page.click('#mask_run')
    page.wait_for_function("document.querySelector('#mask_text').innerText.includes('of the photo')")
    share = float(page.inner_text('#mask_text').split('%')[0])
    assert 0 < share < 60
    page.wait_for_selector('#mask_after .gallery-item:nth-child(3) img')
    assert not page.errors
    assert_healthy(server)


def test_another_parser_is_chosen(page, server):
    open_tab(page, 'Masks')
    page.click('#mask_examples button >> nth=0')
    page.wait_for_selector('#editor canvas')
    for name, message in (('segformer_b2_clothes', 'terms of its own'), ('labelmap', '')):
        page.click('#mask_parser input')
        choice = page.locator('#mask_parser [role=option]', has_text=name)
        if not message:
            assert not choice.count()
            continue
        choice.click()
        page.wait_for_selector(f'text={message}')
    assert not page.errors
    assert_healthy(server)


def test_cancel_stops_a_search_that_waits_and_the_next_one_works(page, server, tmp_path):
    files = []
    for index in range(150):
        files.append(tmp_path / f'{index}.jpg')
        Image.effect_noise((64, 128), 50 + index / 10).convert('RGB').save(files[-1])
    page.set_input_files('#query input[type=file]', QUERIES[0])
    page.set_input_files('#gallery input[type=file]', files)
    page.wait_for_selector(f'#gallery .gallery-item:nth-child({len(files)})')
    page.click('#run')
    page.wait_for_timeout(1500)
    page.click('#run_cancel')
    wait_for_result(page, 'Stopped')
    page.click('#examples button >> nth=0')
    wait_for_result(page, f'Ranked {len(GALLERY)} photos')
    assert_healthy(server)


def test_models_are_listed_loaded_and_a_wrong_name_told(page, server, tmp_path):
    torch.manual_seed(0)
    network = timm.create_model('ifd_resnet10t', num_classes=0)
    save_release(network, tmp_path / 'mine', 'test', {'input_size': (3, 64, 32)})
    open_tab(page, 'Models')
    page.wait_for_function("document.querySelector('#catalogue').innerText.includes('ifd_resnet50')")
    page.fill('#source :is(input, textarea)', 'no_such_model')
    page.click('#load')
    page.wait_for_selector("text=no trained model 'no_such_model'")
    page.fill('#source :is(input, textarea)', str(tmp_path / 'mine'))
    page.click('#load')
    page.wait_for_function("document.querySelector('#load_status').innerText.includes('Loaded')")
    open_tab(page, 'Rank')
    page.wait_for_selector('#model label:has-text("mine")')
    assert_healthy(server)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [390, 1280])
def test_every_tab_fits_phone_and_desktop_in_light_and_dark(server, shoot, width, scheme):
    with open_page(browser_or_skip(), server.url, (width, 850), scheme) as page:
        page.click('#examples button >> nth=0')
        wait_for_result(page, f'Ranked {len(GALLERY)} photos')
        page.wait_for_selector('#matches .gallery-item:nth-child(8) img')
        shoot(page, f'rank_{width}_{scheme}')
        open_tab(page, 'Change clothes')
        page.click('#change_examples button >> nth=1')
        page.wait_for_selector('#edited img')
        page.click('#measure')
        page.wait_for_selector('#fixed_chart svg')
        chart = page.locator('#fixed_chart')
        assert chart.evaluate('box => box.scrollWidth <= box.clientWidth'), 'half of a chart is out of sight'
        shoot(page, f'change_{width}_{scheme}')
        open_tab(page, 'Compare')
        page.click('#compare_examples button >> nth=1')
        page.wait_for_selector('#cam_second .gallery-item:nth-child(3) img')
        shoot(page, f'compare_{width}_{scheme}')
        for name in ('Masks', 'Models'):
            open_tab(page, name)
            shoot(page, f'{name.lower()}_{width}_{scheme}')
        for name in ('Rank', 'Change clothes', 'Compare', 'Masks', 'Models'):
            open_tab(page, name)
            page.wait_for_timeout(300)
            assert page.evaluate('document.documentElement.scrollWidth') == width, name
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        dark = max(int(part) for part in ground.strip('rgba()').split(',')[:3]) < 64
        assert dark == (scheme == 'dark')
        assert not page.errors
    assert_healthy(server)


def test_every_picture_has_a_text_and_every_control_is_reached_by_the_keyboard(page):
    page.click('#examples button >> nth=0')
    wait_for_result(page, f'Ranked {len(GALLERY)} photos')
    page.wait_for_selector('#matches .gallery-item:nth-child(8) img')
    assert page.locator('#matches img[alt=""], #matches img:not([alt]), #bar img[alt=""]').count() == 0
    page.focus('#run')
    reached = set()
    for _ in range(25):
        page.keyboard.press('Tab')
        reached.add(page.evaluate("document.activeElement.closest('[id]:not([id^=\"range_id\"])')?.id"))
    assert {'run_cancel', 'opacity', 'top_k', 'threshold'} <= reached


def test_clothes_are_changed_by_an_endpoint(server, tmp_path):
    client = Client(server.url, verbose=False, download_files=str(tmp_path))
    values = ['upper', 'dress', 'coat'], '#0000ff', 'plain', '#ffffff', 0.05, False
    picture, found = client.predict(handle_file(QUERIES[0]), *values, api_name='/recolour')
    assert 'upper' in found
    with Image.open(picture) as after, Image.open(QUERIES[0]) as before:
        assert after.size == before.size
        moved = np.asarray(after.convert('RGB')).astype(int).mean((0, 1)) - np.asarray(before).astype(int).mean((0, 1))
    assert moved[2] > moved[0]
    with pytest.raises(AppError, match='a colour is #rrggbb'):
        client.predict(handle_file(QUERIES[0]), values[0], 'blue', *values[2:], api_name='/recolour')
