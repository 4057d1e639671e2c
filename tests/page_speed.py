"""How long a search on the page takes: `python -m tests.page_speed`, on a machine with nothing else to do.

Starts the app as a user does, uploads a query and 100 gallery photos, and asks the endpoint for the ranking: with
nothing known, with the gallery known and another query, and with everything known. Uploads are not counted.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path

from PIL import Image

from ifd_zoo.predictor import DEFAULT_MODEL
from tests.browser import App
from tests.page import GALLERY, QUERIES
from tests.visitor import Page

PHOTOS = 100


def make_gallery():
    """The example photos, cut differently, so that no two are equal."""
    for index in range(PHOTOS):
        round_, place = divmod(index, len(GALLERY))
        file = io.BytesIO()
        with Image.open(GALLERY[place]) as photo:
            photo.crop((round_, 0, photo.width, photo.height - round_)).save(file, 'JPEG', quality=92)
        yield f'{index:03d}.jpg', file.getvalue()


def measure(page, query, gallery, view):
    """Seconds until the answer is there."""
    started = time.monotonic()
    found = page.search([query], gallery, model=DEFAULT_MODEL, view=view, top_k=8)
    taken = time.monotonic() - started
    if isinstance(found, str):
        raise RuntimeError(f'the search failed: {found}')
    return taken


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=3, help='of what is known already; the median is printed')
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        app = App(Path(folder) / 'app')
        try:
            page = Page(app)
            gallery = [page.upload(name, content) for name, content in make_gallery()]
            first, second = (page.upload(path.name, path.read_bytes()) for path in QUERIES[:2])
            measure(page, second, gallery[:1], 'photo')  # until the model is there
            times = {'cold': [measure(page, first, gallery, 'photo')]}
            for view in ('photo', 'side by side'):
                times[f'gallery known, new query, {view}'] = [measure(page, second, gallery, view)]
                times[f'all known, {view}'] = [measure(page, first, gallery, view) for _ in range(args.rounds)]
        finally:
            app.stop()
    for name, seconds in times.items():
        print(f'{sorted(seconds)[len(seconds) // 2]:6.2f} s  {name}')


if __name__ == '__main__':
    main()
