"""The item store on Milvus: Milvus Lite (a folder) and the server, one adapter.

What differs between the two, and what either gets wrong, was measured; the constants below say what.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from rushes.infra.settings import MilvusSettings
from rushes.infra.store import naming
from rushes.infra.store.client import AnswerTooLarge, CollectionGone, RawRow, translated
from rushes.infra.store.connection import Connection
from rushes.infra.store.known import KnownRows
from rushes.infra.store.naming import TABLES, Table, collection_name
from rushes.infra.store.port import ClusterRow, Hit, ItemRow, ShortRead, Space
from rushes.infra.store.rows import (
    StoredRow,
    by_space,
    checked_probes,
    cluster_of,
    item_of,
    stored_clusters,
    stored_items,
)
from rushes.infra.store.schema import (
    ROW_FIELDS,
    check_collection,
    check_partitions,
    create_collection,
    create_index,
    load_collection,
    space_of,
)
from rushes.schemas.ids import ItemId, LibraryId

UPSERT_ROWS: Final = 256
"""Rows of one call: fastest on the server (18,000 rows/s of 512; 9,400 with 1,000), and under the 64 MB of a call even
with records and vectors of the largest size (33 MB)."""

LITE_FLUSH_ROWS: Final = 5_000
"""Rows after which Lite is flushed: what is not flushed is searched in Python, at 14 ms for 1,000 rows."""

LITE_READ_FLUSH_ROWS: Final = 1_000
"""Unflushed rows before a read that are worth a flush: each page of the read scans them all in Python."""

READ_PAGE_BYTES: Final = 100_000_000
"""Memory of one page of a read: pymilvus gives vectors as lists, 32 bytes a number."""

LEAST_PAGE_ROWS: Final = 100
"""With records and vectors of the largest size a page of so many has 20 MB, of the 64 MB that a server sends."""

READ_ATTEMPTS: Final = 5
"""Reads of a library before the store is believed to lack rows. 1 of 57 first reads after a kill was short."""

DELETE_ROWS: Final = 1_000
"""Keys in one filter: 100 KB."""

SEARCH_PROBES: Final = 256
"""Probes of one call: 0.1 s on 100,000 rows of a server."""

SEARCH_EF: Final = 64
"""Least breadth of an HNSW search; at least k is needed."""

_log = structlog.get_logger(__name__)
_Row = TypeVar("_Row", ItemRow, ClusterRow)
_T = TypeVar("_T")


class MilvusStore:
    """ItemStore on Milvus. Thread-safe: one writer per collection at a time, readers beside it.

    A write is durable against the end of any process when `upsert` returns; Lite's log is not fsynced, so a crash of
    the machine may lose the last rows, which verification against the library's log brings back.
    """

    def __init__(self, settings: MilvusSettings) -> None:
        self._prefix = naming.checked_prefix(settings.prefix)
        self._partitions = settings.partitions
        self._timeout_s = settings.timeout_s
        self._connection = Connection(settings.uri)
        self._opened: set[str] = set()
        self._spaces: dict[str, Space | None] = {}
        self._unflushed: dict[str, int] = {}
        self._known = KnownRows()
        if self._connection.lite:
            self._connection.client()

    def upsert(self, items: Sequence[ItemRow], clusters: Sequence[ClusterRow]) -> None:
        tables: list[tuple[Table, list[StoredRow]]] = [
            ("items", stored_items(items)),
            ("clusters", stored_clusters(clusters)),
        ]
        for table, stored in tables:
            for space, group in by_space(stored):
                self._write(table, space, group)

    def delete(self, library_id: LibraryId, space: Space, item_ids: Sequence[str], cluster_ids: Sequence[str]) -> None:
        tables: list[tuple[Table, Sequence[str]]] = [("items", item_ids), ("clusters", cluster_ids)]
        for table, ids in tables:
            name = self._open(table, space, create=False) if ids else None
            if name is None:
                continue
            keys = [naming.row_key(library_id, row_id) for row_id in dict.fromkeys(ids)]
            with self._connection.writing(name):
                self._known.forget(name, library_id)
                for chunk in _chunks(keys, DELETE_ROWS):
                    with self._calling(name, "deleting rows"):
                        self._connection.client().delete(
                            name, filter=naming.keys_filter(chunk), timeout=self._timeout_s
                        )

    def spaces(self) -> list[Space]:
        client = self._connection.client()
        starts = tuple(f"{self._prefix}_{table}_" for table in TABLES)
        found: dict[Space, None] = {}
        with translated("listing collections"):
            for name in sorted(client.list_collections(timeout=self._timeout_s)):
                if not name.startswith(starts):
                    continue
                if name not in self._spaces:
                    self._spaces[name] = space_of(client, name, timeout_s=self._timeout_s)
                space = self._spaces[name]
                # A longer prefix can look like ours with a table behind it; the name made from the space tells.
                if space and name in {collection_name(self._prefix, table, space) for table in TABLES}:
                    found[space] = None
        return list(found)

    def items(self, library_id: LibraryId, space: Space) -> Iterator[ItemRow]:
        return self._read("items", library_id, space, item_of)

    def clusters(self, library_id: LibraryId, space: Space) -> Iterator[ClusterRow]:
        return self._read("clusters", library_id, space, cluster_of)

    def search(self, library_id: LibraryId, space: Space, probes: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """As the port says; rows written in the last 0.2 s may be missing (consistency `Bounded`, 3 ms against 200)."""
        checked = checked_probes(space, probes, k)
        name = self._open("items", space, create=False)
        if name is None:
            return [[] for _ in checked]
        hits: list[list[RawRow]] = []
        for start in range(0, len(checked), SEARCH_PROBES):
            with self._calling(name, "searching"):
                hits += self._connection.client().search(
                    name,
                    data=list(checked[start : start + SEARCH_PROBES]),
                    limit=k,
                    anns_field="vec",
                    filter=naming.library_filter(library_id),
                    output_fields=["pk"],
                    search_params={"metric_type": "COSINE", "params": {"ef": max(SEARCH_EF, k)}},
                    consistency_level="Bounded",
                    timeout=self._timeout_s,
                )
        return [[_hit(library_id, raw) for raw in of_probe] for of_probe in hits]

    def close(self) -> None:
        """Let go of Milvus; a later call connects again."""
        self._connection.close()
        self._opened.clear()
        self._known = KnownRows()

    def _write(self, table: Table, space: Space, rows: Sequence[StoredRow]) -> None:
        name = self._open(table, space, create=True)
        assert name is not None
        with self._connection.writing(name):
            changed = [row for row in rows if not self._known.unchanged(name, row)]
            for chunk in _chunks(changed, UPSERT_ROWS):
                try:
                    with self._calling(name, f"writing {len(chunk)} {table}"):
                        self._connection.client().upsert(name, [row.fields() for row in chunk], timeout=self._timeout_s)
                except Exception:
                    # Whatever went wrong, the rows may be there or not: the retry must write them.
                    for library_id in {row.library_id for row in chunk}:
                        self._known.forget(name, library_id)
                    raise
                self._known.remember(name, chunk)
                self._unflushed[name] = self._unflushed.get(name, 0) + len(chunk)
            self._flush_lite(name, LITE_FLUSH_ROWS)

    def _flush_lite(self, name: str, least_rows: int) -> None:
        """Flush a collection of Lite that has so many rows unflushed; to be called with its lock held."""
        if not self._connection.lite or self._unflushed.get(name, 0) < least_rows:
            return
        with self._calling(name, "flushing"):
            self._connection.client().flush(name, timeout=self._timeout_s)
        self._unflushed[name] = 0

    def _open(self, table: Table, space: Space, *, create: bool) -> str | None:
        """Name of the space's collection, there and loaded; None where it is not and shall not be made."""
        name = collection_name(self._prefix, table, space)
        if name in self._opened:
            return name
        client = self._connection.client()
        with self._connection.writing(name), translated(f"opening the collection {name}"):
            if client.has_collection(name, timeout=self._timeout_s):
                check_collection(client, name, space, timeout_s=self._timeout_s)
            elif not create:
                return None
            else:
                if not self._connection.lite:
                    check_partitions(client, self._partitions, timeout_s=self._timeout_s)
                create_collection(client, name, space, partitions=self._partitions, timeout_s=self._timeout_s)
            if not client.list_indexes(name, field_name="vec", timeout=self._timeout_s):
                create_index(client, name, lite=self._connection.lite, timeout_s=self._timeout_s)
            load_collection(client, name, lite=self._connection.lite, timeout_s=self._timeout_s)
            # What an earlier process left unflushed is not known: the first read or write flushes it.
            self._unflushed.setdefault(name, LITE_FLUSH_ROWS)
            self._opened.add(name)
        return name

    def _read(
        self, table: Table, library_id: LibraryId, space: Space, decoded: Callable[[Space, RawRow], _Row | None]
    ) -> Iterator[_Row]:
        """Rows of a library as they come; what a pass lacked against the count is looked for by another."""
        name = self._open(table, space, create=False)
        if name is None:
            return
        # Rows found to be wrong or missing must be writable again, although this process wrote them once.
        self._known.forget(name, library_id)
        with self._connection.writing(name):
            self._flush_lite(name, LITE_READ_FLUSH_ROWS)
        seen: set[str] = set()
        count = 0
        page_rows = min(max(READ_PAGE_BYTES // (32 * space.dim + 4_096), LEAST_PAGE_ROWS), 16_384)
        for attempt in range(1, READ_ATTEMPTS + 1):
            # Strong: the count waits until all that was written before is visible, and the pages see no less.
            count = self._count(name, library_id)
            for raw in self._pages(name, library_id, page_rows):
                key = str(raw["pk"])
                if key in seen:
                    continue
                seen.add(key)
                row = decoded(space, raw)
                if row is None:
                    _log.warning("row of an unknown schema ignored", collection=name, key=key)
                    continue
                yield row
            if len(seen) >= count:
                return
            _log.warning("short read, read again", collection=name, found=len(seen), counted=count, attempt=attempt)
        raise ShortRead(
            f"expected {count} {table} of library {library_id} in {name} (by count), found {len(seen)} in "
            f"{READ_ATTEMPTS} reads: old versions are counted, or rows are missing. Verification writes them again"
        )

    def _count(self, name: str, library_id: LibraryId) -> int:
        with self._calling(name, "counting rows"):
            rows = self._connection.client().query(
                name,
                filter=naming.library_filter(library_id),
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._timeout_s,
            )
        return int(str(rows[0]["count(*)"]))

    def _pages(self, name: str, library_id: LibraryId, page_rows: int) -> Iterator[RawRow]:
        """All rows; where records are so large that a page exceeds what a server sends, again in smaller pages."""
        try:
            yield from self._pages_of(name, library_id, page_rows)
        except AnswerTooLarge:
            if page_rows <= LEAST_PAGE_ROWS:
                raise
            yield from self._pages(name, library_id, max(page_rows // 4, LEAST_PAGE_ROWS))

    def _pages_of(self, name: str, library_id: LibraryId, page_rows: int) -> Iterator[RawRow]:
        with self._calling(name, "reading rows"):
            pages = self._connection.client().query_iterator(
                name,
                batch_size=page_rows,
                filter=naming.library_filter(library_id),
                output_fields=ROW_FIELDS,
                consistency_level="Strong",
                timeout=self._timeout_s,
            )
        try:
            while True:
                with self._calling(name, "reading rows"):
                    page = pages.next()
                if not page:
                    return
                yield from page
        finally:
            pages.close()

    @contextmanager
    def _calling(self, name: str, doing: str) -> Iterator[None]:
        """A call on an open collection: if it is gone, nothing of what is known of it holds."""
        try:
            with translated(f"{doing} in {name}"):
                yield
        except CollectionGone:
            _log.warning("collection is gone or not loaded; opened again by the next call", collection=name)
            self._opened.discard(name)
            self._known.forget(name)
            raise


def _chunks(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _hit(library_id: LibraryId, raw: RawRow) -> Hit:
    entity = raw["entity"]
    assert isinstance(entity, Mapping)
    return Hit(ItemId(naming.row_id(library_id, str(entity["pk"]))), float(str(raw["distance"])))
