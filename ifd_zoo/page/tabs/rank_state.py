"""A visitor's ranking, and what is shown of it. Does not import gradio; the page keeps one state per visitor."""

from collections.abc import Container, Sequence
from dataclasses import InitVar, dataclass, field, replace

import numpy as np
from PIL import Image

from ifd_zoo.explain.overlays import PhotoView, draw, masked_picture, shrink, side_by_side, views
from ifd_zoo.explain.region_shares import mean_evidence
from ifd_zoo.gallery import PHOTO_SIDE, PhotoFile, QueryResult, stamp
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.masks import class_mask
from ifd_zoo.page.model_comparison import heatmaps
from ifd_zoo.page.models import Models
from ifd_zoo.uploads import Label, Mark, mark, read_label

HEADS = ('Rank', 'File', 'Similarity', 'Threshold', 'Label', 'Model')
MAX_SHOWN = 30
MAX_LISTED_RANKS = 10  # ranks of correct matches listed in a sentence
MARKS = {Mark.RIGHT: '\u2713 right', Mark.WRONG: '\u2717 wrong', Mark.UNKNOWN: ''}
ABOVE, BELOW = 'above', 'below'
OFF = -1
"""Value for no threshold: every similarity reaches it."""


@dataclass(frozen=True)
class DisplayOptions:
    """Display options of a ranking."""

    chosen: int = 0
    """Index of the query."""
    view: str = 'side by side'
    opacity: float = 0.5
    top_k: int = 8
    threshold: float = OFF


@dataclass
class Ranking:
    """Results of one model for all queries of a search. Heatmaps are cached.

    Args:
        watched: files that may be replaced on disk after the search.
    """

    model: str
    queries: list[QueryResult]
    files: list[PhotoFile]
    labels: list[Label | None]
    heatmaps: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    watched: InitVar[Container[PhotoFile]] = ()

    def __post_init__(self, watched: Container[PhotoFile]) -> None:
        shown = {one.index for query in self.queries for one in query.ranking[:MAX_SHOWN]}
        self._stamps = {index: stamp(self.files[index].path) for index in shown if self.files[index] in watched}

    def rows(self, options: DisplayOptions) -> list[list]:
        """Return the whole ranking as table rows with columns `HEADS`."""
        marks, query = self._marks(options.chosen), self.queries[options.chosen]
        rows = []
        for place, (one, said) in enumerate(zip(query.ranking, marks, strict=True), 1):
            line = ABOVE if one.similarity >= options.threshold else BELOW
            line = line if options.threshold > OFF else ''
            rows.append([place, one.name, f'{one.similarity:.4f}', line, MARKS[said], self.model])
        return rows

    def pictures(self, models: Models, options: DisplayOptions) -> list[tuple[Image.Image, str]]:
        """Draw the best matches, with captions.

        Raises:
            ImageError: a photo has been deleted or replaced since the search.
        """
        best = self.queries[options.chosen].ranking[: options.top_k]
        captions = [
            '  \u2003 '.join(filter(None, [f'#{place}', f'{one.similarity:.3f}', name, said, _below(line)]))
            for one, (place, name, _, line, said, _) in zip(best, self.rows(options)[: len(best)], strict=True)
        ]
        return list(zip(self._draw(models, options, [one.index for one in best]), captions, strict=True))

    def pair(
        self, models: Models, options: DisplayOptions, place: int
    ) -> tuple[Image.Image, dict[str, float]]:
        """Draw the query and the match at a 0-based place, each in the chosen view and with its Grad-CAM.

        Returns:
            the image, and the `mean_evidence` of both photos.
        """
        found = self.queries[options.chosen].ranking[place]
        view = replace(options, view='photo' if options.view in ('side by side', 'Grad-CAM') else options.view)
        (match,) = self._draw(models, view, [found.index])
        (match_heat,) = self._draw(models, replace(options, view='Grad-CAM'), [found.index])
        seen = self.queries[options.chosen].photo_view
        (other,) = models.photo_views(self.model, [self.files[found.index]])
        predictor = models.get(self.model)
        with models.busy:
            reference = predictor.embed([other.photo], [other.label_map])
            (heatmap,) = heatmaps(predictor, [seen.photo], [seen.label_map], reference)
        shown = [draw(seen, view.view, options.opacity), draw(seen, 'Grad-CAM', options.opacity, heatmap)]
        maps = [heatmap, self.heatmaps[options.chosen, found.index].astype(np.float32)]
        shares = mean_evidence(maps, [seen.label_map, other.label_map])
        return side_by_side([*shown, match, match_heat], 420, 12), shares

    def seen(self, options: DisplayOptions) -> list[tuple[Image.Image, str]]:
        """Draw the query as the model sees it: photo, attention and clothing, with captions."""
        photo_view = self.queries[options.chosen].photo_view
        clothing = class_mask(photo_view.label_map)
        pictures = views(photo_view.photo, photo_view.attention, clothing, options.opacity)
        if photo_view.attention is not None:
            pictures.append((masked_picture(photo_view.photo, clothing), 'clothes erased'))
        return pictures

    def summary(self, options: DisplayOptions) -> str:
        """Return one line about correct matches and the threshold; empty if there are neither."""
        query, parts = self.queries[options.chosen], []
        right = [rank for rank, said in enumerate(self._marks(options.chosen), 1) if said == Mark.RIGHT]
        if right:
            ranks = f'{", ".join(map(str, right[:MAX_LISTED_RANKS]))}{", ..." if len(right) > MAX_LISTED_RANKS else ""}'
            parts.append(f'judged by the file names, right at **{"rank" if len(right) == 1 else "ranks"} {ranks}**.')
        if options.threshold > OFF:
            above = sum(one.similarity >= options.threshold for one in query.ranking)
            parts.append(f'**{above} of {len(query.ranking)}** have a similarity of {options.threshold:.2f} or more.')
        return ' '.join(parts)

    def _marks(self, chosen: int) -> list[Mark]:
        query = self.queries[chosen]
        label = read_label(query.name)
        return [mark(label, self.labels[one.index]) for one in query.ranking]

    def _draw(self, models: Models, options: DisplayOptions, indices: Sequence[int]) -> list[Image.Image]:
        """Draw gallery photos in the chosen view; the network runs only if the view needs it."""
        files = [self.files[index] for index in indices]
        for index, file in zip(indices, files, strict=True):
            if index in self._stamps and self._stamps[index] != stamp(file.path):
                raise ImageError(file.name, 'has been replaced or deleted since the search; rank again')
        try:
            if options.view == 'photo':
                return [shrink(load_image(file.path, file.name, PHOTO_SIDE)) for file in files]
            photo_views = dict(zip(indices, models.photo_views(self.model, files), strict=True))
        except ImageError as error:
            raise ImageError(error.name, 'has been deleted since the search; rank again') from error
        if options.view == 'Grad-CAM':
            self._make_heatmaps(models, options.chosen, photo_views)
        heatmaps = [self.heatmaps.get((options.chosen, index)) for index in indices]
        pairs = zip(indices, heatmaps, strict=True)
        return [draw(photo_views[index], options.view, options.opacity, heatmap) for index, heatmap in pairs]

    def _make_heatmaps(self, models: Models, chosen: int, photo_views: dict[int, PhotoView]) -> None:
        """Compute the missing heatmaps of these photos."""
        new = [index for index in photo_views if (chosen, index) not in self.heatmaps]
        predictor = models.get(self.model)
        with models.busy:
            photos, label_maps = ([getattr(photo_views[i], name) for i in new] for name in ('photo', 'label_map'))
            found = heatmaps(predictor, photos, label_maps, self.queries[chosen].embedding[None])
        # float16 halves the memory, and is still finer than the 256 colours drawn.
        self.heatmaps |= {(chosen, i): values.astype(np.float16) for i, values in zip(new, found, strict=True)}


def _below(line: str) -> str:
    return 'below the threshold' if line == BELOW else ''
