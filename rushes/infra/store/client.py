"""Milvus' client as it is used here, and its errors in our terms."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rushes.schemas.errors import ConfigurationError, DependencyUnavailable

RawRow = Mapping[str, object]


class Pages(Protocol):
    """A query iterator: pages of rows, an empty one at the end."""

    def next(self) -> list[RawRow]: ...
    def close(self) -> None: ...


class Client(Protocol):
    """The part of pymilvus' MilvusClient used here; works alike on Milvus Lite 3.2 and the server from 2.3.5."""

    def get_server_version(self, *, timeout: float) -> str: ...
    def list_collections(self, *, timeout: float) -> list[str]: ...
    def has_collection(self, collection_name: str, *, timeout: float) -> bool: ...
    def describe_collection(self, collection_name: str, *, timeout: float) -> dict[str, object]: ...
    def create_collection(
        self,
        collection_name: str,
        *,
        schema: object,
        consistency_level: str,
        num_partitions: int,
        properties: Mapping[str, str],
        timeout: float,
    ) -> None: ...
    def list_indexes(self, collection_name: str, *, field_name: str, timeout: float) -> list[str]: ...
    def create_index(self, collection_name: str, index_params: object, *, timeout: float, sync: bool) -> None: ...
    def drop_index(self, collection_name: str, index_name: str, *, timeout: float) -> None: ...
    def load_collection(self, collection_name: str, *, timeout: float) -> None: ...
    def drop_collection(self, collection_name: str, *, timeout: float) -> None: ...
    def flush(self, collection_name: str, *, timeout: float) -> None: ...
    def upsert(
        self, collection_name: str, data: Sequence[Mapping[str, str | int | NDArray[np.float32]]], *, timeout: float
    ) -> dict[str, int]: ...
    def delete(
        self,
        collection_name: str,
        *,
        filter: str,  # noqa: A002 - the client's own keyword
        timeout: float,
    ) -> dict[str, int]: ...
    def query(
        self,
        collection_name: str,
        *,
        filter: str,  # noqa: A002 - the client's own keyword
        output_fields: list[str],
        consistency_level: str,
        timeout: float,
    ) -> list[RawRow]: ...
    def query_iterator(
        self,
        collection_name: str,
        *,
        batch_size: int,
        filter: str,  # noqa: A002 - the client's own keyword
        output_fields: list[str],
        consistency_level: str,
        timeout: float,
    ) -> Pages: ...
    def search(
        self,
        collection_name: str,
        *,
        data: list[NDArray[np.float32]],
        limit: int,
        anns_field: str,
        filter: str,  # noqa: A002 - the client's own keyword
        output_fields: list[str],
        search_params: Mapping[str, object],
        consistency_level: str,
        timeout: float,
    ) -> list[list[RawRow]]: ...
    def close(self) -> None: ...


class CollectionGone(DependencyUnavailable):
    """The collection that was there is not, or not loaded: made and loaded again by the retry."""


class AnswerTooLarge(DependencyUnavailable):
    """A server sends no answer over 64 MB: ask for fewer rows at once."""


_TOO_LARGE: Final = "larger than max"
"""What grpc says then, on either side."""

_GONE: Final = frozenset({100, 101})
"""Milvus' codes for a missing collection and one not loaded (Lite after a restart)."""

_MISFIT: Final = frozenset({6, 1100})
"""Codes for data that don't fit the schema: Lite's, and the server's invalid parameter."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of Milvus in our terms: CollectionGone, ConfigurationError (a schema that can't fit), or, for all else,
    DependencyUnavailable: every call made here may be repeated."""
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 - no stubs; slow, needed once a store is used
    from pymilvus import exceptions  # noqa: PLC0415 - likewise

    misfit = (
        exceptions.DataNotMatchException,
        exceptions.ParamError,
        exceptions.SchemaNotReadyException,
        exceptions.DataTypeNotMatchException,
        exceptions.PrimaryKeyException,
        exceptions.PartitionKeyException,
    )
    try:
        yield
    except exceptions.MilvusException as error:
        if error.code in _GONE:
            raise CollectionGone(f"Milvus lost or unloaded a collection while {doing}: {error.message}") from error
        if isinstance(error, misfit) or error.code in _MISFIT:
            raise ConfigurationError(
                f"Milvus refuses the schema while {doing}: {error.message}. The collection was made by another "
                "version: set milvus.prefix to a new name (it fills again from the log), or drop the collection"
            ) from error
        raise DependencyUnavailable(
            f"expected an answer of Milvus while {doing}, found: {error.message}. Check that it runs and has "
            "memory and disk left; the call is repeated"
        ) from error
    except (grpc.RpcError, grpc.FutureTimeoutError, ConnectionError) as error:
        if _TOO_LARGE in str(error):
            raise AnswerTooLarge(f"Milvus sends no answer of that size while {doing}: {error!r}") from error
        raise DependencyUnavailable(
            f"expected an answer of Milvus while {doing}, found: {error!r}. Check milvus.uri and that it runs; "
            "the call is repeated"
        ) from error
