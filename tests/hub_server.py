"""A small Hub on this machine: the part of the HTTP API that the client and the `hf` command use for models.

Large files are stored and served by a second server with another address, as on the real Hub. Both write down every
request. Names of repositories that begin with `broken/` answer with status 500.
"""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

import yaml

from tests.hub_handler import Handler, State, Stored

TOKEN = 'hf_right'


class Hub(Handler):
    REPO = r'(?P<repo>[^/]+/[^/]+)'
    routes = (
        ('POST', '/api/repos/create', 'create'),
        ('POST', '/api/validate-yaml', 'validate'),
        ('POST', f'/api/models/{REPO}/preupload/(?P<revision>.+)', 'preupload'),
        ('POST', f'/{REPO}[.]git/info/lfs/objects/batch', 'batch'),
        ('POST', f'/api/models/{REPO}/commit/(?P<revision>.+)', 'commit'),
        ('GET', f'/api/models/{REPO}/tree/(?P<revision>.+)', 'tree'),
        ('GET', f'/api/models/{REPO}(/revision/(?P<revision>.+))?', 'info'),
        ('GET HEAD', f'/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)', 'resolve'),
    )

    def allowed(self, repo, write=False):
        """Whether the token may do this; the answer has been given when it may not."""
        token = (self.headers.get('Authorization') or '').removeprefix('Bearer ')
        if repo.startswith('broken/'):
            self.fail(500, message='something is broken')
        elif token and token != TOKEN:
            self.fail(401, message='Invalid credentials in Authorization header')
        elif write and not token:
            self.fail(401, message='Invalid username or password.')
        elif not write and repo not in self.state.repos:
            # The real Hub does not tell strangers which private repositories exist.
            self.fail(404 if token else 401, 'RepoNotFound' if token else '', 'Repository not found')
        elif not write and self.state.repos[repo]['private'] and not token:
            self.fail(401, '', 'Repository not found')
        else:
            return True
        return False

    def create(self):
        wanted = json.loads(self.body())
        repo = f'{wanted["organization"]}/{wanted["name"]}'
        if not self.allowed(repo, write=True):
            return
        if repo.startswith('others/'):
            return self.fail(403, message='You have no rights in others')
        url = {'url': f'http://{self.headers["Host"]}/{repo}'}
        if repo in self.state.repos:
            return self.answer(409, url)
        first = (hashlib.sha1(repo.encode()).hexdigest(), {'.gitattributes': Stored(b'', False)})
        self.state.repos[repo] = {'private': wanted.get('visibility') == 'private', 'commits': [first]}
        self.answer(200, url)

    def validate(self):
        content = json.loads(self.body())['content']
        try:
            metadata = yaml.safe_load(content.split('---\n')[1])
        except (IndexError, yaml.YAMLError) as error:
            return self.answer(400, {'errors': [{'message': str(error)}], 'warnings': []})
        known = isinstance(metadata, dict) and metadata.get('license')
        self.answer(200, {'errors': [], 'warnings': [] if known else [{'message': 'no license'}]})

    def preupload(self, repo, revision):
        wanted = json.loads(self.body())
        if not self.allowed(repo, write=True):
            return
        _, files = self.state.files(repo, revision)
        self.answer(200, {'files': [
            {
                'path': file['path'],
                'uploadMode': 'lfs' if file['path'].endswith('.safetensors') else 'regular',
                'shouldIgnore': False,
                'oid': files[file['path']].etag if file['path'] in files else None,
            }
            for file in wanted['files']
        ]})

    def batch(self, repo):
        wanted = json.loads(self.body())
        if not self.allowed(repo, write=True):
            return
        new = [entry for entry in wanted['objects'] if entry['oid'] not in self.state.objects]
        for entry in new:
            entry['actions'] = {'upload': {'href': f'{self.state.storage}/put/{entry["oid"]}'}}
        self.answer(200, {'transfer': 'basic', 'objects': wanted['objects']})

    def commit(self, repo, revision):
        lines = [json.loads(line) for line in self.body().splitlines()]
        if not self.allowed(repo, write=True):
            return
        _, before = self.state.files(repo, revision)
        files = dict(before)
        for line in lines:
            value = line['value']
            if line['key'] == 'file':
                files[value['path']] = Stored(base64.b64decode(value['content']), False)
            elif line['key'] == 'lfsFile':
                files[value['path']] = Stored(self.state.objects[value['oid']], True)
        oid = hashlib.sha1(repr(sorted((k, v.etag) for k, v in files.items())).encode()).hexdigest()
        self.state.repos[repo]['commits'].append((oid, files))
        url = f'http://{self.headers["Host"]}/{repo}/commit/{oid}'
        self.answer(200, {'success': True, 'commitOid': oid, 'commitUrl': url, 'hookOutput': ''})

    def found(self, repo, revision):
        """Commit and files of a revision; the answer has been given when there is none."""
        if not self.allowed(repo):
            return None
        found = self.state.files(repo, revision)
        if found is None:
            self.fail(404, 'RevisionNotFound', f'Invalid rev id: {revision}')
        return found

    def info(self, repo, revision):
        if found := self.found(repo, revision or 'main'):
            siblings = [{'rfilename': path} for path in found[1]]
            private = self.state.repos[repo]['private']
            self.answer(200, {'id': repo, 'sha': found[0], 'private': private, 'tags': [], 'siblings': siblings})

    def tree(self, repo, revision):
        if found := self.found(repo, revision):
            self.answer(200, [
                {'type': 'file', 'path': path, 'size': len(file.content), 'oid': file.etag[:40], **file.large_entry()}
                for path, file in found[1].items()
            ])

    def resolve(self, repo, revision, path):
        found = self.found(repo, revision)
        if found is None:
            return
        commit, files = found
        if path not in files:
            return self.answer(404, b'', {'X-Error-Code': 'EntryNotFound', 'X-Repo-Commit': commit})
        file = files[path]
        headers = {'X-Repo-Commit': commit, 'ETag': f'"{file.etag}"'}
        if not file.large:
            return self.answer(200, file.content, headers)
        headers |= {'X-Linked-Etag': f'"{file.etag}"', 'X-Linked-Size': len(file.content)}
        self.answer(302, b'', {**headers, 'Location': f'{self.state.storage}/get/{file.etag}'})


class Storage(Handler):
    routes = (
        ('PUT', '/put/(?P<oid>[0-9a-f]{64})', 'put'),
        ('GET HEAD', '/get/(?P<oid>[0-9a-f]{64})', 'get'),
    )

    def put(self, oid):
        content = self.body()
        if hashlib.sha256(content).hexdigest() != oid:
            return self.fail(400, message='content does not have the SHA-256 it was announced with')
        self.state.objects[oid] = content
        self.answer(200)

    def get(self, oid):
        content, total = self.state.objects[oid], len(self.state.objects[oid])
        start = int((self.headers.get('Range') or 'bytes=0-').removeprefix('bytes=').split('-')[0])
        range_headers = {'Content-Range': f'bytes {start}-{total - 1}/{total}'} if self.headers.get('Range') else {}
        if self.command == 'HEAD' or self.state.cut_at is None or start:
            return self.answer(206 if range_headers else 200, content[start:], range_headers)
        cut, self.state.cut_at = self.state.cut_at, None
        self.send_response(200)
        self.send_header('Content-Length', str(total))
        self.end_headers()
        self.wfile.write(content[:cut])
        self.close_connection = True  # in the middle of the file


@contextmanager
def hub_server():
    """A running Hub: its address and its `State`."""
    state = State()
    servers = []
    for base in (Hub, Storage):
        server = ThreadingHTTPServer(('127.0.0.1', 0), type(base.__name__, (base,), {'state': state}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
    hub, state.storage = (f'http://127.0.0.1:{server.server_port}' for server in servers)
    try:
        yield hub, state
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
