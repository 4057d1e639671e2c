"""The models that the page has loaded, with what they made of photos."""

import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import ExifTags, Image

from ifd_zoo.common.choices import DEFAULT_BASELINE
from ifd_zoo.common.recent import Recent
from ifd_zoo.explain.overlays import PhotoView
from ifd_zoo.gallery import PHOTO_SIDE, Embed, PhotoFile, Progress, RememberedEmbeddings, hash_content, make_photo_views
from ifd_zoo.hub import LoadError, list_bundled, list_tagged, load_model
from ifd_zoo.hub.listing import Entry, catalogue
from ifd_zoo.images.loading import load_image, open_image
from ifd_zoo.indexed import IndexedFolder
from ifd_zoo.parsing import list_parsers, load_parser
from ifd_zoo.parsing.people import find_people, has_sight
from ifd_zoo.parsing.registry import PARSERS, portable_name
from ifd_zoo.predictor import Predictor

MAX_MODELS = 8  # each stays in memory until the page stops
PHOTOS_KNOWN = 24  # photos with their label maps; 2 MB each at most
VIEWS_KNOWN = 128  # of all visitors; half a megabyte each
BASELINE = 'baseline'
UPRIGHT = 0.6  # width over height of a photo up to which it is taken for a crop


class Models:
    """Predictors by the name of their model, loaded when first asked for; they share one parser. Safe between threads.

    Args:
        sources: name -> what `Predictor` takes as model, that of the start first.
        parser, device, precision: as for `Predictor`.
        guarded: visitors may be anybody, so models are loaded by the names of the zoo only: neither folders of this
            machine nor what somebody put on the Hub.
    """

    def __init__(
        self,
        sources: dict[str, object],
        parser: object = 'bundled',
        device: str | None = None,
        precision: str = 'auto',
        guarded: bool = False,
    ) -> None:
        self.sources, self.guarded = sources, guarded
        self.parser, self.device, self.precision = parser, device, precision
        self.busy = Lock()
        """To be held while a network of re-identification runs: Grad-CAM looks into it."""
        self.embed: Embed = RememberedEmbeddings()
        self._indexed: IndexedFolder | None = None
        named = parser if isinstance(parser, (str, Path)) else 'own'
        self.parsers = list(dict.fromkeys([portable_name(named), *filter(_needs_no_path, list_parsers())]))
        """Names that `parse` knows, that of the start first."""
        self._origins = {name: _origin(source) for name, source in sources.items() if isinstance(source, str)}
        self._predictors: dict[str, Predictor] = {}
        self._parsers: dict[str, object] = {}
        self._photos, self._photo_views = Recent(PHOTOS_KNOWN), Recent(VIEWS_KNOWN)
        self._lock, self._loading, self._loading_parser = Lock(), Lock(), Lock()

    @property
    def names(self) -> list[str]:
        """Names that `get` knows, the one of the start first."""
        return list(self.sources)

    def pair(self) -> list[str]:
        """A model with attention stream and one without, if both are known, for comparisons."""
        first = next((name for name in self.names if BASELINE not in name), self.names[0])
        others = [name for name in self.names if BASELINE in name]
        second = DEFAULT_BASELINE if DEFAULT_BASELINE in others else next(iter(others), self.names[-1])
        return list(dict.fromkeys([first, second]))

    def require(self, *names: str) -> None:
        """Raises ValueError when there is no model of one of the names; does not wait for any."""
        if not all(name in self.sources for name in names):
            raise ValueError('That model is not loaded here: choose one of the list.')

    def get(self, name: str) -> Predictor:
        """The predictor of that name.

        Raises:
            ValueError: there is none.
            LoadError, ParserError, DeviceError: as for `Predictor`.
        """
        self.require(name)
        with self._lock:
            if name not in self._predictors:
                predictor = Predictor(self.sources[name], self.parser, self.device, precision=self.precision)
                self._predictors[name], self.parser = predictor, predictor.parser
            return self._predictors[name]

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
            if len(self.sources) >= MAX_MODELS:
                raise LoadError(f'{MAX_MODELS} models are loaded, the most this page keeps; start it again for others')
            # A network and not its name: searches by other models go on while this one is fetched.
            network = load_model(source)
            check()
            name = short_name(source, self.names)
            self.sources[name] = network
            try:
                self.get(name)
            except BaseException:
                del self.sources[name]
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
        if known := self._photos.get(key):
            return known
        photo = load_image(file.path, file.name, PHOTO_SIDE)
        parsed = self._photos[key] = photo, self._parser(key[0]).parse([photo])[0]
        return parsed

    def people(self, file: PhotoFile) -> list[Image.Image] | None:
        """Crops of the people in a photo, the largest first; None where it is a crop already.

        That is one which a person fills, or any that is as upright as crops are; and where the parser of the page
        cannot look for people, all are taken as they come.

        Raises:
            ImageError: the photo cannot be used.
        """
        with open_image(Path(file.path), file.name) as header:  # pixels of a gallery of crops are not looked at
            turned = header.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            width, height = header.size[::-1] if turned else header.size
        if width <= UPRIGHT * height or not has_sight(parser := self._parser(self.parsers[0])):
            return None
        photo = load_image(file.path, file.name)
        (boxes,) = find_people([photo], parser)
        return None if boxes == [(0, 0, *photo.size)] else [photo.crop(box) for box in boxes]

    def photo_views(self, model: str, files: Sequence[PhotoFile]) -> list[PhotoView]:
        """What a model sees in each photo; looked at once, and known by its content for a while.

        Raises:
            ImageError: a photo cannot be used.
        """
        keys = [(model, hash_content(file.path)) for file in files]
        known = {key: self._photo_views.get(key) for key in keys}
        new = {key: file for key, file in zip(keys, files, strict=True) if known[key] is None}
        if new:
            predictor = self.get(model)
            with self.busy:
                made = dict(zip(new, make_photo_views(predictor, list(new.values())), strict=True))
            known |= made
            self._photo_views.update(made)
        return [known[key] for key in keys]

    def use_index(self, files: Sequence[PhotoFile], index: str | Path) -> None:
        """Keep the embeddings of these files, the folder of the start, in the folder `index`."""
        self.embed = self._indexed = IndexedFolder(files, index, self.busy)

    def update_index(self, predictor: Predictor, progress: Progress) -> None:
        """Bring the index, if there is one, up to date; to be called without holding `busy`.

        Raises:
            GalleryIndexError, OSError: as for `IndexedFolder.build`.
        """
        if self._indexed:
            self._indexed.build(predictor, progress)

    def _parser(self, name: str) -> object:
        if name not in self.parsers:
            raise ValueError(f'Choose a parser: {", ".join(self.parsers)}.')
        first = self.get(self.names[0])
        if name == self.parsers[0]:
            return first.parser
        with self._loading_parser:
            if name not in self._parsers:
                self._parsers[name] = load_parser(name, first.device)
            return self._parsers[name]


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
