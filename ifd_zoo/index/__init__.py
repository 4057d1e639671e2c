"""Embeddings of a gallery on disk: built once, extended and thinned out later, searched without the photos.

    index = GalleryIndex.create('index', index_key(predictor), dim=512)      # or GalleryIndex.open
    build(index, predictor, folder_files('photos'), progress=print)
    index.search(predictor.embed(['query.jpg']), top_k=10)[0]

An index is a folder: `manifest.json`, and shards of rows in the form of safetensors, which are memory-mapped.
"""

from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.build import Built, IndexFile, build, folder_files
from ifd_zoo.index.faiss_search import FaissSearch, recall_at
from ifd_zoo.index.key import index_key
from ifd_zoo.index.storage import GalleryIndex
from ifd_zoo.index.table import IndexMatch

__all__ = [
    'Built',
    'FaissSearch',
    'GalleryIndex',
    'GalleryIndexError',
    'IndexFile',
    'IndexMatch',
    'build',
    'folder_files',
    'index_key',
    'recall_at',
]
