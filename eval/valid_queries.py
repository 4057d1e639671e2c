"""Valid queries of a protocol, and why the others have no right match, from the labels alone."""

from collections import Counter
from collections.abc import Iterable

from eval.metrics import judge, labels_of, positions_by_pid
from ifd_zoo.datasets import Protocol, ReIDDataset

STRANGER = 'the gallery does not show the person'
NO_QUERIES = 'there are no queries'
SAME_CAMERA = "only the query's own camera shows the person in the gallery"
OTHER_CAMERAS = {
    'cc': 'other cameras show the person in the same outfit only',
    'sc': 'other cameras show the person in other outfits only',
}


def unanswered(protocol: Protocol) -> Counter[str]:
    """Count the queries without a right match by reason."""
    query, gallery = labels_of(protocol.query), labels_of(protocol.gallery)
    positions, reasons = positions_by_pid(gallery.pids), Counter()
    for index, pid in enumerate(query.pids.tolist()):
        one = query.take(slice(index, index + 1))
        same_pid = gallery.take(positions.get(pid, slice(0)))
        if judge(one, same_pid, protocol.mode).relevant.any():
            continue
        if not len(same_pid.pids):
            reasons[STRANGER] += 1
        elif (same_pid.camids == one.camids).all():
            reasons[SAME_CAMERA] += 1
        else:
            reasons[OTHER_CAMERAS[protocol.mode]] += 1
    return reasons


def reason_text(reasons: Counter[str]) -> str:
    """Format the counts of `unanswered`, the most frequent reason first."""
    return '; '.join(f'{reason} ({number})' for reason, number in reasons.most_common())


def fewest_valid(protocols: Iterable[Protocol]) -> dict[str, tuple[Protocol, Counter[str]]]:
    """Return protocols by name with `unanswered` counts; of repeated draws, the one with the fewest valid queries."""
    found: dict[str, tuple[Protocol, Counter[str]]] = {}
    for protocol in protocols:
        reasons = unanswered(protocol)
        if protocol.name not in found or reasons.total() > found[protocol.name][1].total():
            found[protocol.name] = protocol, reasons
    return found


def empty_protocols(protocols: Iterable[Protocol]) -> dict[str, str]:
    """Explain each protocol without a valid query in a sentence, by protocol name."""
    return {
        name: f'{name}: no query has a right match: {reason_text(reasons) or NO_QUERIES}'
        for name, (protocol, reasons) in fewest_valid(protocols).items()
        if reasons.total() == len(protocol.query)
    }


def reasons_unmeasurable(dataset: ReIDDataset) -> list[str]:
    """Explain why no protocol of a data set can be measured; empty if one can."""
    if not dataset.protocols:
        return [dataset.lacks]
    empty = empty_protocols(dataset.protocols)
    return [*empty.values()] if {protocol.name for protocol in dataset.protocols} == set(empty) else []
