"""How long a search on the page takes: `python -m tests.page_speed`, on a machine with nothing else to do.

Starts the app as a user does, uploads a query and 100 gallery photos, and asks the endpoint for the ranking: with
nothing known, with the gallery known and another query, and with everything known. Uploads are not counted.
"""

import argparse
import tempfile
import time
from pathlib import Path

import httpx
from PIL import Image

from ifd_zoo.gallery import example_photos
from ifd_zoo.predictor import DEFAULT_MODEL
from tests.browser import App

GALLERY = 100


def make_gallery(folder):
    """The example photos, cut differently, so that no two are equal."""
    paths, examples = [], example_photos('gallery')
    for index in range(GALLERY):
        with Image.open(examples[index % len(examples)]) as photo:
            round_ = index // len(examples)
            paths.append(folder / f'{index:03d}.jpg')
            photo.crop((round_, 0, photo.width, photo.height - round_)).save(paths[-1], quality=92)
    return paths


def upload(api, paths):
    """The files on the server, as a browser names them."""
    items = []
    for path in paths:
        path = Path(path)
        stored = httpx.post(f'{api}/upload', files={'files': (path.name, path.read_bytes())}).json()[0]
        file = {'path': stored, 'orig_name': path.name, 'meta': {'_type': 'gradio.FileData'}}
        items.append({'image': file, 'caption': None})
    return items


def measure(api, query, gallery, view):
    """Seconds until the answer is there. Without gradio_client, which uploads again what it is given."""
    data = [query, gallery, None, False, DEFAULT_MODEL, view, 0.5, 8, 0.0, *[''] * 5]
    started = time.monotonic()
    event = httpx.post(f'{api}/call/rank', json={'data': data}).json()['event_id']
    answer = httpx.get(f'{api}/call/rank/{event}', timeout=600).text
    taken = time.monotonic() - started
    if 'event: complete' not in answer:
        raise RuntimeError(f'the search failed: {answer[-400:]}')
    return taken


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=3, help='of what is known already; the median is printed')
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        app = App(folder / 'app')
        try:
            api = f'{app.url}/gradio_api'
            gallery = upload(api, make_gallery(folder))
            first, second = ([one] for one in upload(api, example_photos('query')[:2]))
            measure(api, second, gallery[:1], 'photo')  # until the model is there
            times = {'cold': [measure(api, first, gallery, 'photo')]}
            for view in ('photo', 'side by side'):
                times[f'gallery known, new query, {view}'] = [measure(api, second, gallery, view)]
                times[f'all known, {view}'] = [measure(api, first, gallery, view) for _ in range(args.rounds)]
        finally:
            app.stop()
    for name, seconds in times.items():
        print(f'{sorted(seconds)[len(seconds) // 2]:6.2f} s  {name}')


if __name__ == '__main__':
    main()
