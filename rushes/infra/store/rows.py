"""Rows as they are stored: checked, as plain JSON beside the vector, with a hash of their content."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from rushes.infra.store.naming import row_key
from rushes.infra.store.port import ClusterRow, ItemRow, Space
from rushes.schemas.decisions import ClusterAssigned, ClusterChanged
from rushes.schemas.errors import LimitExceeded, ModelMismatch, PermanentError
from rushes.schemas.event import ItemKind
from rushes.schemas.revision import Revision

MAX_RECORD_BYTES: Final = 65_535
"""Largest JSON value of a Milvus server (bytes of UTF-8). A usual record has 1,200."""


class Record(Protocol):
    """What the records of items and of clusters share."""

    @property
    def library_id(self) -> str: ...
    @property
    def kind(self) -> ItemKind: ...
    @property
    def model_id(self) -> str: ...
    @property
    def generation(self) -> str: ...
    @property
    def revision(self) -> Revision: ...
    @property
    def key(self) -> str: ...
    def model_dump_json(self) -> str: ...


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row, ready to be written. `vector`: (dim,) float32."""

    space: Space
    library_id: str
    key: str
    revision: Revision
    record: str
    vector: NDArray[np.float32]
    content_hash: str

    def fields(self) -> dict[str, str | int | NDArray[np.float32]]:
        """By the names of the collection's fields (see `schema.py`)."""
        return {
            "pk": self.key,
            "library_id": self.library_id,
            "n": self.revision.n,
            "k": self.revision.k,
            "vec": self.vector,
            "record": self.record,
            "content_hash": self.content_hash,
        }


def stored_items(rows: Iterable[ItemRow]) -> list[StoredRow]:
    """Items as stored rows, the last of several of one id. Errors: as `stored_row`."""
    return list({row.key: row for row in (stored_row(r.space, r.record, r.vector) for r in rows)}.values())


def stored_clusters(rows: Iterable[ClusterRow]) -> list[StoredRow]:
    """Clusters as stored rows, the last of several of one id. Errors: as `stored_row`."""
    return list({row.key: row for row in (stored_row(r.space, r.record, r.centroid) for r in rows)}.values())


def stored_row(space: Space, record: Record, vector: NDArray[np.float32]) -> StoredRow:
    """Check a row and make it ready.

    Errors: ModelMismatch (record or vector of another space), PermanentError (not finite, or zero: Milvus Lite would
    take it), LimitExceeded (a record too large for a server).
    """
    name = f"row {record.key} of library {record.library_id}"
    claimed = (record.kind, record.model_id, record.generation)
    if claimed != (space.kind, space.model_id, space.generation):
        raise ModelMismatch(f"{name}: its record says kind, model and generation {claimed}, its space {space}")
    values = np.ascontiguousarray(vector, dtype=np.float32)
    if values.shape != (space.dim,):
        raise ModelMismatch(f"{name}: expected a vector of shape ({space.dim},), found {values.shape}")
    if not np.all(np.isfinite(values)) or not values.any():
        raise PermanentError(f"{name}: expected a finite vector that is not zero; the model that made it is broken")
    text = record.model_dump_json()
    encoded = text.encode()
    if len(encoded) > MAX_RECORD_BYTES:
        raise LimitExceeded(
            f"{name}: its record has {len(encoded)} bytes, Milvus takes {MAX_RECORD_BYTES}; name fewer exemplars"
        )
    digest = hashlib.blake2b(encoded, digest_size=16)
    digest.update(values.tobytes())
    key = row_key(record.library_id, record.key)
    return StoredRow(space, record.library_id, key, record.revision, text, values, digest.hexdigest())


def by_space(rows: Sequence[StoredRow]) -> list[tuple[Space, list[StoredRow]]]:
    """Rows of each space, spaces in a fixed order."""

    def order(row: StoredRow) -> tuple[str, str, str, int]:
        return row.space.kind, row.space.generation, row.space.model_id, row.space.dim

    grouped = (list(group) for _, group in groupby(sorted(rows, key=order), key=order))
    return [(group[0].space, group) for group in grouped]


def item_of(space: Space, raw: Mapping[str, object]) -> ItemRow | None:
    """The item of a row that Milvus gave; None where its record is none of the present schema."""
    try:
        record = ClusterAssigned.model_validate(raw["record"])
    except ValidationError:
        return None
    return ItemRow(space, record, np.asarray(raw["vec"], dtype=np.float32))


def cluster_of(space: Space, raw: Mapping[str, object]) -> ClusterRow | None:
    """The cluster of a row that Milvus gave; None where its record is none of the present schema."""
    try:
        record = ClusterChanged.model_validate(raw["record"])
    except ValidationError:
        return None
    return ClusterRow(space, record, np.asarray(raw["vec"], dtype=np.float32))


def checked_probes(space: Space, probes: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Probes as (n, dim) float32. Errors: ModelMismatch (their dimensions), PermanentError (their values, k)."""
    values = np.ascontiguousarray(probes, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != space.dim:
        raise ModelMismatch(f"expected probes of shape (n, {space.dim}), found {values.shape}")
    if not np.all(np.isfinite(values)) or not np.all(values.any(axis=1)):
        raise PermanentError("expected finite probes that are not zero; the model that made them is broken")
    if not 1 <= k <= MAX_HITS:
        raise PermanentError(f"expected k within 1..{MAX_HITS} (Milvus' own limit), found {k}")
    return values


MAX_HITS: Final = 16_384
"""Most hits that a Milvus server gives to one probe."""
