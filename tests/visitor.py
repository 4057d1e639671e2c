"""The page over plain HTTP, as a browser asks, with nothing that would correct a request on its way."""

import json
import os
import re
from pathlib import Path

import httpx
import pytest
import timm
import torch

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.hub import save_release
from ifd_zoo.page.tabs.rank_layout import RESULTS
from tests.browser import App

MODEL = 'ifd_resnet10t'
PHOTO = sorted((EXAMPLES / 'query').glob('*.jpg'))[0]
STATUS, MATCHES, TABLE = map(RESULTS.index, ('status', 'matches', 'table'))


def write_release(folder: Path) -> Path:
    """A release of an untrained model of small photos: what the page does is the same, and fast."""
    torch.manual_seed(0)
    model = timm.create_model(MODEL, num_classes=5)
    return save_release(model, folder / MODEL, 'test', {'input_size': [3, 128, 64]})


def start(folder: Path, release: Path, *flags: str) -> App:
    """The app with that model, on the processor."""
    with pytest.MonkeyPatch.context() as patch:
        # On a busy machine threads that wait for each other take many times as long as one.
        patch.setenv('OMP_NUM_THREADS', '1')
        # Seconds: clients leave with the next beat only.
        patch.setenv('GRADIO_HEARTBEAT_INTERVAL', '1')
        return App(folder, '--model', str(release), '--parser', 'none', '--device', 'cpu', *flags)


class Page:
    """What a browser does, without one, so that nothing corrects a request on its way."""

    def __init__(self, running):
        self.running, self.api = running, f'{running.url}/gradio_api'
        self.http = httpx.Client(timeout=300)
        self.config = self.http.get(f'{running.url}/config').json()
        self.session = os.urandom(6).hex()
        self.good = self.upload('good.jpg', PHOTO.read_bytes())

    def upload(self, name, content):
        """What the page holds of an uploaded file."""
        answer = self.http.post(f'{self.api}/upload', files={'files': ('upload', content)})
        assert answer.status_code == 200, answer.text
        return {'path': answer.json()[0], 'orig_name': name, 'meta': {'_type': 'gradio.FileData'}}

    def ask(self, event, *values):
        """The outputs of an event, named by its endpoint or by the id of its button; a message when it fails."""
        ids = {one['id']: one['props'].get('elem_id') for one in self.config['components']}
        number = next(
            one['id']
            for one in self.config['dependencies']
            if event == one['api_name'] or [ids.get(target) for target, _ in one['targets']] == [event]
        )
        body = {'fn_index': number, 'data': list(values), 'session_hash': self.session}
        # Not by `json=`, which would refuse NaN and infinity.
        sent = {'content': json.dumps(body), 'headers': {'Content-Type': 'application/json'}}
        self.http.post(f'{self.api}/queue/join', **sent).raise_for_status()
        with self.http.stream('GET', f'{self.api}/queue/data', params={'session_hash': self.session}) as answer:
            # To its end, so that the server does not take a next event for one of a visitor who has left.
            messages = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith('data: ')]
        (output,) = (message['output'] for message in messages if message['msg'] == 'process_completed')
        return output.get('data') or str(output['error'])

    def search(self, queries, gallery=(), archives=(), use_folder=False, model=MODEL, view='photo', top_k=2):
        """The outputs of a search; a message when it fails."""
        sides = ([{'image': one, 'caption': None} for one in side] for side in (queries, gallery))
        return self.ask('rank', *sides, list(archives), use_folder, model, view, 0.5, top_k, 0.0, *[''] * 5)

    def rank(self, *photos, **options):
        """Status and names by rank of a search; a message when it fails."""
        found = self.search(*photos, **options)
        return found if isinstance(found, str) else (found[STATUS], [row[1] for row in found[TABLE]['data']])

    def assert_healthy(self):
        status, names = self.rank([self.good], [self.good])
        assert 'Ranked 1 photos' in status and names == ['good.jpg']
        log = self.running.log()
        # Gradio itself logs uploads that were cancelled.
        known = re.findall('^starlette.requests.ClientDisconnect', log, re.M)
        assert log.count('Traceback') == len(known), log
