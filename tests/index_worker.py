"""Stand-ins for a model, and a build that is killed: `python -m tests.index_worker INDEX PHOTOS CALLS`."""

import os
import signal
import sys

import numpy as np

from ifd_zoo.images.loading import load_image
from ifd_zoo.index import GalleryIndex, folder_files
from ifd_zoo.index.building import fill

KEY = {'model': 'brightness'}
DIM = 4


class Embedder:
    """Photos of similar colour are similar.

    Args:
        calls: dies at the call after so many; None never.
    """

    def __init__(self, calls=None):
        self.calls, self.seen = calls, []

    def __call__(self, paths):
        if self.calls is not None:
            if not self.calls:
                os.kill(os.getpid(), signal.SIGKILL)
            self.calls -= 1
        colours = [np.asarray(load_image(path)).mean((0, 1)) / 255 for path in paths]
        self.seen += [path.name for path in paths]
        vectors = np.array([[1, *colour] for colour in colours], np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fill_from(folder, photos, embed, **more):
    index = GalleryIndex.open_or_create(folder, KEY, DIM)
    return index, fill(index, embed, folder_files(photos), batch_size=2, group=4, **more)


if __name__ == '__main__':
    fill_from(sys.argv[1], sys.argv[2], Embedder(int(sys.argv[3])))
