"""A ranking that a visitor looks at, and what of it is shown. Knows no gradio: the page keeps one for each visitor."""

from collections.abc import Container, Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np
from PIL import Image

from ifd_zoo.explain.overlays import PhotoView, draw, masked_picture, shrink, side_by_side, views
from ifd_zoo.fig3 import heatmaps
from ifd_zoo.gallery import PHOTO_SIDE, PhotoFile, QueryResult, stamp
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.masks import class_mask
from ifd_zoo.page.models import Models
from ifd_zoo.uploads import Label, Mark, mark, read_label

HEADS = ('Rank', 'File', 'Similarity', 'Threshold', 'Label')
MAX_SHOWN = 30
MARKS = {Mark.RIGHT: '\u2713 right', Mark.WRONG: '\u2717 wrong', Mark.UNKNOWN: ''}
ABOVE, BELOW = 'above', 'below'


@dataclass(frozen=True)
class DisplayOptions:
    """What a visitor wants to see of a ranking."""

    chosen: int = 0
    """Place of the query."""
    view: str = 'side by side'
    opacity: float = 0.5
    top_k: int = 8
    threshold: float = 0.0


@dataclass
class Ranking:
    """The answers to all queries of one search. Heatmaps that were made once are kept.

    Args:
        watched: those of the files that somebody may exchange.
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
        """List the whole ranking, under `HEADS`."""
        marks, query = self._marks(options.chosen), self.queries[options.chosen]
        rows = []
        for place, (one, said) in enumerate(zip(query.ranking, marks, strict=True), 1):
            line = ABOVE if one.similarity >= options.threshold else BELOW
            rows.append([place, one.name, f'{one.similarity:.4f}', line, MARKS[said]])
        return rows

    def pictures(self, models: Models, options: DisplayOptions) -> list[tuple[Image.Image, str]]:
        """The best matches, captioned.

        Raises:
            ImageError: a photo has been deleted or exchanged meanwhile.
        """
        best = self.queries[options.chosen].ranking[: options.top_k]
        captions = [
            '  \u2003 '.join(filter(None, [f'#{place}', similarity[:-1], name, said, _below(line)]))
            for place, name, similarity, line, said in self.rows(options)[: options.top_k]
        ]
        return list(zip(self._draw(models, options, [one.index for one in best]), captions, strict=True))

    def pair(self, models: Models, options: DisplayOptions, place: int) -> Image.Image:
        """The query and the match at a place of the ranking, side by side and large."""
        query, found = self.queries[options.chosen], self.queries[options.chosen].ranking[place]
        # A heatmap belongs to the match; the query itself is shown as a photo.
        shown = [draw(query.photo_view, options.view, options.opacity), *self._draw(models, options, [found.index])]
        return side_by_side(shown, 420, 12)

    def seen(self, options: DisplayOptions) -> list[tuple[Image.Image, str]]:
        """The query, as the model sees it."""
        photo_view = self.queries[options.chosen].photo_view
        clothing = class_mask(photo_view.label_map)
        pictures = views(photo_view.photo, photo_view.attention, clothing, options.opacity)
        if photo_view.attention is not None:
            pictures.append((masked_picture(photo_view.photo, clothing), 'masked input'))
        return pictures

    def summary(self, options: DisplayOptions) -> str:
        """One line about threshold and labels."""
        query = self.queries[options.chosen]
        above = sum(one.similarity >= options.threshold for one in query.ranking)
        parts = [f'**{above} of {len(query.ranking)}** have a similarity of {options.threshold:.2f} or more.']
        marks = self._marks(options.chosen)
        if Mark.RIGHT in marks:
            first = marks.index(Mark.RIGHT) + 1
            right = marks[: options.top_k].count(Mark.RIGHT)
            parts.append(f'By the file names, {right} of the {min(options.top_k, len(marks))} shown are right,')
            parts.append(f'and the first right one is at rank {first}.')
        return ' '.join(parts)

    def _marks(self, chosen: int) -> list[Mark]:
        query = self.queries[chosen]
        label = read_label(query.name)
        return [mark(label, self.labels[one.index]) for one in query.ranking]

    def _draw(self, models: Models, options: DisplayOptions, indices: Sequence[int]) -> list[Image.Image]:
        """Gallery photos in the view that is wanted. A network runs only where that view needs one."""
        files = [self.files[index] for index in indices]
        for index, file in zip(indices, files, strict=True):
            if index in self._stamps and self._stamps[index] != stamp(file.path):
                raise ImageError(file.name, 'has been exchanged or deleted meanwhile; rank again')
        try:
            if options.view == 'photo':
                return [shrink(load_image(file.path, file.name, PHOTO_SIDE)) for file in files]
            photo_views = dict(zip(indices, models.photo_views(self.model, files), strict=True))
        except ImageError as error:
            raise ImageError(error.name, 'has been deleted meanwhile; rank again') from error
        if options.view == 'Grad-CAM':
            self._make_heatmaps(models, options.chosen, photo_views)
        heatmaps = [self.heatmaps.get((options.chosen, index)) for index in indices]
        pairs = zip(indices, heatmaps, strict=True)
        return [draw(photo_views[index], options.view, options.opacity, heatmap) for index, heatmap in pairs]

    def _make_heatmaps(self, models: Models, chosen: int, photo_views: dict[int, PhotoView]) -> None:
        """Make the heatmaps of the photos that have none yet."""
        new = [index for index in photo_views if (chosen, index) not in self.heatmaps]
        predictor = models.get(self.model)
        with models.busy:
            photos, label_maps = ([getattr(photo_views[i], name) for i in new] for name in ('photo', 'label_map'))
            found = heatmaps(predictor, photos, label_maps, self.queries[chosen].embedding[None])
        # Half the memory, and still finer than the 256 colours that are drawn.
        self.heatmaps |= {(chosen, i): values.astype(np.float16) for i, values in zip(new, found, strict=True)}


def _below(line: str) -> str:
    return 'below the threshold' if line == BELOW else ''
