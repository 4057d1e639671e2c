"""What the tests of the page need: the app as a process of its own, and the system's browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
BROWSER_FLAGS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',  # a webcam
    '--enable-unsafe-swiftshader',  # the mask editor draws with WebGL, which is not to depend on a graphics card
)
START_SECONDS = 120  # generous: a machine that runs tests may be busy; what is promised is measured by itself


def find_browser():
    """Path of a Chromium on this machine, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_or_skip():
    """The same for a test: it is skipped without one, and fails in CI, which installs one."""
    path = find_browser()
    if path is None:
        reason = 'no chromium on this machine (apt-get install chromium)'
        assert not os.environ.get('CI'), reason
        pytest.skip(reason)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class App:
    """`python app.py` as a user starts it. `folder` takes its temporary files and its log."""

    def __init__(self, folder, *flags):
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.temporary, self.log_file = folder / 'temporary', folder / 'app.log'
        self.temporary.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {'TMPDIR': str(self.temporary), 'PYTHONUNBUFFERED': '1', 'HF_HUB_OFFLINE': '1'}
        command = [sys.executable, str(ROOT / 'app.py'), '--port', str(self.port), *flags]
        started = time.monotonic()
        with self.log_file.open('w') as log:
            # Not in the repository: the page must not depend on the folder it is started from.
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=folder,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # a job behind `nohup` ignores it
            )
        self._wait()
        self.start_seconds = time.monotonic() - started

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while not self.serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f'the app does not serve:\n{self.log()}')
            time.sleep(0.1)

    def serves(self):
        try:
            with urllib.request.urlopen(self.url, timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    def log(self):
        return self.log_file.read_text()

    def stop(self, by=signal.SIGTERM):
        """Ends the process as a service manager does, or another way. Returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(by)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


@contextmanager
def open_browser(path):
    """The browser at `path`, for any number of pages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=path, args=list(BROWSER_FLAGS)) as browser:
            yield browser


@contextmanager
def open_page(browser, url, size=(1280, 900), scheme='light', ready='#run'):
    """The page, of a visitor who was never there before, when it has an element `ready`.

    Its requests are listed in `page.requested`, its errors in `page.errors`.
    """
    with browser.new_context(viewport={'width': size[0], 'height': size[1]}, color_scheme=scheme) as context:
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.requested, page.errors = [], []
        page.on('request', lambda request: page.requested.append(request.url))
        page.on('pageerror', lambda error: page.errors.append(str(error)))
        page.on('console', lambda line: page.errors.append(line.text) if line.type == 'error' else None)
        page.goto(url)
        page.wait_for_selector(ready)
        yield page


def act_until(page, act, sign, tries=4, seconds=20):
    """Does as a visitor who sees nothing happen: acts again. What comes while gradio draws anew may be lost.

    Ends when the selector `sign` is visible; the last try has the time that the page gives everything.
    """
    from playwright.sync_api import TimeoutError

    for _ in range(tries - 1):
        act()
        try:
            page.wait_for_selector(sign, timeout=1000 * seconds)
            return
        except TimeoutError:
            continue
    act()
    page.wait_for_selector(sign)
