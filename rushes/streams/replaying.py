"""Replay: fold a library's log into a fresh store, and compare it with the live one."""

from dataclasses import dataclass

from rushes.infra.library_log.port import LibraryLog
from rushes.infra.store.port import ClusterRow, ItemRow, ItemStore
from rushes.schemas.ids import Generation, LibraryId
from rushes.streams.stages.log_folding import fold_libraries
from rushes.streams.stages.ownership import all_rows


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of a library in two stores. `different` holds ids of items and clusters whose records are unequal, or that
    only one of the stores has.
    """

    entries: int
    items: int
    clusters: int
    different: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.different


def replay_library(log: LibraryLog, library_id: LibraryId, generation: Generation, fresh: ItemStore) -> int:
    """Decide every entry of the library anew and write the rows into `fresh`; the number of distinct entries.

    The log is only read, and nothing is published.
    """
    library = fold_libraries(log, generation, log.partition_of(library_id), None, only={library_id}).get(library_id)
    if library is None:
        return 0
    items, clusters = all_rows(library)
    fresh.upsert(list(items.values()), list(clusters.values()))
    return library.n


def compare(
    live: ItemStore, fresh: ItemStore, library_id: LibraryId, generation: Generation, entries: int
) -> Comparison:
    """Hold the records of two stores against each other."""
    live_items, live_clusters = _records(live, library_id, generation)
    fresh_items, fresh_clusters = _records(fresh, library_id, generation)
    different = sorted(
        name
        for ours, theirs in ((live_items, fresh_items), (live_clusters, fresh_clusters))
        for name in ours.keys() | theirs.keys()
        if name not in ours or name not in theirs or ours[name] != theirs[name]
    )
    return Comparison(entries, len(fresh_items), len(fresh_clusters), tuple(different))


def _records(
    store: ItemStore, library_id: LibraryId, generation: Generation
) -> tuple[dict[str, object], dict[str, object]]:
    spaces = [space for space in store.spaces() if space.generation == generation]
    items: list[ItemRow] = [row for space in spaces for row in store.items(library_id, space)]
    clusters: list[ClusterRow] = [row for space in spaces for row in store.clusters(library_id, space)]
    return (
        {row.record.item_id: row.record for row in items},
        {row.record.cluster_id: row.record for row in clusters},
    )
