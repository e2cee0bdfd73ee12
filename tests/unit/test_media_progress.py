"""A media's state is the same in whatever order its records are read."""

from itertools import permutations

from rushes.schemas.revision import Revision
from rushes.schemas.status import MediaStatus, StatusCounters
from rushes.streams.media_progress import fold_statuses


def status(stage: str, state: str, *, version: int = 1, n: int | None = None, shots: int = 0) -> MediaStatus:
    return MediaStatus(
        library_id="lib",
        media_id="a",
        stage=stage,
        version=version,
        state=state,
        counters=StatusCounters(shots_found=shots),
        revision=None if n is None else Revision(n=n, k=0),
    )


def test_the_owner_says_last_how_far_a_media_is():
    records = [
        status("split", "splitting", shots=1),
        status("split", "split", shots=3),
        status("cluster", "clustering", n=4),
        status("cluster", "complete", n=6),
    ]
    for order in permutations(records):
        assert fold_statuses(order)["a"].state == "complete"


def test_a_failure_ends_a_media_until_a_greater_version_comes():
    failed = status("embed", "failed")
    records = [status("split", "split", shots=3), status("cluster", "clustering", n=4), failed]
    for order in permutations(records):
        assert fold_statuses(order)["a"] is failed
    again = status("split", "splitting", version=2)
    for order in permutations([*records, again]):
        assert fold_statuses(order)["a"] is again
