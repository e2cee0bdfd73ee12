"""Stores under one contract: in memory, Milvus Lite and the real server; and rows to put into them."""

import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pymilvus import MilvusClient

from rushes.infra.settings import MilvusSettings
from rushes.infra.store.memory import MemoryStore
from rushes.infra.store.milvus import MilvusStore
from rushes.infra.store.port import ClusterRow, ItemRow, ItemStore, Space
from rushes.schemas.decisions import Cause, ClusterAssigned, ClusterChanged, Neighbour
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import Generation, LibraryId, ModelId, derive
from rushes.schemas.revision import Revision

DIM = 16


@dataclass(frozen=True)
class Rows:
    """Makes rows: the same arguments give the same row."""

    library: LibraryId
    dim: int = DIM

    def space(self, model: str = "opencv:1", kind: ItemKind = "scene", generation: str = "g1") -> Space:
        return Space(kind, ModelId(model), Generation(generation), self.dim)

    def vector(self, *seed: object) -> NDArray[np.float32]:
        values = np.random.default_rng([zlib.crc32(str(part).encode()) for part in seed] or 0).standard_normal(self.dim)
        return (values / np.linalg.norm(values)).astype(np.float32)

    def item_id(self, number: int, library: str | None = None) -> str:
        return derive("item", library or self.library, number)

    def cluster_id(self, number: int, library: str | None = None) -> str:
        return derive("cluster", library or self.library, number)

    def item(
        self,
        number: int,
        library: str | None = None,
        space: Space | None = None,
        revision: int = 1,
        media: str = "film.mov",
        item_id: str | None = None,
        vector: NDArray[np.float32] | None = None,
    ) -> ItemRow:
        space = space or self.space()
        library = library or self.library
        record = ClusterAssigned(
            library_id=library,
            item_id=item_id or self.item_id(number, library),
            kind=space.kind,
            cluster_id=self.cluster_id(number % 7, library),
            decision="joined",
            similarity=0.1 + 0.2,
            nearest=(Neighbour(cluster_id=self.cluster_id(1, library), similarity=1 / 3),),
            policy="fixed",
            model_id=space.model_id,
            generation=space.generation,
            revision=Revision(n=revision, k=number),
            cause=Cause(entry_id=derive("entry", library, revision)),
            media_id=media,
            media_version=2**62 + 1,
            shot_id=derive("shot", library, number),
            frame_id=derive("frame", library, number),
            box=(0.25, 0.25, 0.5, 0.75),
        )
        return ItemRow(space, record, self.vector(library, number) if vector is None else vector)

    def cluster(
        self,
        number: int,
        library: str | None = None,
        space: Space | None = None,
        revision: int = 1,
        name: str | None = None,
    ) -> ClusterRow:
        space = space or self.space()
        library = library or self.library
        record = ClusterChanged(
            library_id=library,
            cluster_id=self.cluster_id(number, library),
            kind=space.kind,
            name=name,
            status="active",
            size=number,
            exemplar_item_ids=(self.item_id(number, library),),
            model_id=space.model_id,
            generation=space.generation,
            revision=Revision(n=revision, k=number),
            cause=Cause(entry_id=derive("entry", library, revision)),
        )
        return ClusterRow(space, record, self.vector(library, "cluster", number))


@pytest.fixture
def rows() -> Rows:
    return Rows(LibraryId(f"lib-{uuid.uuid4().hex[:12]}"))


@dataclass(frozen=True)
class StorePlace:
    """Where a store lies: opening it again reaches the same rows."""

    settings: MilvusSettings

    def open(self) -> MilvusStore:
        return MilvusStore(self.settings)


def _drop_all(uri: str, prefix: str) -> None:
    client = MilvusClient(uri)
    for name in client.list_collections():
        if name.startswith(prefix):
            client.drop_collection(name)
    client.close()


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.milvus)])
def store_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorePlace]:
    """A place of its own on Milvus Lite and on the real server."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    if request.param == "lite":
        yield StorePlace(MilvusSettings(uri=str(tmp_path / "store.db"), prefix=prefix))
        return
    uri = request.getfixturevalue("milvus_server_uri")
    yield StorePlace(MilvusSettings(uri=uri, prefix=prefix))
    _drop_all(uri, prefix)


@pytest.fixture(scope="session")
def server_store(milvus_server_uri: str) -> Iterator[MilvusStore]:
    """One store on the real server for many tests: a new collection takes it 3 s. Libraries keep the tests apart."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    opened = MilvusStore(MilvusSettings(uri=milvus_server_uri, prefix=prefix))
    yield opened
    opened.close()
    _drop_all(milvus_server_uri, prefix)


@pytest.fixture(params=["memory", "lite", pytest.param("server", marks=pytest.mark.milvus)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ItemStore]:
    """A store of each kind, without rows of the test's library."""
    match request.param:
        case "memory":
            yield MemoryStore()
        case "lite":
            opened = MilvusStore(MilvusSettings(uri=str(tmp_path / "store.db")))
            yield opened
            opened.close()
        case _:
            yield request.getfixturevalue("server_store")


@pytest.fixture
def items_of() -> Callable[[ItemStore, str, Space], dict[str, ItemRow]]:
    """All items of a library by id; fails where an id comes twice."""

    def read(store: ItemStore, library: str, space: Space) -> dict[str, ItemRow]:
        found = list(store.items(LibraryId(library), space))
        by_id = {row.record.item_id: row for row in found}
        assert len(by_id) == len(found), "an item came twice"
        return by_id

    return read
