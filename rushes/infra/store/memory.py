"""The item store in memory: for tests, dry runs and replays that are only compared. Search is exact."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rushes.infra.store.naming import row_key
from rushes.infra.store.port import ClusterRow, Hit, ItemRow, Space
from rushes.infra.store.rows import checked_probes, stored_clusters, stored_items
from rushes.schemas.ids import ItemId, LibraryId


class MemoryStore:
    """ItemStore over dictionaries. Rows are checked and copied as the real ones are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[Space, dict[str, ItemRow]] = {}
        self._clusters: dict[Space, dict[str, ClusterRow]] = {}

    def upsert(self, items: Sequence[ItemRow], clusters: Sequence[ClusterRow]) -> None:
        item_vectors = {row.key: row.vector.copy() for row in stored_items(items)}
        centroids = {row.key: row.vector.copy() for row in stored_clusters(clusters)}
        with self._lock:
            for item in items:
                key = row_key(item.record.library_id, item.record.item_id)
                self._items.setdefault(item.space, {})[key] = replace(item, vector=item_vectors[key])
            for cluster in clusters:
                key = row_key(cluster.record.library_id, cluster.record.cluster_id)
                self._clusters.setdefault(cluster.space, {})[key] = replace(cluster, centroid=centroids[key])

    def delete(self, library_id: LibraryId, space: Space, item_ids: Sequence[str], cluster_ids: Sequence[str]) -> None:
        with self._lock:
            for item_id in item_ids:
                self._items.get(space, {}).pop(row_key(library_id, item_id), None)
            for cluster_id in cluster_ids:
                self._clusters.get(space, {}).pop(row_key(library_id, cluster_id), None)

    def spaces(self) -> list[Space]:
        with self._lock:
            return list({**self._items, **self._clusters})

    def items(self, library_id: LibraryId, space: Space) -> Iterator[ItemRow]:
        with self._lock:
            rows = list(self._items.get(space, {}).values())
        return (row for row in rows if row.record.library_id == library_id)

    def clusters(self, library_id: LibraryId, space: Space) -> Iterator[ClusterRow]:
        with self._lock:
            rows = list(self._clusters.get(space, {}).values())
        return (row for row in rows if row.record.library_id == library_id)

    def search(self, library_id: LibraryId, space: Space, probes: NDArray[np.float32], k: int) -> list[list[Hit]]:
        checked = checked_probes(space, probes, k).astype(np.float64)
        rows = list(self.items(library_id, space))
        if not rows:
            return [[] for _ in checked]
        gallery = np.stack([row.vector for row in rows]).astype(np.float64)
        gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
        checked /= np.linalg.norm(checked, axis=1, keepdims=True)
        similarities = checked @ gallery.T
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return [
            [Hit(ItemId(rows[place].record.item_id), float(row[place])) for place in places]
            for row, places in zip(similarities, order, strict=True)
        ]

    def close(self) -> None:
        """Nothing is held."""
