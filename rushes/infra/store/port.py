"""Port of the durable, searchable store of items and clusters.

The truth is the log; the store is verified against it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rushes.schemas.decisions import ClusterAssigned, ClusterChanged
from rushes.schemas.errors import DependencyUnavailable
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import Generation, ItemId, LibraryId, ModelId


@dataclass(frozen=True, slots=True)
class Space:
    """Where vectors may meet: one kind, one model, one generation."""

    kind: ItemKind
    model_id: ModelId
    generation: Generation
    dim: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item and the decision on it. `vector`: (dim,) float32, unit."""

    space: Space
    record: ClusterAssigned
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster and its normalised mean. `centroid`: (dim,) float32, unit."""

    space: Space
    record: ClusterChanged
    centroid: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored item near a probe; similarity is the cosine, bigger is closer."""

    item_id: ItemId
    similarity: float


class ShortRead(DependencyUnavailable):
    """Reads of a library gave fewer rows than are counted, again and again. What was given is right."""


class ItemStore(Protocol):
    """Rows by id, written whole. Errors: DependencyUnavailable where the store does not answer (a retry is safe)."""

    def upsert(self, items: Sequence[ItemRow], clusters: Sequence[ClusterRow]) -> None:
        """Write rows, the last of several of one id wins. Items before clusters. Durable when it returns."""
        ...

    def delete(self, library_id: LibraryId, space: Space, item_ids: Sequence[str], cluster_ids: Sequence[str]) -> None:
        """Remove rows by id; none there is fine. Never a row of another library."""
        ...

    def spaces(self) -> list[Space]:
        """All spaces that have rows or had them."""
        ...

    def items(self, library_id: LibraryId, space: Space) -> Iterator[ItemRow]:
        """All items of a library there, every own write included; counted, so that a short read is retried."""
        ...

    def clusters(self, library_id: LibraryId, space: Space) -> Iterator[ClusterRow]:
        """All clusters of a library there, likewise."""
        ...

    def search(self, library_id: LibraryId, space: Space, probes: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The k nearest items of the library to each probe, nearest first. `probes`: (n, dim)."""
        ...

    def close(self) -> None: ...
