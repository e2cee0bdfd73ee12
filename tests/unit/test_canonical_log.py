"""Entries reach the journal in canonical order, whatever order the work before ended in."""

import itertools
import random
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from rushes.infra.library_log.port import LogPosition, LogRecord
from rushes.streams.run.canonical_log import CanonicalLog
from tests.builders import LibraryBuilder, axis


class ListLog:
    """A log that is a list."""

    def __init__(self) -> None:
        self.entries: list = []

    def partition_of(self, library_id: str) -> int:
        return 0

    def append(self, entries: Sequence) -> list[LogPosition]:
        first = len(self.entries)
        self.entries.extend(entries)
        return [LogPosition(0, first + i) for i in range(len(entries))]

    def read(self, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        for i, entry in itertools.islice(enumerate(self.entries), start, until):
            yield LogRecord(LogPosition(0, i), entry)

    def close(self) -> None:
        pass


def work_of(media: Sequence[str], shots: int) -> dict[str, list]:
    """The entries of each media, in their own order."""
    work = {}
    for name in media:
        lib = LibraryBuilder()
        for t in range(shots):
            lib.one(name, t * 1000, scene=axis(0))
        lib.totals(name)
        work[name] = lib.entries
    return work


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_any_interleaving_gives_the_same_journal(seed, media_count, shots, resumed):
    rng = random.Random(seed)
    names = [f"m{i}" for i in range(media_count)]
    work = work_of(names, shots)
    expected = [entry for name in names for entry in work[name]]
    journal = ListLog()
    if resumed:
        journal.append(expected[: rng.randrange(len(expected))])
    known = {entry.entry_id for entry in journal.entries}
    log = CanonicalLog(journal, known, lambda: None)
    log.announce(names)
    left = {name: list(entries) for name, entries in work.items()}
    while left:
        name = rng.choice(sorted(left))
        take = rng.randint(1, len(left[name]))
        log.append(left[name][:take])
        left[name] = left[name][take:]
        if not left[name]:
            del left[name]
    assert [e.entry_id for e in journal.entries] == [e.entry_id for e in expected]


def test_a_media_that_failed_does_not_hold_the_others_back():
    work = work_of(["a", "b"], 2)
    journal = ListLog()
    written = []
    log = CanonicalLog(journal, (), lambda: written.append(len(journal.entries)))
    log.announce(["a", "b"])
    log.append(work["b"])
    assert journal.entries == []
    log.end("a")
    assert journal.entries == work["b"]
    assert written == [3]


def test_shots_of_the_first_media_go_out_before_it_is_complete():
    work = work_of(["a", "b"], 2)
    journal = ListLog()
    log = CanonicalLog(journal, (), lambda: None)
    log.announce(["a", "b"])
    log.append(work["a"][:1])
    assert journal.entries == work["a"][:1]
