"""What every item store promises: in memory, on Milvus Lite and on the real server."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from rushes.infra.local_stack.milvus_server import MilvusServer
from rushes.infra.settings import MilvusSettings
from rushes.infra.store.milvus import MilvusStore
from rushes.infra.store.naming import collection_name
from rushes.infra.store.port import ItemStore
from rushes.infra.store.schema import create_collection
from rushes.schemas.errors import (
    ConfigurationError,
    DependencyUnavailable,
    LimitExceeded,
    ModelMismatch,
    PermanentError,
)
from rushes.schemas.ids import LibraryId

T = TypeVar("T")


def search_until(store: ItemStore, library, space, probes, k: int, wanted: Callable[[list], bool]):
    """Search sees a write a little later (Bounded): wait for it, with a deadline."""
    deadline = time.monotonic() + 10
    while True:
        hits = store.search(library, space, probes, k)
        if wanted(hits) or time.monotonic() > deadline:
            return hits


def until_answered(call: Callable[[], T]) -> T:
    """What a caller does: it retries what is transient, here for a minute."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return call()
        except DependencyUnavailable as error:
            if time.monotonic() > deadline:
                raise
            time.sleep(error.retry_after_s)


def test_what_is_written_is_read_back_as_it_was(store, rows, items_of):
    items = [rows.item(number) for number in range(50)]
    clusters = [rows.cluster(number) for number in range(5)]

    store.upsert(items, clusters)

    found = items_of(store, rows.library, rows.space())
    assert {key: row.record for key, row in found.items()} == {row.record.item_id: row.record for row in items}
    for row in items:
        np.testing.assert_allclose(found[row.record.item_id].vector, row.vector, atol=1e-6)
        assert found[row.record.item_id].vector.dtype == np.float32
        assert found[row.record.item_id].space == rows.space()
    stored = {row.record.cluster_id: row for row in store.clusters(rows.library, rows.space())}
    assert {key: row.record for key, row in stored.items()} == {row.record.cluster_id: row.record for row in clusters}
    np.testing.assert_allclose(stored[clusters[3].record.cluster_id].centroid, clusters[3].centroid, atol=1e-6)


def test_a_row_written_again_is_replaced(store, rows, items_of):
    for revision in (1, 2, 3):
        store.upsert([rows.item(number, revision=revision) for number in range(20)], [])
    found = items_of(store, rows.library, rows.space())
    assert {row.record.revision.n for row in found.values()} == {3}
    assert len(found) == 20


def test_a_row_written_back_to_an_older_content_has_it(store, rows, items_of):
    for revision in (1, 2, 1):
        store.upsert([rows.item(0, revision=revision)], [])
    assert items_of(store, rows.library, rows.space())[rows.item_id(0)].record.revision.n == 1


def test_of_one_id_twice_in_a_batch_the_last_stands(store, rows, items_of):
    store.upsert(
        [rows.item(0, revision=1), rows.item(1), rows.item(0, revision=2)],
        [rows.cluster(0, name="first"), rows.cluster(0, name="last")],
    )
    found = items_of(store, rows.library, rows.space())
    assert found[rows.item_id(0)].record.revision.n == 2
    assert len(found) == 2
    assert [row.record.name for row in store.clusters(rows.library, rows.space())] == ["last"]


def test_nothing_is_read_where_nothing_was_written(store, rows):
    assert list(store.items(rows.library, rows.space())) == []
    assert list(store.clusters(rows.library, rows.space())) == []
    assert store.search(rows.library, rows.space(), np.ones((2, rows.dim), np.float32), 3) == [[], []]
    store.delete(rows.library, rows.space(), [rows.item_id(0)], [])
    store.upsert([], [])


def test_tenants_never_mix(store, rows, items_of):
    same_id = rows.item_id(0)
    libraries = [rows.library, f"{rows.library}.b", rows.library.upper(), f"{rows.library}b"]
    for library in libraries:
        own = [rows.item(n, library=library) for n in range(1, 6)]
        store.upsert([*own, rows.item(0, library=library, item_id=same_id)], [rows.cluster(0, library=library)])
    for library in libraries:
        found = items_of(store, library, rows.space())
        assert len(found) == 6
        assert {row.record.library_id for row in found.values()} == {library}
        assert {row.record.library_id for row in store.clusters(LibraryId(library), rows.space())} == {library}
        probes = rows.vector("any")[None]
        hits = search_until(store, LibraryId(library), rows.space(), probes, 100, lambda h: len(h[0]) == 6)
        assert {hit.item_id for hit in hits[0]} == set(found)


@pytest.mark.parametrize("name", ['x" or library_id != "', "{}\\", '{}"', "%", "{}' or 1==1", "l*"], ids=range(6))
def test_an_odd_library_name_reaches_no_other_tenant(store, rows, name):
    store.upsert([rows.item(0)], [rows.cluster(0)])
    odd = LibraryId(name.replace("{}", rows.library))
    assert list(store.items(odd, rows.space())) == []
    assert list(store.clusters(odd, rows.space())) == []
    assert store.search(odd, rows.space(), rows.vector("any")[None], 5) == [[]]
    store.delete(odd, rows.space(), [rows.item_id(0)], [rows.cluster_id(0)])
    assert len(list(store.items(rows.library, rows.space()))) == 1


def test_odd_characters_in_a_record_come_back(store, rows, items_of):
    names = ['a"b', "a\\b", "a\\", "'", "{x}", "%", "né 雪 🎬", "\u2028", "a" * 256, '"]}', "\\u0041"]
    items = [rows.item(number, media=name) for number, name in enumerate(names)]
    store.upsert(items, [rows.cluster(number, name=name) for number, name in enumerate(names)])
    found = items_of(store, rows.library, rows.space())
    assert [found[row.record.item_id].record for row in items] == [row.record for row in items]
    assert {row.record.name for row in store.clusters(rows.library, rows.space())} == set(names)


def test_a_record_of_wide_characters_up_to_the_limit_is_kept_and_above_it_refused(store, rows):
    store.upsert([], [rows.cluster(0, name="雪" * 20_000)])
    assert [row.record.name for row in store.clusters(rows.library, rows.space())] == ["雪" * 20_000]
    with pytest.raises(LimitExceeded, match="65535"):
        store.upsert([], [rows.cluster(0, name="雪" * 22_000)])


def test_vectors_of_two_models_generations_or_kinds_never_meet(store, rows, items_of):
    spaces = [
        rows.space(),
        rows.space(model="opencv_1"),
        rows.space(generation="g-1"),
        rows.space(generation="g_1"),
        rows.space(kind="face"),
    ]
    for number, space in enumerate(spaces):
        store.upsert([rows.item(number, space=space)], [rows.cluster(number, space=space)])
    for number, space in enumerate(spaces):
        assert set(items_of(store, rows.library, space)) == {rows.item_id(number)}
        assert [row.record.cluster_id for row in store.clusters(rows.library, space)] == [rows.cluster_id(number)]
        hits = search_until(store, rows.library, space, rows.vector("any")[None], 10, lambda h: len(h[0]) == 1)
        assert [hit.item_id for hit in hits[0]] == [rows.item_id(number)]
    assert set(spaces) <= set(store.spaces())


def test_a_row_of_another_model_than_its_space_is_refused(store, rows):
    with pytest.raises(ModelMismatch):
        store.upsert([replace(rows.item(0), space=rows.space(model="other"))], [])
    with pytest.raises(ModelMismatch):
        store.upsert([replace(rows.item(0), vector=np.ones(rows.dim + 1, np.float32))], [])
    with pytest.raises(ModelMismatch):
        store.search(rows.library, rows.space(), np.ones((1, rows.dim + 1), np.float32), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused_and_nothing_of_its_batch_written(store, rows, value):
    broken = rows.item(1)
    broken.vector[3] = value
    with pytest.raises(PermanentError, match="finite"):
        store.upsert([rows.item(0), broken], [])
    assert list(store.items(rows.library, rows.space())) == []


def test_a_zero_vector_is_refused(store, rows):
    with pytest.raises(PermanentError, match="not zero"):
        store.upsert([rows.item(0, vector=np.zeros(rows.dim, np.float32))], [])


def test_what_is_deleted_is_gone_and_may_come_again(store, rows, items_of):
    store.upsert([rows.item(number) for number in range(10)], [rows.cluster(number) for number in range(4)])
    gone = [rows.item_id(number) for number in (1, 2, 3)]

    store.delete(rows.library, rows.space(), [*gone, rows.item_id(99)], [rows.cluster_id(0)])

    assert set(items_of(store, rows.library, rows.space())) == {rows.item_id(n) for n in (0, 4, 5, 6, 7, 8, 9)}
    assert {row.record.cluster_id for row in store.clusters(rows.library, rows.space())} == {
        rows.cluster_id(number) for number in (1, 2, 3)
    }
    store.upsert([rows.item(1)], [])
    assert rows.item_id(1) in items_of(store, rows.library, rows.space())


def test_an_id_with_quotes_deletes_nothing_else(store, rows):
    store.upsert([rows.item(number) for number in range(3)], [])
    store.delete(rows.library, rows.space(), ['"] or pk != "', "\\", "' or 1 == 1"], [])
    assert len(list(store.items(rows.library, rows.space()))) == 3


def test_search_agrees_with_brute_force(store, rows):
    items = [rows.item(number) for number in range(200)]
    store.upsert(items, [])
    probes = np.stack([rows.vector("probe", number) for number in range(20)])
    exact = probes.astype(np.float64) @ np.stack([row.vector for row in items]).astype(np.float64).T

    hits = search_until(store, rows.library, rows.space(), probes, 200, lambda found: len(found[0]) == 200)
    nearest = store.search(rows.library, rows.space(), probes, 5)

    for number, row in enumerate(hits):
        by_id = {item.record.item_id: exact[number, place] for place, item in enumerate(items)}
        for hit in row:
            assert hit.similarity == pytest.approx(by_id[hit.item_id], abs=1e-5)
        assert [hit.similarity for hit in row] == sorted((hit.similarity for hit in row), reverse=True)
        best = [items[place].record.item_id for place in np.argsort(-exact[number])[:5]]
        assert [hit.item_id for hit in nearest[number]] == best


def test_rows_are_in_place_after_reopening(store_place, rows, items_of):
    first = store_place.open()
    assert first.spaces() == []
    spaces = [rows.space(), rows.space(model="other", kind="face", generation="g-2.β")]
    for space in spaces:
        first.upsert([rows.item(number, space=space) for number in range(30)], [rows.cluster(0, space=space)])
    first.close()

    second = store_place.open()
    assert set(second.spaces()) == set(spaces)
    for space in spaces:
        assert len(items_of(second, rows.library, space)) == 30
        assert len(list(second.clusters(rows.library, space))) == 1
        assert len(second.search(rows.library, space, rows.vector("any")[None], 30)[0]) == 30
    second.close()


def test_a_store_is_usable_again_after_close(store_place, rows, items_of):
    store = store_place.open()
    store.upsert([rows.item(0)], [])
    store.close()
    store.upsert([rows.item(1)], [])
    assert len(items_of(store, rows.library, rows.space())) == 2
    store.close()


WRITER = """
import sys, importlib.util
spec = importlib.util.spec_from_file_location("contract_rows", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["contract_rows"] = module
spec.loader.exec_module(module)
from rushes.infra.settings import MilvusSettings
from rushes.infra.store.milvus import MilvusStore
rows = module.Rows(library=sys.argv[4])
store = MilvusStore(MilvusSettings(uri=sys.argv[2], prefix=sys.argv[3]))
for revision in range(1, 10_000):
    # 40 rows change in every round, 10 are new
    new = [rows.item(1000 + revision * 10 + i, revision=revision) for i in range(10)]
    store.upsert([*(rows.item(i, revision=revision) for i in range(40)), *new], [rows.cluster(0, revision=revision)])
    print(revision, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 60])
def test_a_writer_killed_at_any_moment_leaves_every_acknowledged_row(store_place, rows, items_of, acknowledged):
    writer = subprocess.Popen(
        [
            sys.executable, "-c", WRITER, str(Path(__file__).with_name("conftest.py")),
            store_place.settings.uri, store_place.settings.prefix, rows.library,
        ],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    last = 0
    for line in writer.stdout:
        last = int(line)
        if last >= acknowledged:
            break
    writer.send_signal(signal.SIGKILL)
    last = max([last, *map(int, writer.stdout.read().split())])
    writer.wait()
    assert last >= acknowledged

    store = store_place.open()
    found = items_of(store, rows.library, rows.space())
    for number in range(40):
        assert found[rows.item_id(number)].record.revision.n in {last, last + 1}
    fresh = {rows.item_id(1000 + revision * 10 + i) for revision in range(1, last + 1) for i in range(10)}
    assert fresh <= set(found)
    assert [row.record.revision.n for row in store.clusters(rows.library, rows.space())] in ([last], [last + 1])
    store.close()


@pytest.mark.parametrize("kept", [0, 64, 140])
def test_an_index_that_a_killed_writer_left_half_written_is_made_again(tmp_path, rows, items_of, kept):
    settings = MilvusSettings(uri=str(tmp_path / "store.db"))
    store = MilvusStore(settings)
    store.upsert([rows.item(number) for number in range(30)], [rows.cluster(0)])
    store.close()
    store.upsert([rows.item(30)], [])  # the first write after an opening flushes, which indexes
    store.close()
    indexes = list((tmp_path / "store.db").rglob("*.idx"))
    assert indexes
    for index in indexes:
        index.write_bytes(index.read_bytes()[:kept])

    for _ in range(2):  # mended, and mended for good
        again = MilvusStore(settings)
        assert len(items_of(again, rows.library, rows.space())) == 31
        assert len(again.search(rows.library, rows.space(), rows.vector("any")[None], 40)[0]) == 31
        assert len(list(again.clusters(rows.library, rows.space()))) == 1
        again.close()


@pytest.mark.milvus
def test_a_server_that_is_killed_under_a_store_loses_nothing_and_is_used_again(
    milvus_server, engine_cache, tmp_path, rows, items_of
):
    server = MilvusServer(tmp_path / "milvus", cache=engine_cache).start()
    store = MilvusStore(MilvusSettings(uri=server.uri, timeout_s=5))
    written = [rows.item(number) for number in range(300)]
    store.upsert(written, [])

    server.kill()
    with pytest.raises(DependencyUnavailable):
        store.upsert([rows.item(0, revision=2)], [])
    with pytest.raises(DependencyUnavailable):
        list(store.items(rows.library, rows.space()))
    server.start()
    until_answered(lambda: store.upsert([rows.item(0, revision=2)], []))
    found = until_answered(lambda: items_of(store, rows.library, rows.space()))

    expected = {row.record.item_id: row.record for row in [*written, rows.item(0, revision=2)]}
    assert {key: row.record for key, row in found.items()} == expected
    store.close()
    server.kill()


def test_concurrent_writers_lose_nothing(store_place, rows, items_of):
    store, other = store_place.open(), store_place.open()
    errors: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for revision in range(1, 21):
                mine = [rows.item(writer * 50 + number, revision=revision) for number in range(50)]
                (store if writer % 2 else other).upsert(mine, [rows.cluster(writer, revision=revision)])
                if revision % 7 == 0:
                    assert len(list(store.items(rows.library, rows.space()))) >= 50
        except BaseException as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    other.close()

    assert errors == []
    again = store_place.open()
    found = items_of(again, rows.library, rows.space())
    assert len(found) == 200
    assert {row.record.revision.n for row in found.values()} == {20}
    assert {row.record.revision.n for row in again.clusters(rows.library, rows.space())} == {20}
    again.close()


def test_more_rows_than_one_call_or_flush_takes_are_all_there(store_place, rows, items_of):
    store = store_place.open()
    items = [rows.item(number) for number in range(6_000)]
    store.upsert(items, [])
    assert set(items_of(store, rows.library, rows.space())) == {row.record.item_id for row in items}
    store.delete(rows.library, rows.space(), [row.record.item_id for row in items[:3_000]], [])
    assert set(items_of(store, rows.library, rows.space())) == {row.record.item_id for row in items[3_000:]}
    store.close()


def test_a_collection_lost_behind_our_back_is_made_again_on_retry(store_place, rows, items_of):
    store = store_place.open()
    store.upsert([rows.item(0)], [])
    client = store._connection.client()
    for name in client.list_collections(timeout=10):
        if name.startswith(store_place.settings.prefix):
            client.drop_collection(name, timeout=10)

    with pytest.raises(DependencyUnavailable):
        store.upsert([rows.item(1)], [])
    store.upsert([rows.item(0), rows.item(1)], [])

    assert len(items_of(store, rows.library, rows.space())) == 2
    store.close()


def test_a_process_ended_before_the_index_was_made_stands_in_nobodys_way(store_place, rows, items_of):
    store = store_place.open()
    name = collection_name(store_place.settings.prefix, "items", rows.space())
    create_collection(store._connection.client(), name, rows.space(), partitions=1, timeout_s=30)
    store.upsert([rows.item(0)], [])
    assert len(items_of(store, rows.library, rows.space())) == 1
    store.close()


def test_a_collection_of_another_schema_is_named_with_the_way_out(store_place, rows):
    store = store_place.open()
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("vec", DataType.FLOAT_VECTOR, dim=4)
    name = collection_name(store_place.settings.prefix, "items", rows.space())
    store._connection.client().create_collection(
        name, schema=schema, consistency_level="Strong", num_partitions=None, properties={}, timeout=30
    )
    with pytest.raises(ConfigurationError, match=r"milvus\.prefix"):
        store.upsert([rows.item(0)], [])
    store.close()


def test_a_lite_folder_that_another_process_has_open_is_refused_by_name(tmp_path):
    folder = tmp_path / "store.db"
    code = (
        "import sys\n"
        "from rushes.infra.settings import MilvusSettings\n"
        "from rushes.infra.store.milvus import MilvusStore\n"
        "MilvusStore(MilvusSettings(uri=sys.argv[1]))\nprint('open', flush=True)\nsys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(ConfigurationError, match="another process has the Milvus Lite folder"):
        MilvusStore(MilvusSettings(uri=str(folder)))
    holder.kill()
    holder.wait()
    MilvusStore(MilvusSettings(uri=str(folder))).close()


def test_a_closed_lite_folder_is_free_for_another_process(tmp_path):
    folder = tmp_path / "store.db"
    first, second = MilvusStore(MilvusSettings(uri=str(folder))), MilvusStore(MilvusSettings(uri=str(folder)))
    code = (
        "import sys\n"
        "from rushes.infra.settings import MilvusSettings\n"
        "from rushes.infra.store.milvus import MilvusStore\n"
        "MilvusStore(MilvusSettings(uri=sys.argv[1])).close()\n"
    )
    first.close()
    assert subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=False).returncode != 0
    second.close()
    second.close()
    assert subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=False).returncode == 0


def test_a_server_that_is_away_is_a_transient_error_that_names_the_setting(rows):
    store = MilvusStore(MilvusSettings(uri="http://127.0.0.1:9"))
    started = time.monotonic()
    with pytest.raises(DependencyUnavailable, match="Milvus"):
        store.upsert([rows.item(0)], [])
    assert time.monotonic() - started < 10
    store.close()


@pytest.mark.parametrize(("uri", "prefix"), [("store", "rushes"), ("x.db", "a-b"), ("x.db", "1a"), ("x.db", "")])
def test_a_wrong_setting_is_refused_with_its_name(uri, prefix):
    with pytest.raises(ConfigurationError, match=r"milvus\.(uri|prefix)"):
        MilvusStore(MilvusSettings(uri=uri, prefix=prefix))
