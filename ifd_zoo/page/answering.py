"""Computes the answers that the page opens with, and chooses the examples of Compare by a rule."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.common.errors import ZooError
from ifd_zoo.explain.evidence import REGIONS, evidence_shares
from ifd_zoo.fig3 import heatmaps
from ifd_zoo.gallery import example_photos
from ifd_zoo.images.loading import load_image
from ifd_zoo.page.answers import Answers, Test, marks
from ifd_zoo.predictor import Predictor
from ifd_zoo.uploads import Mark

LEAST_MARGIN = 0.02
"""By which an example has to be right with the one model, and wrong with the other."""
MOST_BACKGROUND = 0.7
"""Share of the evidence on the background from which on a right answer is no example of finding a person."""

NOWHERE = dict.fromkeys(REGIONS, 0.0) | {'background': 1.0}
"""Evidence where no place of the anchor raises the similarity."""


class Triple(NamedTuple):
    names: tuple[str, str, str]
    """Of anchor, positive and negative."""
    evidence: dict[str, float]
    """What the likeness of anchor and positive lies on to the first model, as of `evidence_shares`; of the anchor."""

    @property
    def on_person(self) -> float:
        """Share of the evidence on head and skin, in [0, 1]."""
        return self.evidence['head'] + self.evidence['skin']


def answer(model: str, baseline: str, parser: object = 'bundled', device: str | None = None) -> Answers:
    """Rank the example gallery for each example query by both models.

    Args:
        model, baseline: names, folders or `hf-hub:` sources, as for `load_model`.
        parser, device: as for `Predictor`.

    Raises:
        ZooError: a model cannot be loaded, or there is no example for Compare.
    """
    kinds = (example_photos(kind) for kind in ('query', 'gallery'))
    queries, gallery = ({Path(path).name: load_image(path) for path in paths} for paths in kinds)
    first = Predictor(model, parser, device, precision='fp32')  # every machine gives the same file
    second = Predictor(baseline, first.parser, device, precision='fp32')
    label_maps = first.parser.parse([*queries.values(), *gallery.values()])
    embeddings = [one.embed([*queries.values(), *gallery.values()], label_maps) for one in (first, second)]
    cosines = [values[: len(queries)] @ values[len(queries) :].T for values in embeddings]
    names, rankings, triples = list(gallery), {}, []
    for row, (query, photo) in enumerate(queries.items()):
        found = [values[row] for values in cosines]
        rankings[query] = [[names[i] for i in np.argsort(-values, kind='stable')] for values in found]
        references = embeddings[0][len(queries) :]
        triples.append(_triples(first, (query, photo, label_maps[row]), names, found, references))
    return Answers([model, baseline], rankings, _test(first, second), [list(t.names) for t in choose_triples(triples)])


def _triples(
    predictor: Predictor,
    anchor: tuple[str, Image.Image, np.ndarray],
    names: list[str],
    cosines: list[np.ndarray],
    references: np.ndarray,
) -> list[Triple]:
    """Triples of an anchor (name, photo, label map) on which the first model is right and the second wrong.

    The negative is the stranger whom the second model takes for the anchor most of all.
    """
    query, photo, label_map = anchor
    said = marks(query, names)
    right, wrong = ([i for i, one in enumerate(said) if one == kind] for kind in (Mark.RIGHT, Mark.WRONG))
    negative = max(wrong, key=lambda i: cosines[1][i])
    found = []
    for positive in right:
        first, second = (float(values[positive] - values[negative]) for values in cosines)
        if min(first, -second) >= LEAST_MARGIN:
            heatmap = heatmaps(predictor, [photo], [label_map], references[[positive]])[0]
            evidence = evidence_shares(heatmap, label_map) if heatmap.any() else NOWHERE
            found.append(Triple((query, names[positive], names[negative]), evidence))
    return found


def choose_triples(triples: list[list[Triple]]) -> list[Triple]:
    """Pick the examples of Compare: one for each anchor, that with most evidence on head and skin first.

    Of an anchor it is the triple with most evidence on head and skin. Those with `MOST_BACKGROUND` of their evidence on
    the background are left out, unless all are: then the one with least of it stays.

    Args:
        triples: for each anchor those on which the first model is right and the second is wrong.

    Raises:
        ZooError: there is none.
    """
    best = [max(some, key=lambda one: one.on_person) for some in triples if some]
    if not best:
        raise ZooError('there is no example on which the first model is right and the second wrong: take other models')
    fitting = [one for one in best if one.evidence['background'] < MOST_BACKGROUND]
    chosen = fitting or [min(best, key=lambda one: one.evidence['background'])]
    return sorted(chosen, key=lambda one: -one.on_person)


def _test(first: Predictor, second: Predictor) -> Test | None:
    """The clothing-changing test of both releases, if they were measured on the same photos."""
    infos = [getattr(one.model, 'release_info', {}) for one in (first, second)]
    rows = [next((row for row in info.get('figures', []) if row['protocol'] == 'cc'), None) for info in infos]
    places = {info.get('data', {}).get('folder') for info in infos}
    if None in rows or len(places) > 1 or rows[0]['valid_queries'] != rows[1]['valid_queries']:
        return None
    return Test(rows[0]['valid_queries'], [round(row['rank1'], 1) for row in rows])
