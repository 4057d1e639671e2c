"""A gallery's embeddings on disk: built once, updated later, and searched without the photos.

    index, stats = build('index', predictor, folder_files('photos'), progress=print)      # or GalleryIndex.open
    index.search(predictor.embed(['query.jpg']), top_k=10, only=SearchFilter(camids=['3']))[0]

An index is a LanceDB table, in a folder or at an address such as s3://bucket/folder: one for each model and setting.
"""

from ifd_zoo.common.lazy import lazy_names

__getattr__, __all__ = lazy_names(__name__, {
    'approximate': (),
    'base': ('GalleryIndexError', 'SearchFilter', 'parse_time'),
    'building': ('IndexFile', 'IndexStats', 'build', 'fill', 'folder_files'),
    'key': ('index_key',),
    'lancedb_tables': ('Row',),
    'ranking': ('IndexMatch',),
    'table': ('GalleryIndex',),
})
