"""The pictures of the app in the README: `python -m tests.screenshots --output .github`. They show rendered people."""

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser import App, find_browser, open_browser, open_page

WIDTH, HEIGHT = 1280, 900


def open_tab(page, name):
    """On a phone the last tabs are in a menu."""
    tab = page.locator('#tabs button[role=tab]:visible', has_text=name)
    if not tab.count():
        page.click('#tabs .overflow-menu > button')
        tab = page.locator('#tabs .overflow-dropdown button', has_text=name)
    tab.first.click()


def rank(page):
    page.click('#examples button >> nth=0')
    page.wait_for_function("document.querySelector('#status').innerText.includes('Ranked')")
    page.wait_for_selector('#matches .gallery-item:nth-child(8) img')


def change(page):
    open_tab(page, 'Change clothes')
    page.click('#change_examples button >> nth=1')
    page.wait_for_selector('#edited img')
    page.click('#change_pattern label >> nth=1')
    page.click('#measure')
    page.wait_for_selector('#fixed_chart svg')


def compare(page):
    open_tab(page, 'Compare')
    page.click('#compare_examples button >> nth=0')
    page.wait_for_selector('#cam_second .gallery-item:nth-child(3) img')


SHOTS = {
    'app_rank': (rank, 'light', 1350),
    'app_change': (change, 'dark', 1250),
    'app_compare': (compare, 'light', 1350),
}
"""What is done, the colours, and how many pixels of the page's height are shown."""


def take(browser, url, folder):
    with open_page(browser, url) as page:
        rank(page)  # so that no picture shows how long the first search takes on this machine
    for name, (show, scheme, height) in SHOTS.items():
        with open_page(browser, url, (WIDTH, HEIGHT), scheme) as page:
            show(page)
            page.wait_for_timeout(2000)
            picture = page.screenshot(full_page=True)
        with Image.open(io.BytesIO(picture)) as shot:
            part = shot.convert('RGB').crop((0, 0, WIDTH, min(height, shot.height)))
            part.save(folder / f'{name}.jpg', quality=82, optimize=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--output', type=Path, required=True, help='folder')
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        app = App(Path(folder) / 'app')
        try:
            with open_browser(find_browser()) as browser:
                take(browser, app.url, args.output)
        finally:
            app.stop()


if __name__ == '__main__':
    main()
