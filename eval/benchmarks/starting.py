"""Start-up costs, each in its own process: import time, time to the first page, and peak memory of embedding."""

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from eval.benchmarks.rows import Row, best_seconds

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARIES = 'import torch, torchvision, timm, numpy, PIL'
PATIENCE = 300  # seconds to wait for the page

PEAK = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ifd_zoo import Predictor
paths = sorted(Path(sys.argv[2]).rglob('*.jpg'))[:int(sys.argv[3])]
Predictor().embed(paths)
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
print(int(status['VmHWM'].split()[0]) / 1024)
"""
"""Linux only; not `ru_maxrss`, which starts at the size of the parent process."""
PHOTOS = (1, 256)


def run(code: str, *arguments: object) -> str:
    """Run code in a new Python process and return its output.

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, '-c', code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    if done.returncode:
        raise RuntimeError(f'{command[2][:60]}... failed:\n{done.stderr[-2000:]}')
    return done.stdout


def open_page() -> None:
    """Start the app as a user does, and wait for its first page.

    Raises:
        RuntimeError: the app stopped, or did not serve a page in time.
    """
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, 'app.py', '--port', str(port)]
        app = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(10 * PATIENCE):
                if app.poll() is not None or _answers(port):
                    break
                time.sleep(0.1)
            if app.poll() is not None or not _answers(port):
                log.seek(0)
                raise RuntimeError(f'app.py shows no page:\n{log.read().decode()[-2000:]}')
        finally:
            app.terminate()
            app.wait(60)


def _answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=60).status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def bench_start(root: Path, rounds: int) -> list[Row]:
    times = best_seconds(
        {
            'import': lambda: run('from ifd_zoo import *'),
            'libraries': lambda: run(LIBRARIES),
            'page': open_page,
            'gradio': lambda: run(f'{LIBRARIES}, gradio'),
        },
        rounds,
    )
    return [
        Row('import ifd_zoo', times['import'], times['libraries'], 'seconds', 'floor: import of its libraries'),
        Row('first page', times['page'], times['gradio'], 'seconds', 'floor: import of the libraries and gradio'),
    ]


def bench_memory(root: Path, rounds: int) -> list[Row]:
    few, many = (float(run(PEAK, REPOSITORY, root, number)) for number in PHOTOS)
    return [Row(f'peak memory, embed {PHOTOS[1]} photos', many, few, 'MB', f'floor: embed {PHOTOS[0]} photo')]
