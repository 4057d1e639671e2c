"""What others need of an index without LanceDB: its error, and the choice of pictures."""

import operator
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, NamedTuple

from ifd_zoo.common.errors import ZooError


class GalleryIndexError(ZooError, ValueError):
    """An index that cannot be used, or not for this; the message names it and says what to do."""


def moment(text: str) -> datetime:
    """A time in the form of ISO 8601, local where it names no zone. Raises ValueError when it is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:  # in the year 1 or 9999
        raise ValueError(str(error)) from error


class Only(NamedTuple):
    """Which pictures are searched: those that fit each field that is given."""

    pids: Sequence[str] = ()
    camids: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    """Both ends belong to it. A time without zone is local."""

    def expression(self) -> Any:
        """For LanceDB; None where all fit."""
        from lancedb.expr import col, lit

        parts = [col('pid').isin(list(self.pids))] if self.pids else []
        parts += [col('camid').isin(list(self.camids))] if self.camids else []
        parts += [col('time') >= lit(self.since.astimezone(UTC))] if self.since else []
        parts += [col('time') <= lit(self.until.astimezone(UTC))] if self.until else []
        return reduce(operator.and_, parts) if parts else None

    def allows(self, pid: str, camid: str, time: datetime) -> bool:
        """Whether one picture fits; its time has a zone."""
        fits = (not self.pids or pid in self.pids) and (not self.camids or camid in self.camids)
        early, late = (end.astimezone(UTC) if end else time for end in (self.since, self.until))
        return fits and early <= time <= late
