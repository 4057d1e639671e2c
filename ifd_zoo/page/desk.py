"""What the tabs of a page, and all who use it at once, share: models, the gallery of the start, and what is known."""

import functools
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from ifd_zoo.explain import PhotoView
from ifd_zoo.gallery import PHOTO_SIDE, Embed, PhotoFile, Progress, RememberedEmbeddings, hash_content, make_photo_views
from ifd_zoo.hub import LoadError, list_bundled, list_tagged, load_model
from ifd_zoo.images import load_image
from ifd_zoo.indexed import IndexedFolder
from ifd_zoo.listing import Entry, catalogue
from ifd_zoo.page.stops import Stops
from ifd_zoo.page.uploads import Keeping
from ifd_zoo.parsing import list_parsers, load_parser
from ifd_zoo.parsing.registry import PARSERS, portable_name
from ifd_zoo.predictor import Predictor
from ifd_zoo.predictors import Predictors
from ifd_zoo.uploads import Gallery

MAX_MODELS = 8  # each stays in memory until the page stops
PHOTOS_KNOWN = 24  # photos with their label maps; 2 MB each at most
STUDIES_KNOWN = 128  # of all visitors; half a megabyte each
GALLERIES_KNOWN = 32  # names and paths; their files go with the visitors
BASELINE = 'baseline'


class Desk:
    """Safe between threads.

    Args:
        predictors: whose parser all tabs use.
        folder: a gallery on this machine that can be searched without an upload.
        guarded: visitors may be anybody, so models are loaded by the names of the zoo only: neither folders of this
            machine nor what somebody put on the Hub.
        index: folder in which the embeddings of `folder` are kept.
        keeping: knows which files are whose, and deletes them.
    """

    def __init__(
        self,
        predictors: Predictors,
        folder: Gallery | None = None,
        guarded: bool = False,
        index: str | Path | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self.predictors, self.folder, self.guarded, self.keeping = predictors, folder, guarded, keeping
        self.busy = Lock()
        """To be held while a network of re-identification runs: Grad-CAM looks into it."""
        self.folder_files = frozenset(folder.files if folder else ())
        indexed = IndexedFolder(folder.files, index, self.busy) if folder and index else None
        self.embed: Embed = indexed or RememberedEmbeddings()
        self._indexed = indexed
        self.stops = Stops()
        named = predictors.parser if isinstance(predictors.parser, (str, Path)) else 'own'
        sources = predictors.sources.items()
        self._origins = {name: _origin(source) for name, source in sources if isinstance(source, str)}
        self.parsers = list(dict.fromkeys([portable_name(named), *filter(_needs_no_path, list_parsers())]))
        """Names that `parse` knows, that of the start first."""
        self._parsers: dict[str, object] = {}
        self._photos: OrderedDict[tuple, tuple[Image.Image, np.ndarray]] = OrderedDict()
        self._photo_views: OrderedDict[tuple, PhotoView] = OrderedDict()
        self._galleries: OrderedDict[tuple, Gallery] = OrderedDict()
        self._lock, self._loading, self._loading_parser = Lock(), Lock(), Lock()

    @property
    def models(self) -> list[str]:
        """Names that `get` knows, the one of the start first."""
        return list(self.predictors.sources)

    def pair(self) -> list[str]:
        """A model with attention stream and one without, if both are known, for comparisons."""
        first = next((name for name in self.models if BASELINE not in name), self.models[0])
        second = next((name for name in self.models if BASELINE in name), self.models[-1])
        return list(dict.fromkeys([first, second]))

    def require(self, *names: str) -> None:
        """Raises ValueError when there is no model of one of the names; does not wait for any."""
        if not all(name in self.predictors.sources for name in names):
            raise ValueError('That model is not loaded here: choose one of the list.')

    def get(self, name: str) -> Predictor:
        """The predictor of that name.

        Raises:
            ValueError: there is none.
            LoadError, ParserError, DeviceError: as for `Predictor`.
        """
        self.require(name)
        return self.predictors.get(name)

    def add(self, source: str, check: Callable[[], None] = lambda: None) -> str:
        """Load another model; the others stay as they are, whatever happens.

        Args:
            source: bundled name, release folder, or hf-hub:org/name.
            check: raises what is raised here when the model has come and is no longer wanted.

        Returns:
            Its name on the page.

        Raises:
            LoadError: it cannot be loaded, or is not allowed here, or there are too many.
        """
        source = source.strip()
        if self.guarded and source not in [*list_bundled(), *list_tagged()]:
            raise LoadError('This page is open to anybody, and loads models by the names in the table only.')
        with self._loading:
            origin = _origin(source)
            for name, known in self._origins.items():
                if known == origin:
                    return name
            if len(self.models) >= MAX_MODELS:
                raise LoadError(f'{MAX_MODELS} models are loaded, the most this page keeps; start it again for others')
            # A network and not its name: searches by other models go on while this one is fetched.
            network = load_model(source)
            check()
            name = short_name(source, self.models)
            self.predictors.sources[name] = network
            try:
                self.predictors.get(name)
            except BaseException:
                del self.predictors.sources[name]
                raise
            self._origins[name] = origin
        return name

    def parse(self, file: PhotoFile, parser: str = '') -> tuple[Image.Image, np.ndarray]:
        """A photo and its label map (H, W) in `LABELS`; parsed once, and known by its content for a while.

        Args:
            parser: one of `parsers`; empty means the first.

        Raises:
            ImageError: the photo cannot be used.
            ParserError: the parser cannot be loaded.
            ValueError: there is no such parser.
        """
        key = parser or self.parsers[0], hash_content(file.path)
        if known := self._recall(self._photos, key):
            return known
        photo = load_image(file.path, file.name, PHOTO_SIDE)
        parsed = photo, self._parser(key[0]).parse([photo])[0]
        self._remember(self._photos, {key: parsed}, PHOTOS_KNOWN)
        return parsed

    def photo_views(self, model: str, files: Sequence[PhotoFile]) -> list[PhotoView]:
        """What a model sees in each photo; looked at once, and known by its content for a while.

        Raises:
            ImageError: a photo cannot be used.
        """
        keys = [(model, hash_content(file.path)) for file in files]
        known = {key: self._recall(self._photo_views, key) for key in keys}
        new = {key: file for key, file in zip(keys, files, strict=True) if known[key] is None}
        if new:
            predictor = self.get(model)
            with self.busy:
                known |= zip(new, make_photo_views(predictor, list(new.values())), strict=True)
            self._remember(self._photo_views, {key: known[key] for key in new}, STUDIES_KNOWN)
        return [known[key] for key in keys]

    def collected(
        self, uploads: Sequence[PhotoFile], collect: Callable[[], Gallery], keep: Callable[[Gallery], None]
    ) -> Gallery:
        """What uploads hold, unpacked once and known by their content for a while.

        Args:
            collect: unpacks them.
            keep: says that the files are needed, so that nobody deletes them between a look and their use.
        """
        key = tuple((hash_content(file.path), file.name) for file in uploads)
        if known := self._recall(self._galleries, key):
            keep(known)
            if all(os.path.isfile(file.path) for file in known.files):
                return known
        found = collect()
        keep(found)
        self._remember(self._galleries, {key: found}, GALLERIES_KNOWN)
        return found

    def look_at_folder(self, predictor: Predictor, progress: Progress) -> None:
        """Bring the index of the folder up to date; to be called without holding `busy`.

        Raises:
            GalleryIndexError, OSError: as for `IndexedFolder.build`.
        """
        if self._indexed:
            self._indexed.build(predictor, progress)

    def _parser(self, name: str) -> object:
        if name not in self.parsers:
            raise ValueError(f'Choose a parser: {", ".join(self.parsers)}.')
        if name == self.parsers[0]:
            return self.get(self.models[0]).parser
        with self._loading_parser:
            if name not in self._parsers:
                self._parsers[name] = load_parser(name, self.get(self.models[0]).device)
            return self._parsers[name]

    def _recall(self, known: OrderedDict, key: tuple) -> object | None:
        with self._lock:
            if key in known:
                known.move_to_end(key)
            return known.get(key)

    def _remember(self, known: OrderedDict, new: dict, most: int) -> None:
        with self._lock:
            known.update(new)
            while len(known) > most:
                known.popitem(last=False)


def _needs_no_path(parser: str) -> bool:
    return parser not in PARSERS or PARSERS[parser].source != 'required'


def short_name(source: str, taken: Collection[str] = ()) -> str:
    """How a model goes on the page: by its name, a folder by as much of its path as tells it from those `taken`."""
    if _is_name(source):
        return source
    parts = Path(source).resolve().parts
    ends = ('/'.join(parts[-count:]) for count in range(1, len(parts)))
    return next((end for end in ends if end not in taken), source)


def _is_name(source: str) -> bool:
    return source.startswith('hf-hub:') or source in [*list_bundled(), *list_tagged()]


def _origin(source: str) -> str:
    return source if _is_name(source) else str(Path(source).resolve())


@functools.cache
def whole_catalogue() -> list[Entry]:
    """Measured once: it builds every network."""
    return catalogue()
