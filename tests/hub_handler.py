"""What the two servers of `tests/hub_server.py` share: what is stored, and how requests are routed and answered."""

import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Stored(NamedTuple):
    content: bytes
    large: bool

    @property
    def etag(self):
        """What the Hub names a file by: SHA-256 of a large one, git's hash of another."""
        if self.large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b'blob %d\0' % len(self.content) + self.content).hexdigest()

    def large_entry(self):
        """What the listing of a folder says of a large file."""
        return {'lfs': {'oid': self.etag, 'size': len(self.content), 'pointerSize': 130}} if self.large else {}


class State:
    """What both servers know."""

    def __init__(self):
        self.repos = {}  # org/name -> {'private': bool, 'commits': [(oid, {path: Stored})]}
        self.objects = {}  # SHA-256 -> content, uploaded and perhaps not committed
        self.requests = []  # (method, path, Range)
        self.cut_at = None  # the next large download ends, once, after so many bytes
        self.storage = ''  # address of the second server

    def files(self, repo, revision):
        """Commit and files of a revision, or None."""
        commits = self.repos[repo]['commits']
        found = commits[-1:] if revision == 'main' else [c for c in commits if c[0] == revision]
        return found[0] if found else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length', 0)))

    def answer(self, status, content=b'', headers=None):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.send_response(status)
        for key, value in {'Content-Length': len(content), **(headers or {})}.items():
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    def fail(self, status, code='', message=''):
        self.answer(status, {'error': message or code}, {'X-Error-Code': code, 'X-Error-Message': message})

    def route(self):
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append((self.command, path, self.headers.get('Range')))
        for method, pattern, name in self.routes:
            match = re.fullmatch(pattern, path)
            if match and self.command in method:
                return getattr(self, name)(**match.groupdict())
        return self.fail(404, 'EntryNotFound', f'no route {self.command} {path}')

    do_GET = do_HEAD = do_POST = do_PUT = route
