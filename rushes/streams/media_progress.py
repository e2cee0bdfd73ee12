"""How far media are, folded from the records of all stages."""

from collections.abc import Iterable
from typing import Final

from rushes.schemas.status import MediaStatus

ENDED: Final = frozenset({"complete", "partial", "removed", "failed"})

_STAGES: Final = {"split": 0, "embed": 1, "cluster": 2}


def fold_statuses(statuses: Iterable[MediaStatus]) -> dict[str, MediaStatus]:
    """The one record of each media of a library that tells how far it is, in any order of arrival.

    The greatest version counts; within it an end before what is on its way, the later stage before the earlier, the
    higher revision and counters before the lower.
    """
    newest: dict[str, MediaStatus] = {}
    for status in statuses:
        known = newest.get(status.media_id)
        if known is None or _rank(status) > _rank(known):
            newest[status.media_id] = status
    return dict(sorted(newest.items()))


def _rank(status: MediaStatus) -> tuple[int, bool, int, tuple[int, int], int, float]:
    revision = (status.revision.n, status.revision.k) if status.revision is not None else (-1, -1)
    return (
        status.version,
        status.state in ENDED,
        _STAGES[status.stage],
        revision,
        status.counters.total,
        status.progress or 0.0,
    )
