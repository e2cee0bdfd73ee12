"""Libraries from their log: everything that an owner knows is folded from a partition's beginning."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import structlog

from rushes.infra.library_log.port import LibraryLog, LogRecord
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.foresight import expect
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import Generation, LibraryId
from rushes.schemas.log import EntrySkipped, LogEntry

_log = structlog.get_logger(__name__)

AHEAD: Final = 256
"""Records whose items are compared together."""


def fold_libraries(
    log: LibraryLog,
    generation: Generation,
    partition: int,
    until: int | None,
    *,
    only: set[LibraryId] | None,
    skipped: dict[LibraryId, set[str]] | None = None,
) -> dict[LibraryId, Library]:
    """Fold the libraries of a partition (`only` these) from the beginning to offset `until`, or to the end.

    Libraries in which an entry turns out to be skipped are folded again without it. Raises DependencyUnavailable.
    """
    skipped = skipped if skipped is not None else {}
    libraries: dict[LibraryId, Library] = {}
    again: set[LibraryId] = set()
    for entry in _entries(log.read(partition, 0, until), libraries, only):
        library_id = LibraryId(entry.library_id)
        library = libraries.get(library_id)
        if library is None:
            library = libraries[library_id] = Library(library_id, generation)
            library.skipped.update(dict.fromkeys(skipped.get(library_id, set())))
        if isinstance(entry, EntrySkipped) and applied_here(library, entry):
            skipped.setdefault(library_id, set()).add(entry.skipped_entry_id)
            again.add(library_id)
        if library_id in again:
            continue
        try:
            apply(library, entry)
        except MemoryError:
            raise
        except Exception:
            if entry.entry_id in library.skipped:
                raise  # what is only counted can't fail; going on would fold for ever
            # As when it came: the entry is passed over, and everything else of the library stands.
            _log.warning("entry_skipped_in_replay", library_id=library_id, entry_id=entry.entry_id)
            skipped.setdefault(library_id, set()).add(entry.entry_id)
            again.add(library_id)
    if again:
        libraries.update(fold_libraries(log, generation, partition, until, only=again, skipped=skipped))
    return libraries


def _entries(
    records: Iterator[LogRecord], libraries: Mapping[LibraryId, Library], only: set[LibraryId] | None
) -> Iterator[LogEntry]:
    """Entries of (`only` these) libraries; those that are held by then know what comes next."""
    while ahead := list(islice(records, AHEAD)):
        entries = [
            record.entry
            for record in ahead
            if record.entry is not None and (only is None or record.entry.library_id in only)
        ]
        own = by_library(entries)
        held = [library_id for library_id in own if library_id in libraries]
        for library_id in held:
            expect(libraries[library_id], own[library_id])
        yield from entries
        for library_id in held:
            expect(libraries[library_id], ())


def by_library(entries: Iterable[LogEntry]) -> dict[LibraryId, list[LogEntry]]:
    """Entries of each library, in their order."""
    found: dict[LibraryId, list[LogEntry]] = {}
    for entry in entries:
        found.setdefault(LibraryId(entry.library_id), []).append(entry)
    return found


def applied_here(library: Library, said: EntrySkipped) -> bool:
    """Whether an entry that another owner could not apply was applied in this state."""
    return said.skipped_entry_id in library.applied and said.skipped_entry_id not in library.skipped
