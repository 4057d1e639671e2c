"""The loaded models of the page, with caches of their results."""

import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import ExifTags, Image

from ifd_zoo.common.choices import DEFAULT_BASELINE
from ifd_zoo.common.recent import Recent
from ifd_zoo.explain.overlays import PhotoView
from ifd_zoo.gallery import PHOTO_SIDE, CachedEmbeddings, Embed, PhotoFile, Progress, hash_content, make_photo_views
from ifd_zoo.hub import LoadError, list_bundled, list_tagged, load_model
from ifd_zoo.hub.listing import Entry, catalogue
from ifd_zoo.images.loading import load_image, open_image
from ifd_zoo.index.gallery_folder import IndexedFolder
from ifd_zoo.parsing import list_parsers, load_parser
from ifd_zoo.parsing.people import find_people, parses_pixels
from ifd_zoo.parsing.registry import PARSERS, portable_name
from ifd_zoo.predictor import Predictor

MAX_MODELS = 8  # each stays in memory until the page stops
PHOTOS_KNOWN = 24  # cached photos with label maps, at most 2 MB each
VIEWS_KNOWN = 128  # cached photo views of all visitors, 0.5 MB each
BASELINE = 'baseline'
UPRIGHT = 0.6  # largest width / height of a photo that is assumed to be a crop


class Models:
    """Predictors by model name, loaded on first use; they share one parser. Thread-safe.

    Args:
        sources: name -> model argument of `Predictor`; the first is the default model.
        parser, device, precision: as for `Predictor`.
        guarded: only allow models named by the zoo, neither folders of this machine nor arbitrary Hub repositories,
            because anybody may visit the page.
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
        """Hold this lock while a re-ID network runs, because Grad-CAM hooks into it."""
        self.embed: Embed = CachedEmbeddings()
        self._indexed: IndexedFolder | None = None
        named = parser if isinstance(parser, (str, Path)) else 'own'
        self.parsers = list(dict.fromkeys([portable_name(named), *filter(_needs_no_path, list_parsers())]))
        """Parser names that `parse` accepts, the default first."""
        self._origins = {name: _origin(source) for name, source in sources.items() if isinstance(source, str)}
        self._predictors: dict[str, Predictor] = {}
        self._parsers: dict[str, object] = {}
        self._photos, self._photo_views = Recent(PHOTOS_KNOWN), Recent(VIEWS_KNOWN)
        self._lock, self._loading, self._loading_parser = Lock(), Lock(), Lock()

    @property
    def names(self) -> list[str]:
        """Model names that `get` accepts, the default first."""
        return list(self.sources)

    def pair(self) -> list[str]:
        """Return up to two model names to compare: one with attention stream and a baseline, if both are known."""
        first = next((name for name in self.names if BASELINE not in name), self.names[0])
        others = [name for name in self.names if BASELINE in name]
        second = DEFAULT_BASELINE if DEFAULT_BASELINE in others else next(iter(others), self.names[-1])
        return list(dict.fromkeys([first, second]))

    def require(self, *names: str) -> None:
        """Raise ValueError unless all names are known; does not wait for a model to load."""
        if not all(name in self.sources for name in names):
            raise ValueError('That model is not loaded here: choose one from the list.')

    def get(self, name: str) -> Predictor:
        """Return the predictor of that name; load it on first use.

        Raises:
            ValueError: the name is unknown.
            LoadError, ParserError, DeviceError: as for `Predictor`.
        """
        self.require(name)
        with self._lock:
            if name not in self._predictors:
                predictor = Predictor(self.sources[name], self.parser, self.device, precision=self.precision)
                self._predictors[name], self.parser = predictor, predictor.parser
            return self._predictors[name]

    def add(self, source: str, check: Callable[[], None] = lambda: None) -> str:
        """Load another model; a failure leaves the others unchanged.

        Args:
            source: bundled or tagged name, release folder, or hf-hub:org/name.
            check: called after the download; raises an exception to abort.

        Returns:
            Its name on the page.

        Raises:
            LoadError: it cannot be loaded or is not allowed here, or too many models are loaded.
        """
        source = source.strip()
        if self.guarded and source not in [*list_bundled(), *list_tagged()]:
            raise LoadError('This page is public and loads only models named in the table.')
        with self._loading:
            origin = _origin(source)
            for name, known in self._origins.items():
                if known == origin:
                    return name
            if len(self.sources) >= MAX_MODELS:
                raise LoadError(f'{MAX_MODELS} models are loaded, the most this page keeps; restart it to load others')
            # Loaded here and not in `get`, whose lock would block searches by other models during the download.
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
        """Return a photo and its label map, (H, W) of indices into `LABELS`; results are cached by content.

        Args:
            parser: one of `parsers`; empty for the first.

        Raises:
            ImageError: the photo cannot be used.
            ParserError: the parser cannot be loaded.
            ValueError: the parser is unknown.
        """
        key = parser or self.parsers[0], hash_content(file.path)
        if known := self._photos.get(key):
            return known
        photo = load_image(file.path, file.name, PHOTO_SIDE)
        parsed = self._photos[key] = photo, self._parser(key[0]).parse([photo])[0]
        return parsed

    def people(self, file: PhotoFile) -> list[Image.Image] | None:
        """Return crops of the people in a photo, the largest first; None if the photo should be used as it is.

        That is the case if its width / height is at most `UPRIGHT`, if one person fills it, or if the parser of the
        page cannot detect people.

        Raises:
            ImageError: the photo cannot be used.
        """
        with open_image(Path(file.path), file.name) as header:  # the size alone, so that a gallery of crops is fast
            turned = header.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            width, height = header.size[::-1] if turned else header.size
        if width <= UPRIGHT * height or not parses_pixels(parser := self._parser(self.parsers[0])):
            return None
        photo = load_image(file.path, file.name)
        (boxes,) = find_people([photo], parser)
        return None if boxes == [(0, 0, *photo.size)] else [photo.crop(box) for box in boxes]

    def photo_views(self, model: str, files: Sequence[PhotoFile]) -> list[PhotoView]:
        """Return each photo with its label map and the model's attention; results are cached by content.

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
        """Keep the embeddings of these files, those of the `--gallery` folder, in the index `index`."""
        self.embed = self._indexed = IndexedFolder(files, index, self.busy)

    def update_index(self, predictor: Predictor, progress: Progress) -> None:
        """Update the index, if there is one; do not hold `busy` when calling this.

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
    """Return the display name of a model: its name, or the shortest end of a folder's path that is not in `taken`."""
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
    """Return the catalogue; cached, because it builds every network to measure it."""
    return catalogue()
