"""Computation of the opening example, and selection of the examples for the tab Compare."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.common.errors import ZooError
from ifd_zoo.explain.region_shares import REGIONS, mean_evidence
from ifd_zoo.gallery import example_photos
from ifd_zoo.images.loading import load_image
from ifd_zoo.page.model_comparison import heatmaps
from ifd_zoo.page.opening.answers import Answers, Test, marks
from ifd_zoo.predictor import Predictor
from ifd_zoo.uploads import Mark

LEAST_MARGIN = 0.02
"""Least margin of the first model in an example, and least lead of this margin over the second model's."""
MOST_BACKGROUND = 0.7
"""Share of the evidence on the background from which on a correct match is not a good example."""

NO_REGION = dict.fromkeys(REGIONS, 0.0) | {'background': 1.0}
"""Evidence used if no region raises the similarity."""


class EmbeddedPhoto(NamedTuple):
    """A photo with its label map and embedding."""

    photo: Image.Image
    label_map: np.ndarray
    embedding: np.ndarray


class Triple(NamedTuple):
    names: tuple[str, str, str]
    """File names of anchor, positive and negative."""
    evidence: dict[str, float]
    """Evidence of the first model for the match of anchor and positive, see `mean_evidence`."""

    @property
    def on_person(self) -> float:
        """Share of the evidence on head and skin, in [0, 1]."""
        return self.evidence['head'] + self.evidence['skin']


def answer(model: str, baseline: str, parser: object = 'bundled', device: str | None = None) -> Answers:
    """Rank the example gallery for each example query with both models, and choose the triples for Compare.

    Args:
        model, baseline: names, folders or `hf-hub:` sources, as for `load_model`.
        parser, device: as for `Predictor`.

    Raises:
        ZooError: a model cannot be loaded, or there is no triple for Compare.
    """
    queries, gallery = (list(map(Path, example_photos(kind))) for kind in ('query', 'gallery'))
    paths, first_row = [*queries, *gallery], len(queries)
    photos = [load_image(path) for path in paths]
    first = Predictor(model, parser, device, precision='fp32')  # for the same file on every machine
    second = Predictor(baseline, first.parser, device, precision='fp32')
    label_maps = first.parser.parse(photos)
    embeddings = [one.embed(photos, label_maps) for one in (first, second)]
    seen = list(map(EmbeddedPhoto, photos, label_maps, embeddings[0]))
    names, rankings, triples = [path.name for path in gallery], {}, []
    for row, query in enumerate(queries):
        found = [values[first_row:] @ values[row] for values in embeddings]
        rankings[query.name] = [[names[i] for i in np.argsort(-values, kind='stable')] for values in found]
        pairs = example_pairs(marks(query.name, names), *found)
        evidence = [_evidence(first, seen[row], seen[first_row + positive]) for positive, _ in pairs]
        pictures = [(query.name, names[positive], names[negative]) for positive, negative in pairs]
        triples.append(list(map(Triple, pictures, evidence)))
    return Answers([model, baseline], rankings, _test(first, second), [list(t.names) for t in choose_triples(triples)])


def example_pairs(said: list[Mark], first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs of positive and negative on which the first model is right by a larger margin than the second.

    The second may be right or wrong. The negative is the stranger most similar to the anchor for the second model.

    Args:
        said: whether each of N photos shows the anchor's person.
        first, second: (N,) similarities of these photos to the anchor, by each model.
    """
    right, wrong = ([i for i, one in enumerate(said) if one == kind] for kind in (Mark.RIGHT, Mark.WRONG))
    negative = max(wrong, key=lambda i: second[i])
    margins = {i: (first[i] - first[negative], second[i] - second[negative]) for i in right}
    return [(i, negative) for i, (ours, theirs) in margins.items() if min(ours, ours - theirs) >= LEAST_MARGIN]


def _evidence(predictor: Predictor, anchor: EmbeddedPhoto, positive: EmbeddedPhoto) -> dict[str, float]:
    photos, label_maps, embeddings = zip(anchor, positive, strict=True)
    maps = heatmaps(predictor, photos, label_maps, np.stack(embeddings[::-1]))
    return mean_evidence(maps, label_maps) or NO_REGION


def choose_triples(triples: list[list[Triple]]) -> list[Triple]:
    """Pick the triple with most evidence on head and skin for each anchor; sort them by it, highest first.

    Triples with `MOST_BACKGROUND` or more of their evidence on the background are left out; if all are, the one with
    the least is kept.

    Args:
        triples: for each anchor, those from `example_pairs`.

    Raises:
        ZooError: there are no triples.
    """
    best = [max(some, key=lambda one: one.on_person) for some in triples if some]
    if not best:
        raise ZooError('on no example is the first model right by a larger margin than the second: choose other models')
    fitting = [one for one in best if one.evidence['background'] < MOST_BACKGROUND]
    chosen = fitting or [min(best, key=lambda one: one.evidence['background'])]
    return sorted(chosen, key=lambda one: -one.on_person)


def _test(first: Predictor, second: Predictor) -> Test | None:
    """Return the figures of both releases, if they were measured on the same data."""
    infos = [getattr(one.model, 'release_info', {}) for one in (first, second)]
    rows = [{row['protocol']: row for row in info.get('figures', [])} for info in infos]
    places = {info.get('data', {}).get('folder') for info in infos}
    if len(places) > 1 or any({'cc', 'sc'} - row.keys() for row in rows):
        return None
    queries = {row['cc']['valid_queries'] for row in rows}
    rank1 = ([round(row[protocol]['rank1'], 1) for row in rows] for protocol in ('cc', 'sc'))
    return Test(queries.pop(), *rank1) if len(queries) == 1 else None
