"""Validation on held-out training persons, for choices that must not be made on test persons."""

from dataclasses import replace

from ifd_zoo.datasets.base import MODES, DatasetError, Protocol, Record, ReIDDataset


def hold_out(dataset: ReIDDataset, num_pids: int) -> ReIDDataset:
    """Hold out the last training persons of a data set.

    The last `num_pids` persons leave `train` and replace the test protocols: the first image of each outfit (in path
    order) is a query, all others are the gallery.

    Raises:
        DatasetError: `num_pids` is not positive, or nobody would be left to train on.
    """
    pids = sorted({record.pid for record in dataset.train})
    if not 0 < num_pids < len(pids):
        raise DatasetError(f'cannot hold out {num_pids} of {len(pids)} training people')
    held = set(pids[-num_pids:])
    query, gallery = _split([record for record in dataset.train if record.pid in held])
    train = tuple(record for record in dataset.train if record.pid not in held)
    return replace(dataset, train=train, protocols=tuple(Protocol(mode, mode, query, gallery) for mode in MODES))


def _split(records: list[Record]) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    first: dict[int, Record] = {}
    for record in sorted(records, key=lambda record: record.path):
        first.setdefault(record.clothes_id, record)
    query = tuple(first.values())
    return query, tuple(record for record in records if record not in query)
