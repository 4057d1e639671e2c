"""The parts of an index that do not need LanceDB: its error and the filter of a search."""

import operator
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, NamedTuple

from ifd_zoo.common.errors import ZooError


class GalleryIndexError(ZooError, ValueError):
    """An index that cannot be used, or not for this purpose; the message names it and says what to do."""


def parse_time(text: str) -> datetime:
    """Parse an ISO 8601 time, local if it has no zone, and return it in UTC. Raises ValueError if it is invalid."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:  # close to year 1 or 9999
        raise ValueError(str(error)) from error


class SearchFilter(NamedTuple):
    """Filter of a search: an image must match every field that is given."""

    pids: Sequence[str] = ()
    camids: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    """Both ends are inclusive. A time without a zone is local."""

    def expression(self) -> Any:
        """Return the filter as a LanceDB expression; None if all images match."""
        from lancedb.expr import col, lit

        parts = [col('pid').isin(list(self.pids))] if self.pids else []
        parts += [col('camid').isin(list(self.camids))] if self.camids else []
        parts += [col('time') >= lit(self.since.astimezone(UTC))] if self.since else []
        parts += [col('time') <= lit(self.until.astimezone(UTC))] if self.until else []
        return reduce(operator.and_, parts) if parts else None

    def allows(self, pid: str, camid: str, time: datetime) -> bool:
        """Return whether an image matches; its time must have a zone."""
        fits = (not self.pids or pid in self.pids) and (not self.camids or camid in self.camids)
        early, late = (end.astimezone(UTC) if end else time for end in (self.since, self.until))
        return fits and early <= time <= late
