"""What a worker of the synthetic generator is like; imports nothing that a worker would not."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from ifd_zoo.synthetic.plan import Shot
from ifd_zoo.synthetic.writer import Artist


def describe_process(artist: Artist, shots: Sequence[Shot]) -> dict[str, object]:
    """Of the process that this is called in, when it has drawn the shots; `peak` is memory in MB."""
    for shot in shots:
        artist.draw(shot)
    status = Path('/proc/self/status').read_text().split('VmHWM:')[1]
    return {
        'torch': 'torch' in sys.modules,
        'threads': (cv2.getNumThreads(), os.environ['OMP_NUM_THREADS'], os.environ['OPENBLAS_NUM_THREADS']),
        'peak': int(status.split()[0]) // 1024,
    }
