"""What the tabs of a page, and all who use it at once, share: models, the gallery of the start, and what is known."""

import functools
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from ifd_zoo.catalogue import Entry, catalogue
from ifd_zoo.gallery import PHOTO_SIDE, Embed, PhotoFile, RememberedEmbeddings, hash_content
from ifd_zoo.hub import LoadError, list_bundled, list_tagged, load_model
from ifd_zoo.images import load_image
from ifd_zoo.intake import Collected
from ifd_zoo.predictor import Predictor, Predictors

MAX_MODELS = 8  # each stays in memory until the page stops
PHOTOS_KNOWN = 24  # photos with their label maps; 2 MB each at most
BASELINE = 'baseline'


class Desk:
    """Safe between threads.

    Args:
        predictors: whose parser all tabs use.
        folder: a gallery on this machine that can be searched without an upload.
        guarded: visitors may be anybody, so models are loaded by the names of the zoo only: neither folders of this
            machine nor what somebody put on the Hub.
        embed: makes embeddings of gallery files, or knows them from before.
    """

    def __init__(
        self,
        predictors: Predictors,
        folder: Collected | None = None,
        guarded: bool = False,
        embed: Embed | None = None,
    ) -> None:
        self.predictors, self.folder, self.guarded = predictors, folder, guarded
        self.embed = embed or RememberedEmbeddings()
        self.busy = Lock()
        """To be held while a network of re-identification runs: Grad-CAM looks into it."""
        self.temporary: set[str] = set()
        """Files that were written for a visitor, to be deleted with the uploads."""
        self._photos: OrderedDict[bytes, tuple[Image.Image, np.ndarray]] = OrderedDict()
        self._lock, self._loading = Lock(), Lock()

    @property
    def models(self) -> list[str]:
        """Names that `get` knows, the one of the start first."""
        return list(self.predictors.sources)

    def pair(self) -> list[str]:
        """A model with attention stream and one without, if both are known, for comparisons."""
        first = next((name for name in self.models if BASELINE not in name), self.models[0])
        second = next((name for name in self.models if BASELINE in name), self.models[-1])
        return list(dict.fromkeys([first, second]))

    def get(self, name: str) -> Predictor:
        """The predictor of that name.

        Raises:
            ValueError: there is none.
            LoadError, ParserError, DeviceError: as for `Predictor`.
        """
        if name not in self.predictors.sources:
            raise ValueError('That model is not loaded here: choose one of the list.')
        return self.predictors.get(name)

    def add(self, source: str) -> str:
        """Load another model; the others stay as they are, whatever happens.

        Args:
            source: bundled name, release folder, or hf-hub:org/name.

        Returns:
            Its name on the page.

        Raises:
            LoadError: it cannot be loaded, or is not allowed here, or there are too many.
        """
        source = source.strip()
        name = short_name(source)
        if self.guarded and source not in [*list_bundled(), *list_tagged()]:
            raise LoadError(f'{name}: this page is open to anybody, and loads models by the names in the table only')
        with self._loading:
            if name in self.predictors.sources:
                return name
            if len(self.models) >= MAX_MODELS:
                raise LoadError(f'{MAX_MODELS} models are loaded, the most this page keeps; start it again for others')
            # A network and not its name: searches by other models go on while this one is fetched.
            self.predictors.sources[name] = load_model(source)
            try:
                self.predictors.get(name)
            except BaseException:
                del self.predictors.sources[name]
                raise
        return name

    def parse(self, file: PhotoFile) -> tuple[Image.Image, np.ndarray]:
        """A photo and its label map (H, W) in `LABELS`; parsed once, and known by its content for a while.

        Raises:
            ImageError: the photo cannot be used.
        """
        key = hash_content(file.path)
        with self._lock:
            if key in self._photos:
                self._photos.move_to_end(key)
                return self._photos[key]
        photo = load_image(file.path, file.name, PHOTO_SIDE)
        parsed = photo, self.get(self.models[0]).parser.parse([photo])[0]
        with self._lock:
            self._photos[key] = parsed
            while len(self._photos) > PHOTOS_KNOWN:
                self._photos.popitem(last=False)
        return parsed


def short_name(source: str) -> str:
    """How a model goes on the page: a folder by its last part, the others by their names."""
    is_name = source in list_bundled() or source.startswith('hf-hub:')
    return source if is_name else Path(source).name or source


@functools.cache
def whole_catalogue() -> list[Entry]:
    """Measured once: it builds every network."""
    return catalogue()
