"""What Milvus 2.3.5 and Milvus Lite get wrong, each in its own way, and that the store is not caught by it.

Those not here are with what they belong to in `test_item_store.py`: the same id twice in a batch, a row written again,
concurrent writers and a killed writer on Lite, own writes read at once, collections not loaded after reopening, quotes
and backslashes in keys, NaN, records over 64 KB; reads that lack rows are in `test_store_verification.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from rushes.infra.settings import MilvusSettings
from rushes.infra.store.milvus import MilvusStore
from rushes.infra.store.rows import MAX_HITS
from rushes.schemas.errors import ConfigurationError, PermanentError
from rushes.schemas.ids import LibraryId


@contextmanager
def counted_calls(store: MilvusStore) -> Iterator[list[int]]:
    """Rows of each upsert that reaches Milvus."""
    client = store._connection.client()
    sent: list[int] = []
    real = client.upsert

    def counting(name, data, *, timeout):
        sent.append(len(data))
        return real(name, data, timeout=timeout)

    with patch.object(client, "upsert", counting):
        yield sent


def test_rows_of_many_libraries_in_one_batch_are_each_found_by_their_library(store, rows, items_of):
    """A server before 2.4 routes upserted rows of a partitioned collection by a wrong field: 2 of 50 were found."""
    libraries = [LibraryId(f"{rows.library}-{number}") for number in range(50)]
    for revision in (1, 2):
        batch = [rows.item(n, library=library, revision=revision) for library in libraries for n in range(4)]
        store.upsert(batch, [rows.cluster(0, library=library, revision=revision) for library in libraries])
    for library in libraries:
        found = items_of(store, library, rows.space())
        assert [row.record.revision.n for row in found.values()] == [2] * 4
        assert [row.record.revision.n for row in store.clusters(library, rows.space())] == [2]


@pytest.mark.milvus
def test_an_old_server_is_given_no_partitions(milvus_server_uri, rows):
    settings = MilvusSettings(uri=milvus_server_uri, prefix=f"t{rows.library[4:]}", partitions=16)
    store = MilvusStore(settings)
    with pytest.raises(ConfigurationError, match=r"milvus\.partitions=1"):
        store.upsert([rows.item(0)], [])
    assert store.spaces() == []
    store.close()


def test_more_rows_than_one_answer_holds_are_read(store_place, rows, items_of):
    """Neither backend gives more than 16,384 rows to a query; the server refuses one without a limit."""
    store = store_place.open()
    kept = rows.item(0)
    vectors = np.random.default_rng(0).standard_normal((MAX_HITS + 600, rows.dim)).astype(np.float32)
    many = [
        replace(kept, record=kept.record.model_copy(update={"item_id": rows.item_id(number)}), vector=vector)
        for number, vector in enumerate(vectors)
    ]
    store.upsert(many, [])
    assert set(items_of(store, rows.library, rows.space())) == {row.record.item_id for row in many}
    store.close()


def test_more_hits_than_a_server_gives_are_refused_by_all(store, rows):
    store.upsert([rows.item(0)], [])
    for wrong in (0, MAX_HITS + 1):
        with pytest.raises(PermanentError, match="16384"):
            store.search(rows.library, rows.space(), rows.vector("any")[None], wrong)


def test_a_batch_larger_than_a_call_may_be_is_written_and_read_in_several(store_place, rows):
    """A server takes no call over 64 MB and sends no answer over it."""
    store = store_place.open()
    wide = "雪" * 20_000
    clusters = [rows.cluster(number, name=wide) for number in range(1_200)]
    with counted_calls(store) as sent:
        store.upsert([], clusters)
    assert sum(sent) == 1_200
    assert max(sent) * 65_535 < 64 * 2**20
    found = {row.record.cluster_id for row in store.clusters(rows.library, rows.space())}
    assert found == {row.record.cluster_id for row in clusters}
    store.close()


def test_what_is_unchanged_is_not_sent_again_and_what_is_there_twice_is_sent_once(store_place, rows):
    """Each version of a row stays on a server's disk until it is compacted: 472 MB for 1,000 rows written 100 times."""
    store = store_place.open()
    items = [rows.item(number) for number in range(100)]
    with counted_calls(store) as sent:
        store.upsert(items, [])
        store.upsert(items, [])
        store.upsert([*items[:50], rows.item(7, revision=2), *items[50:], rows.item(7, revision=3)], [])
        store.upsert([rows.item(7, revision=3)], [])
    assert sent == [100, 1]
    store.close()


def test_what_was_read_is_written_again_if_it_is_given_again(store_place, rows, items_of):
    """What a reader found wrong must be writable although this process wrote it before."""
    store = store_place.open()
    store.upsert([rows.item(0)], [])
    items_of(store, rows.library, rows.space())
    with counted_calls(store) as sent:
        store.upsert([rows.item(0)], [])
    assert sent == [1]
    store.close()


def test_a_batch_is_one_call_for_each_table_whatever_the_number_of_libraries(store_place, rows):
    store = store_place.open()
    store.upsert([rows.item(0)], [rows.cluster(0)])
    libraries = [f"{rows.library}-{number}" for number in range(100)]
    with counted_calls(store) as sent:
        store.upsert(
            [rows.item(1, library=each) for each in libraries], [rows.cluster(1, library=each) for each in libraries]
        )
    assert sent == [100, 100]
    store.close()


def test_a_delete_of_more_keys_than_a_filter_holds_deletes_all(store, rows, items_of):
    store.upsert([rows.item(number) for number in range(2_500)], [])
    store.delete(rows.library, rows.space(), [rows.item_id(number) for number in range(1, 2_500)], [])
    assert set(items_of(store, rows.library, rows.space())) == {rows.item_id(0)}


def test_a_search_sees_no_older_version_of_a_row(store_place, rows):
    """A server counts old versions in its statistics; a search must give each row once, as it is now."""
    store = store_place.open()
    vectors = [rows.vector("turn", turn) for turn in range(5)]
    for turn, vector in enumerate(vectors):
        store.upsert([rows.item(0, revision=turn + 1, vector=vector), rows.item(1)], [])
        items = list(store.items(rows.library, rows.space()))
        assert len(items) == 2
    found = {row.record.item_id: row for row in store.items(rows.library, rows.space())}
    np.testing.assert_allclose(found[rows.item_id(0)].vector, vectors[-1], atol=1e-6)
    hits = store.search(rows.library, rows.space(), vectors[-1][None], 10)[0]
    assert [hit.item_id for hit in hits].count(rows.item_id(0)) <= 1
    assert len(hits) == len({hit.item_id for hit in hits})
    store.close()
