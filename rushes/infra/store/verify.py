"""Verification of the store against the truth, which is the fold of a library's log. Never the other direction."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from rushes.infra.store.port import ClusterRow, ItemRow, ItemStore, ShortRead, Space
from rushes.schemas.ids import Generation, LibraryId

VECTOR_TOLERANCE: Final = 1e-5
"""Largest difference of one coordinate of equal vectors: an index may give them back renormalised in float32 (1e-7)."""

_log = structlog.get_logger(__name__)
_Row = TypeVar("_Row", ItemRow, ClusterRow)


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Rows, items and clusters together. `missing`: expected, not stored. `stale`: stored otherwise than expected.
    `foreign`: stored, not expected. `repaired`: written or deleted."""

    checked: int = 0
    missing: int = 0
    stale: int = 0
    foreign: int = 0
    repaired: int = 0

    def __add__(self, other: "RepairReport") -> "RepairReport":
        return RepairReport(
            self.checked + other.checked,
            self.missing + other.missing,
            self.stale + other.stale,
            self.foreign + other.foreign,
            self.repaired + other.repaired,
        )


@dataclass(frozen=True, slots=True)
class _Differences:
    rewrite: list[str]
    foreign: list[str]
    report: RepairReport
    short: bool


def verify_and_repair(
    store: ItemStore,
    library_id: LibraryId,
    generation: Generation,
    expected_items: Mapping[str, ItemRow],
    expected_clusters: Mapping[str, ClusterRow],
) -> RepairReport:
    """Make the store hold what the fold of the library's log says, and nothing else, in all spaces of a generation.

    `expected_items` by item_id, `expected_clusters` by cluster_id. Rows of other libraries and generations are not
    looked at. Where the store counts more rows than it gives, all are written again. Raises DependencyUnavailable
    (ShortRead where that did not help); may be repeated.
    """
    report = RepairReport()
    rows: list[ItemRow | ClusterRow] = [*expected_items.values(), *expected_clusters.values()]
    spaces = {row.space for row in rows} | {space for space in store.spaces() if space.generation == generation}
    for space in sorted(spaces, key=lambda s: (s.kind, s.model_id, s.dim)):
        report += _verify_space(
            store,
            library_id,
            space,
            {key: row for key, row in expected_items.items() if row.space == space},
            {key: row for key, row in expected_clusters.items() if row.space == space},
        )
    if report.repaired:
        _log.warning("store repaired from the log", library_id=library_id, generation=generation, **_figures(report))
    return report


def _verify_space(
    store: ItemStore,
    library_id: LibraryId,
    space: Space,
    items: Mapping[str, ItemRow],
    clusters: Mapping[str, ClusterRow],
) -> RepairReport:
    of_items = _compare(store.items(library_id, space), items)
    of_clusters = _compare(store.clusters(library_id, space), clusters)
    store.upsert([items[key] for key in of_items.rewrite], [clusters[key] for key in of_clusters.rewrite])
    store.delete(library_id, space, of_items.foreign, of_clusters.foreign)
    if of_items.short or of_clusters.short:
        _exhaust(store.items(library_id, space))
        _exhaust(store.clusters(library_id, space))
    return of_items.report + of_clusters.report


def _compare(stored: Iterator[_Row], expected: Mapping[str, _Row]) -> _Differences:
    stale: list[str] = []
    foreign: list[str] = []
    missing: set[str] = set(expected)
    checked = 0
    short = False
    try:
        for row in stored:
            checked += 1
            key = row.record.key
            missing.discard(key)
            wanted = expected.get(key)
            if wanted is None:
                foreign.append(key)
            elif not _same(row, wanted):
                stale.append(key)
    except ShortRead as error:
        _log.warning("the store counts rows that it does not give; all are written again", reason=str(error))
        short = True
    rewrite = list(expected) if short else [*stale, *sorted(missing)]
    report = RepairReport(checked, len(missing), len(stale), len(foreign), len(rewrite) + len(foreign))
    return _Differences(rewrite, foreign, report, short)


def _same(stored: _Row, expected: _Row) -> bool:
    close = np.allclose(_vector(stored), _vector(expected), rtol=0.0, atol=VECTOR_TOLERANCE)
    return stored.record == expected.record and bool(close)


def _vector(row: ItemRow | ClusterRow) -> NDArray[np.float32]:
    return row.vector if isinstance(row, ItemRow) else row.centroid


def _exhaust(rows: Iterator[ItemRow] | Iterator[ClusterRow]) -> None:
    """Read all: raises ShortRead where rows are lacking still."""
    for _ in rows:
        pass


def _figures(report: RepairReport) -> dict[str, int]:
    return {
        "checked": report.checked,
        "missing": report.missing,
        "stale": report.stale,
        "foreign": report.foreign,
        "rows": report.repaired,
    }
