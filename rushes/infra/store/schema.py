"""What a collection looks like, and that the one there looks so."""

import re
from typing import Final

import structlog

from rushes.infra.store.client import Client
from rushes.infra.store.naming import SPACE_PROPERTY, space_of_property, space_to_property
from rushes.infra.store.port import Space
from rushes.schemas.errors import ConfigurationError

UPSERT_IS_RIGHT: Final = (2, 4)
"""First version of the server in which upsert and partition keys go together."""

FIELDS: Final = frozenset({"pk", "library_id", "n", "k", "vec", "record", "content_hash"})
ROW_FIELDS: Final = ["pk", "vec", "record"]
"""What a read asks for."""

MAX_KEY: Final = 256
"""Characters of a primary key: a library of 64, a slash, a uuid of 36, and room."""

HNSW: Final = {"M": 16, "efConstruction": 100}
"""Index on a server: 100,000 vectors of 512 are searched in 3 ms, flat in 21."""

_log = structlog.get_logger(__name__)


def create_collection(client: Client, name: str, space: Space, *, partitions: int, timeout_s: float) -> None:
    """Make a collection for a space, without its index.

    `record` is JSON, so that new facts need no new field (neither backend can add one) and Milvus can filter by
    any of them, as in ``record["media_id"] == "x"``.
    """
    from pymilvus import DataType, MilvusClient  # noqa: PLC0415 - takes a second to import

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False, description=space_to_property(space))
    schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=MAX_KEY)
    schema.add_field("library_id", DataType.VARCHAR, max_length=64, is_partition_key=True)
    schema.add_field("n", DataType.INT64)
    schema.add_field("k", DataType.INT64)
    schema.add_field("vec", DataType.FLOAT_VECTOR, dim=space.dim)
    schema.add_field("record", DataType.JSON)
    schema.add_field("content_hash", DataType.VARCHAR, max_length=32)
    client.create_collection(
        name,
        schema=schema,
        consistency_level="Bounded",
        num_partitions=partitions,
        properties={SPACE_PROPERTY: space_to_property(space)},
        timeout=timeout_s,
    )


def check_partitions(client: Client, partitions: int, *, timeout_s: float) -> None:
    """Raises ConfigurationError where a server would put rows into partitions in which it does not look for them."""
    if partitions == 1:
        return
    version = client.get_server_version(timeout=timeout_s)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < UPSERT_IS_RIGHT:
        raise ConfigurationError(
            f"expected milvus.partitions=1 for Milvus {version}, found {partitions}: before 2.4 an upsert puts rows "
            "into the partitions of another field (Milvus PR 30772), and 48 of 50 are not found again"
        )


def create_index(client: Client, name: str, *, lite: bool, timeout_s: float) -> None:
    """Index the vectors; a call of its own, for a process may end between it and the collection's creation.

    Flat on Lite: a build of HNSW takes a minute for 100,000 rows there, and a flushed flat search 0.25 s.
    """
    from pymilvus import MilvusClient  # noqa: PLC0415 - takes a second to import

    index = MilvusClient.prepare_index_params()
    index.add_index("vec", index_type="FLAT" if lite else "HNSW", metric_type="COSINE", params={} if lite else HNSW)
    # Loading waits for the index anyway; waiting here would only sleep half a second.
    client.create_index(name, index, timeout=timeout_s, sync=False)


def load_collection(client: Client, name: str, *, lite: bool, timeout_s: float) -> None:
    """Load an indexed collection, as each process must once.

    Lite writes index files in place: a process killed in the middle leaves a part of one, on which every later load
    fails. The rows are whole, so their index is made again.
    """
    from pymilvus import MilvusException  # noqa: PLC0415 - takes a second to import

    try:
        client.load_collection(name, timeout=timeout_s)
    except MilvusException as error:
        if not lite:
            raise
        _log.warning("index can't be read; made again from the rows", collection=name, error=error.message)
        for index in client.list_indexes(name, field_name="vec", timeout=timeout_s):
            client.drop_index(name, index, timeout=timeout_s)
        create_index(client, name, lite=lite, timeout_s=timeout_s)
        client.load_collection(name, timeout=timeout_s)


def space_of(client: Client, name: str, *, timeout_s: float) -> Space | None:
    """The space that a collection holds; None where it is none of ours."""
    described = client.describe_collection(name, timeout=timeout_s)
    properties = described.get("properties")
    stored = properties.get(SPACE_PROPERTY) if isinstance(properties, dict) else None
    description = described.get("description")
    return space_of_property(stored) or space_of_property(description if isinstance(description, str) else None)


def check_collection(client: Client, name: str, space: Space, *, timeout_s: float) -> None:
    """Raises ConfigurationError where the collection of that name is not the one that would be made."""
    described = client.describe_collection(name, timeout=timeout_s)
    fields = described.get("fields")
    found = {str(field["name"]): field for field in fields} if isinstance(fields, list) else {}
    dim = found.get("vec", {}).get("params", {}).get("dim")
    if set(found) != FIELDS or dim != space.dim:
        raise ConfigurationError(
            f"expected the Milvus collection {name} to have the fields {sorted(FIELDS)} and vectors of {space.dim}, "
            f"found {sorted(found)} and {dim}: it was made by another version. Set milvus.prefix to a new name "
            "(it fills again from the log), or drop the collection"
        )
    holds = space_of(client, name, timeout_s=timeout_s)
    if holds != space:
        raise ConfigurationError(
            f"expected the Milvus collection {name} to hold {space}, found {holds}: set milvus.prefix"
        )
