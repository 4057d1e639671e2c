"""The pictures of the app in the README: `python -m tests.screenshots --output .github`. They show rendered people."""

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser import App, act_until, find_browser, open_browser, open_page

WIDTH, HEIGHT = 1280, 900
STEP_SECONDS = 3
"""Of the animation."""


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


def why(page):
    act_until(page, lambda: page.click('#matches .gallery-item >> nth=0'), '#pair img')


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


def hide_clothes(page):
    open_tab(page, 'Masks')
    page.click('#mask_examples button >> nth=1')
    page.wait_for_selector('#editor canvas')
    page.wait_for_timeout(4000)  # the editor does not tell when its picture is there
    page.click('#hide_clothes')
    page.wait_for_function("document.querySelector('#mask_text').innerText.includes('Hidden from')")
    page.wait_for_selector('#mask_after .gallery-item:nth-child(3) img')


SHOTS = {
    'app_rank': (rank, 'light', 1350),
    'app_change': (change, 'dark', 1250),
    'app_compare': (compare, 'light', 1350),
}
"""What is done, the colours, and how many pixels of the page's height are shown."""


STEPS = (lambda page: None, rank, why, change, compare, hide_clothes)
"""What the animation shows, one after the other."""


def animate(browser, url, path):
    """Write what a visitor does as an animated WebP."""
    frames = []
    with open_page(browser, url, (WIDTH, HEIGHT)) as page:
        for step in STEPS:
            step(page)
            page.wait_for_timeout(2500)
            with Image.open(io.BytesIO(page.screenshot())) as shot:
                frames.append(shot.convert('RGB').resize((WIDTH * 3 // 4, HEIGHT * 3 // 4), Image.Resampling.LANCZOS))
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=1000 * STEP_SECONDS, loop=0, quality=75, method=6
    )


def take(browser, url, folder):
    with open_page(browser, url) as page:
        rank(page)  # so that no picture shows how long the first search takes on this machine
    animate(browser, url, folder / 'app_tour.webp')
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
