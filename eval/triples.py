"""Hard triples: an anchor, the same person in other clothes, and a stranger who looks alike to a model."""

from typing import NamedTuple

import numpy as np

from eval.metrics import judge, labels_of
from ifd_zoo.datasets import DatasetError, Protocol, Record


class Triple(NamedTuple):
    anchor: Record
    positive: Record
    """The same person in another outfit, by another camera."""
    negative: Record
    """Another person."""


class Choice(NamedTuple):
    triple: Triple
    remark: str
    """How the triple was chosen and out of how many, for the caption."""


class Features(NamedTuple):
    """Embeddings of unit length from one model."""

    query: np.ndarray
    """(Q, D)"""
    gallery: np.ndarray
    """(G, D)"""

    def similarity(self, query: int) -> np.ndarray:
        """Return (G,) cosine similarities to one query."""
        return self.gallery @ self.query[query]


def find_triple(protocol: Protocol, baseline: Features, ours: Features) -> Choice:
    """Find the triple on which the baseline fails and the other model succeeds most clearly.

    The candidates are all queries with each of their right matches in mode `cc`; the negative of a query is the image
    of another person that the baseline finds most similar. The margin of a model is the similarity of the positive
    minus that of the negative. The chosen triple maximises the smaller of the baseline's negated margin and the other
    model's margin; ties keep the order of queries and gallery.

    Args:
        protocol: provides query and gallery; its mode is ignored.
        baseline, ours: features of both models for these images.

    Raises:
        DatasetError: no query has both a right match and another person in the gallery.
    """
    query, gallery = labels_of(protocol.query), labels_of(protocol.gallery)
    found, clearest, leads = None, -np.inf, []
    for position in range(len(protocol.query)):
        positives = np.flatnonzero(judge(query.take(slice(position, position + 1)), gallery, 'cc').relevant[0])
        strangers = np.flatnonzero(gallery.pids != query.pids[position])
        if not len(positives) or not len(strangers):
            continue
        similarity = baseline.similarity(position), ours.similarity(position)
        negative = strangers[np.argmax(similarity[0][strangers])]
        lead = np.stack([values[positives] - values[negative] for values in similarity])  # (2, positives)
        leads.append(lead)
        clear = np.minimum(-lead[0], lead[1])
        best = int(np.argmax(clear))
        if clear[best] > clearest:
            clearest, found = clear[best], (position, positives[best], negative)
    if found is None:
        raise DatasetError('no query has both a right match in other clothes and another person in the gallery')
    triple = Triple(protocol.query[found[0]], *(protocol.gallery[index] for index in found[1:]))
    return Choice(triple, _remark(np.concatenate(leads, axis=1), clearest > 0))


def _remark(leads: np.ndarray, clear: bool) -> str:
    """Describe the choice among triples with margins (2, N) of the baseline and the other model."""
    right = leads > 0
    only_ours, only_baseline = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    chosen = (
        'the triple where the baseline fails and IFD succeeds most clearly: chosen, not typical'
        if clear
        else 'the triple that comes closest to a failure of the baseline and a success of IFD: none has both'
    )
    shares = [f'{100 * share:.1f} %' for share in right.mean(1)]
    return (
        f'This is {chosen}. Of all {leads.shape[1]} triples of the data set (each query with each of its right '
        f'answers; the negative is the stranger that the baseline finds most similar, so they are hard for the '
        f'baseline by construction), the baseline gets {shares[0]} right and IFD {shares[1]}; IFD alone gets '
        f'{only_ours} right, the baseline alone {only_baseline}.'
    )
