"""Names of collections, ids of rows and literals in filters: what keeps models, generations and tenants apart.

A collection holds one table (items or clusters) of one space. Its name is readable and ends in a hash of the exact
space, because Milvus allows letters, digits and underscores only and `g-1` must not meet `g_1`. The exact space stands
in the collection's properties, from where it is known again after a restart.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from rushes.infra.store.port import Space
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import LibraryId

Table = Literal["items", "clusters"]
TABLES: Final[tuple[Table, ...]] = ("items", "clusters")

SPACE_PROPERTY: Final = "rushes.space"
"""Property of a collection that holds its space. Properties survive restarts on Milvus Lite 3.2 and the server 2.3;
descriptions don't on Lite."""

_SPACE: TypeAdapter[Space] = TypeAdapter(Space)
_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_GENERATION_SHOWN: Final = 64
"""Characters of the generation in a name; Milvus allows 255 in all."""


def checked_prefix(prefix: str) -> str:
    """The prefix, if Milvus takes it as it is. Raises ConfigurationError: two prefixes must never become one name."""
    if not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"milvus.prefix must be 1 to 64 letters, digits and underscores, the first no digit, found {prefix!r}"
        )
    return prefix


def collection_name(prefix: str, table: Table, space: Space) -> str:
    """Name of a table's collection: prefix, table, kind, generation, hash of the space, dimensions.

    >>> from rushes.schemas.ids import Generation, ModelId
    >>> collection_name("rushes", "items", Space("face", ModelId("m"), Generation("g-1"), 512))
    'rushes_items_face_g_1_70a62624_512'
    """
    exact = json.dumps([space.kind, space.model_id, space.generation, space.dim])
    digest = hashlib.sha256(exact.encode()).hexdigest()[:8]
    generation = re.sub(r"[^A-Za-z0-9_]", "_", space.generation)[:_GENERATION_SHOWN]
    return f"{prefix}_{table}_{space.kind}_{generation}_{digest}_{space.dim}"


def space_to_property(space: Space) -> str:
    return _SPACE.dump_json(space).decode()


def space_of_property(value: str | None) -> Space | None:
    """The space that a collection says it holds; None where it is not one of ours."""
    if not value:
        return None
    try:
        return _SPACE.validate_json(value)
    except ValidationError:
        return None


def row_key(library_id: str, row_id: str) -> str:
    """Primary key of a row: library first, so that no id, however made, reaches another tenant's row."""
    return f"{library_id}/{row_id}"


def row_id(library_id: LibraryId, key: str) -> str:
    """The item's or cluster's id again."""
    return key.removeprefix(f"{library_id}/")


def literal(value: str) -> str:
    r"""A string literal of Milvus' filter language.

    >>> print(literal('a"b\\c'))
    "a\"b\\c"
    """
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def library_filter(library_id: LibraryId) -> str:
    return f"library_id == {literal(library_id)}"


def keys_filter(keys: Iterable[str]) -> str:
    return f"pk in [{', '.join(map(literal, keys))}]"
