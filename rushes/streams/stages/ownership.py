"""The libraries that this process owns, in RAM: recovered from the log, moved on entry by entry.

A library's state is a fold over its partition of the log. On the first entry of a partition after an assignment the
log behind it is read silently, with a reader of its own, and the store is verified against the result. An entry that
can't be applied is skipped, and says so in the log, so that a replay skips it too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from rushes.infra.library_log.port import LibraryLog
from rushes.infra.long_lived import LongLived
from rushes.infra.store.port import ClusterRow, ItemRow, Space
from rushes.processors.clustering.arrivals import SKIPPED
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.foresight import expect
from rushes.processors.clustering.items import Changes
from rushes.processors.clustering.library import Library
from rushes.schemas.decisions import ClusterAssigned, ClusterChanged
from rushes.schemas.errors import PermanentError
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ClusterId, Generation, ItemId, LibraryId, entry_id
from rushes.schemas.log import EntrySkipped, LogEntry
from rushes.streams.stages.log_folding import applied_here, by_library, fold_libraries

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Partition:
    """One partition of the log as this process knows it: everything before `next_offset` is in the libraries, or was in
    those that are `away` from memory.
    """

    next_offset: int = 0
    libraries: dict[LibraryId, Library] = field(default_factory=dict)
    away: set[LibraryId] = field(default_factory=set)


class EntryFailed(PermanentError):
    """An entry could not be applied; the library goes on without it. `changes`: what follows from that."""

    code = SKIPPED

    def __init__(self, message: str, changes: Changes) -> None:
        super().__init__(message)
        self.changes = changes


class Owner:
    """State of all libraries in the partitions at hand. `unverified` are those folded from their beginning, which the
    store must be verified against; whoever does so takes them out.
    """

    def __init__(self, log: LibraryLog, generation: Generation) -> None:
        self._log = log
        self._generation = generation
        self._partitions: dict[int, Partition] = {}
        self.unverified: dict[LibraryId, None] = {}
        self._memory = LongLived()

    def library(self, library_id: LibraryId) -> Library | None:
        """A library held now; None where nothing of it was applied here."""
        for partition in self._partitions.values():
            if library_id in partition.libraries:
                return partition.libraries[library_id]
        return None

    @property
    def partitions(self) -> frozenset[int]:
        """Partitions held now."""
        return frozenset(self._partitions)

    def libraries(self, partition: int) -> list[LibraryId]:
        """The libraries of a partition, as far as anything of them was applied here."""
        held = self._partitions.get(partition)
        return list(held.libraries) if held is not None else []

    def all_libraries(self) -> list[Library]:
        """Every library held now."""
        return [library for partition in self._partitions.values() for library in partition.libraries.values()]

    def let_go(self, library_id: LibraryId) -> None:
        """Take a library out of memory; it comes back from the log."""
        for partition in self._partitions.values():
            if partition.libraries.pop(library_id, None) is not None:
                partition.away.add(library_id)

    def back(self, library_id: LibraryId) -> Library | None:
        """A library held now, folded again where it was away. Raises DependencyUnavailable."""
        for number, partition in self._partitions.items():
            if library_id in partition.away:
                self._recall(number, partition, library_id, partition.next_offset)
        return self.library(library_id)

    def _recall(self, number: int, partition: Partition, library_id: LibraryId, until: int) -> None:
        folded = self._fold(number, until, {library_id}, {})
        partition.libraries.update(folded)
        partition.away.discard(library_id)

    def drop(self, partitions: frozenset[int]) -> None:
        """Drop the state of partitions that are no longer ours."""
        dropped = [self._partitions.pop(partition, None) for partition in partitions]
        if any(held is not None and held.libraries for held in dropped):
            dropped.clear()
            self._memory.shrank()

    def catch_up(self, partition: int, until: int) -> dict[LibraryId, Changes]:
        """Make the state that of the log before offset `until`: silently from the beginning, where nothing is held.
        Where offsets were passed by, somebody else has told of the entries there; what they changed is returned.
        Raises DependencyUnavailable where the log can't be read.
        """
        held = self._partitions.get(partition)
        if held is None:
            held = Partition(until, self._fold(partition, until, None, {}))
            self._partitions[partition] = held
            self.unverified.update(dict.fromkeys(held.libraries))
            self._memory.stays()
            return {}
        missed: dict[LibraryId, Changes] = {}
        if until > held.next_offset:
            for record in self._log.read(partition, held.next_offset, until):
                if record.entry is not None:
                    try:
                        changes = self.apply(partition, record.position.offset, record.entry)
                    except EntryFailed as error:
                        changes = error.changes
                    missed.setdefault(LibraryId(record.entry.library_id), Changes()).merge(changes)
            held.next_offset = until
        return missed

    @contextmanager
    def expecting(self, entries: Sequence[LogEntry]) -> Iterator[None]:
        """Meanwhile these are applied: their items are compared together with what is held now."""
        own = by_library(entries)
        held = {library_id: self.library(library_id) for library_id in own}
        for library_id, library in held.items():
            if library is not None:
                expect(library, own[library_id])
        try:
            yield
        finally:
            for library in held.values():
                if library is not None:
                    expect(library, ())

    def apply(self, partition: int, offset: int, entry: LogEntry) -> Changes:
        """Apply one entry at its place. Raises EntryFailed where that is impossible, having skipped it for ever, and
        DependencyUnavailable where that can't be written down; then the next call folds the partition anew.
        """
        held = self._partitions.setdefault(partition, Partition())
        library_id = LibraryId(entry.library_id)
        if library_id in held.away:
            self._recall(partition, held, library_id, max(held.next_offset, offset))
        library = held.libraries.get(library_id)
        if library is None:
            library = held.libraries[library_id] = Library(library_id, self._generation)
        failure: Exception | None = None
        before: Library | None = None
        if isinstance(entry, EntrySkipped) and applied_here(library, entry):
            _log.warning("applied_entry_is_skipped", library_id=library_id, entry_id=entry.skipped_entry_id)
            before = library
            library = self._without(partition, offset, library, entry.skipped_entry_id)
        try:
            changes = apply(library, entry)
        except MemoryError:
            del self._partitions[partition]
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises, one entry must not stop the partition
            # half applied, the state is folded anew
            _log.exception("entry_skipped", library_id=library_id, entry_id=entry.entry_id, entry_type=entry.type)
            failure = error
            library = self._without(partition, offset, library, entry.entry_id, _skip(entry, error))
            changes = apply(library, entry)
        if before is not None:
            changes.merge(_differences(before, library))
        held.next_offset = max(held.next_offset, offset + 1)
        self._memory.grew()
        if failure is not None:
            message = f"{entry.type} {entry.entry_id} could not be applied: {failure!r}"
            raise EntryFailed(message, changes) from failure
        return changes

    def _without(
        self, partition: int, offset: int, library: Library, entry_id: str, said: EntrySkipped | None = None
    ) -> Library:
        """The library of the log before `offset`, without an entry. `said` is appended before: it makes that lasting.
        Until both are done the partition counts as not held, so that a failure between leaves nothing half done.
        """
        held = self._partitions.pop(partition)
        if said is not None:
            self._log.append([said])
        library_id = library.library_id
        skipped = {library_id: {*library.skipped, entry_id}}
        anew = self._fold(partition, offset, {library_id}, skipped).get(library_id)
        if anew is None:
            anew = Library(library_id, self._generation)
            anew.skipped[entry_id] = None
        held.libraries[library_id] = anew
        self.unverified[library_id] = None
        self._partitions[partition] = held
        return anew

    def _fold(
        self, partition: int, until: int, only: set[LibraryId] | None, skipped: dict[LibraryId, set[str]]
    ) -> dict[LibraryId, Library]:
        return fold_libraries(self._log, self._generation, partition, until, only=only, skipped=skipped)


def _differences(before: Library, after: Library) -> Changes:
    """Records of one state of a library that differ in another: those of the latter, and an end to what it lacks."""
    changes = Changes()
    for item_id, item in after.items.items():
        old = before.items.get(item_id)
        record = item.record
        if record is not None and (old is None or old.record != record):
            changes.items[item_id] = record
    for cluster_id, cluster in after.clusters.items():
        known = before.clusters.get(cluster_id)
        said = cluster.record
        if said is not None and (known is None or known.record != said):
            changes.clusters[cluster_id] = said
    for item_id, item in before.items.items():
        if item_id not in after.items and item.record is not None:
            changes.items[item_id] = item.record.model_copy(
                update={
                    "cluster_id": None,
                    "provisional_id": None,
                    "previous_cluster_id": item.cluster_id,
                    "decision": "retired",
                    "pinned": False,
                    "revision": after.next_revision(),
                }
            )
    for cluster_id, cluster in before.clusters.items():
        if cluster_id not in after.clusters and cluster.record is not None:
            changes.clusters[cluster_id] = cluster.record.model_copy(
                update={"status": "retired", "size": 0, "exemplar_item_ids": (), "revision": after.next_revision()}
            )
    return changes


def item_row(library: Library, record: ClusterAssigned) -> ItemRow:
    """The store's row of an item held in the library."""
    item = library.items[ItemId(record.item_id)]
    return ItemRow(space_of(library, record.kind), record, _unit(item.vector64()))


def cluster_row(library: Library, record: ClusterChanged) -> ClusterRow:
    """The store's row of an active cluster."""
    cluster = library.clusters[ClusterId(record.cluster_id)]
    return ClusterRow(space_of(library, record.kind), record, _unit(cluster.total))


def space_of(library: Library, kind: ItemKind) -> Space:
    """Where the library's vectors of a kind lie."""
    state = library.spaces[kind]
    return Space(kind, state.model_id, library.generation, state.dim)


def all_rows(library: Library) -> tuple[dict[str, ItemRow], dict[str, ClusterRow]]:
    """Every row that the store should hold of a library, by id."""
    items: dict[str, ItemRow] = {
        item_id: item_row(library, record)
        for item_id, item in library.items.items()
        if (record := item.record) is not None
    }
    clusters: dict[str, ClusterRow] = {
        cluster_id: cluster_row(library, said)
        for cluster_id, cluster in library.clusters.items()
        if cluster.members and (said := cluster.record) is not None
    }
    return items, clusters


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    norm = float(np.linalg.norm(vector))
    return (vector / norm if norm > 0 else vector).astype(np.float32)


def _skip(entry: LogEntry, error: Exception) -> EntrySkipped:
    library_id = LibraryId(entry.library_id)
    code = error.code if isinstance(error, PermanentError) else "unexpected"
    return EntrySkipped(
        library_id=library_id,
        entry_id=entry_id(library_id, "EntrySkipped", entry.entry_id),
        skipped_entry_id=entry.entry_id,
        code=code,
        reason=f"{type(error).__name__}: {error}"[:500],
    )
