"""Embeddings of a gallery on disk: built once, extended and thinned out later, searched without the photos.

    index = GalleryIndex.create('index', index_key(predictor), dim=512)      # or GalleryIndex.open
    build(index, predictor, folder_files('photos'), progress=print)
    index.search(predictor.embed(['query.jpg']), top_k=10)[0]

An index is a folder: `manifest.json`, and shards of rows in the form of safetensors, which are memory-mapped.
"""

from ifd_zoo.lazy import lazy_names

__getattr__, __all__ = lazy_names(__name__, {
    'base': ('GalleryIndexError',),
    'building': ('IndexStats', 'IndexFile', 'build', 'folder_files'),
    'faiss_search': ('FaissSearch', 'recall_at'),
    'key': ('index_key',),
    'storage': ('GalleryIndex',),
    'table': ('IndexMatch',),
})
