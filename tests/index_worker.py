"""Stand-ins for a model, and writers that are killed or fill the disk: `python -m tests.index_worker RUN ...`."""

import itertools
import resource
import sys

import numpy as np

from ifd_zoo.common.errors import ZooError
from ifd_zoo.images.loading import load_image
from ifd_zoo.index import GalleryIndex, IndexFile, fill, folder_files

KEY = {'model': 'brightness'}
DIM = 4


class Embedder:
    """Photos of similar colour are similar."""

    def __init__(self):
        self.seen = []

    def __call__(self, paths):
        colours = [np.asarray(load_image(path)).mean((0, 1)) / 255 for path in paths]
        self.seen += [path.name for path in paths]
        vectors = np.array([[1, *colour] for colour in colours], np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fill_from(folder, photos, embed, labels='none', **more):
    index = GalleryIndex.open_or_create(folder, KEY, DIM)
    return index, fill(index, embed, folder_files(photos, labels), batch_size=2, group=4, **more)


def write_on(folder, photos, prefix, rounds):
    """Write and delete again and again, in groups of 4, under names with a prefix; says when it begins."""
    index = GalleryIndex.open_or_create(folder, KEY, DIM)
    files = [IndexFile(file.path, f'{prefix}{file.name}') for file in folder_files(photos)]
    print('begins', flush=True)
    for _ in range(rounds):
        fill(index, Embedder(), files, group=4)
        index.remove([file.name for file in files[:4]])


def write_for_ever(kind, folder, photos, begins):
    """Build one index after another, or write into one; `begins` is set when it begins."""
    import lancedb  # noqa: F401  (takes its time)

    begins.set()
    if kind == 'upsert':
        write_on(folder, photos, 'x', 10**9)
    for place in itertools.count():
        fill_from(f'{folder}/{place}', photos, Embedder())


def fill_disk(folder, photos, size):
    """Build where no file may be larger than `size` bytes."""
    index = GalleryIndex.open_or_create(folder, KEY, DIM)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        fill(index, Embedder(), folder_files(photos), group=4)
    except ZooError as error:
        print(error)


if __name__ == '__main__':
    run, folder, photos, *rest = sys.argv[1:]
    globals()[run](folder, photos, *(int(word) if word.isdecimal() else word for word in rest))
