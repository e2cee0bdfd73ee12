"""Verification against the fold of the log makes any store hold it, whatever was there before."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushes.infra.store.memory import MemoryStore
from rushes.infra.store.port import ShortRead
from rushes.infra.store.verify import RepairReport, verify_and_repair
from rushes.schemas.ids import Generation

G1 = Generation("g1")


def expectation(rows, items, clusters):
    return (
        {row.record.item_id: row for row in items},
        {row.record.cluster_id: row for row in clusters},
    )


def contents(store, rows, space=None):
    space = space or rows.space()
    return (
        {row.record.item_id: row.record for row in store.items(rows.library, space)},
        {row.record.cluster_id: row.record for row in store.clusters(rows.library, space)},
    )


def test_a_store_that_agrees_is_left_alone(store, rows):
    items, clusters = [rows.item(n) for n in range(20)], [rows.cluster(n) for n in range(3)]
    store.upsert(items, clusters)
    report = verify_and_repair(store, rows.library, G1, *expectation(rows, items, clusters))
    assert report == RepairReport(checked=23)


def test_an_empty_store_is_filled(store, rows):
    items, clusters = [rows.item(n) for n in range(20)], [rows.cluster(n) for n in range(3)]
    expected = expectation(rows, items, clusters)
    report = verify_and_repair(store, rows.library, G1, *expected)
    assert report == RepairReport(missing=23, repaired=23)
    assert contents(store, rows) == tuple({key: row.record for key, row in table.items()} for table in expected)


def test_missing_stale_and_foreign_rows_are_repaired_and_counted(store, rows):
    truth = expectation(rows, [rows.item(n) for n in range(10)], [rows.cluster(n) for n in range(3)])
    # Of the truth 0 and 1 are missing, 2 and 3 have another record, 4 another vector; 50 should not be.
    moved = rows.item(4, vector=rows.vector("elsewhere"))
    store.upsert(
        [*(rows.item(n, revision=7) for n in (2, 3)), moved, *(rows.item(n) for n in (5, 6, 7, 8, 9, 50))],
        [rows.cluster(0), rows.cluster(1, name="wrong"), rows.cluster(60)],
    )

    report = verify_and_repair(store, rows.library, G1, *truth)

    assert report == RepairReport(checked=12, missing=3, stale=4, foreign=2, repaired=9)
    assert contents(store, rows) == tuple({key: row.record for key, row in table.items()} for table in truth)
    vectors = {row.record.item_id: row.vector for row in store.items(rows.library, rows.space())}
    np.testing.assert_allclose(vectors[rows.item_id(4)], rows.item(4).vector, atol=1e-6)
    assert verify_and_repair(store, rows.library, G1, *truth) == RepairReport(checked=13)


def test_a_row_that_another_process_overwrote_is_written_again(store_place, rows):
    # This process knows that it wrote the row; that must not keep it from writing it again.
    mine, theirs = store_place.open(), store_place.open()
    mine.upsert([rows.item(0, revision=5), rows.item(1)], [])
    theirs.upsert([rows.item(0, revision=4)], [])
    theirs.delete(rows.library, rows.space(), [rows.item_id(1)], [])

    truth = expectation(rows, [rows.item(0, revision=5), rows.item(1)], [])
    report = verify_and_repair(mine, rows.library, G1, *truth)

    assert (report.stale, report.missing) == (1, 1)
    assert contents(mine, rows)[0] == {key: row.record for key, row in truth[0].items()}
    mine.close()
    theirs.close()


def test_other_libraries_and_generations_are_not_touched(store, rows):
    other_generation = rows.space(generation="g-1")
    store.upsert([rows.item(1), rows.item(2, space=other_generation), rows.item(3, library="other")], [])
    report = verify_and_repair(store, rows.library, G1, {}, {})
    assert report == RepairReport(checked=1, foreign=1, repaired=1)
    assert contents(store, rows) == ({}, {})
    assert set(contents(store, rows, other_generation)[0]) == {rows.item_id(2)}
    assert {row.record.item_id for row in store.items("other", rows.space())} == {rows.item_id(3, "other")}


def test_rows_of_a_model_no_longer_used_are_foreign(store, rows):
    old = rows.space(model="opencv_1")
    store.upsert([rows.item(1, space=old)], [])
    verify_and_repair(store, rows.library, G1, *expectation(rows, [rows.item(1)], []))
    assert contents(store, rows, old) == ({}, {})
    assert set(contents(store, rows)[0]) == {rows.item_id(1)}


class ShortStore(MemoryStore):
    """Gives only some rows and says so, until all are written again."""

    def __init__(self, heals: bool) -> None:
        super().__init__()
        self.heals = heals
        self.short = True

    def items(self, library_id, space):
        found = list(super().items(library_id, space))
        if not self.short:
            yield from found
            return
        yield from found[: len(found) // 2]
        raise ShortRead("counted more")

    def upsert(self, items, clusters):
        super().upsert(items, clusters)
        if self.heals and len(items) == 10:
            self.short = False


def test_where_reads_stay_short_all_rows_are_written_again(rows):
    store = ShortStore(heals=False)
    truth = expectation(rows, [rows.item(n) for n in range(10)], [])
    store.upsert(list(truth[0].values()), [])
    store.heals = True
    report = verify_and_repair(store, rows.library, G1, *truth)
    assert report.repaired == 10
    assert not store.short


def test_where_writing_again_does_not_help_the_caller_is_told(rows):
    store = ShortStore(heals=False)
    truth = expectation(rows, [rows.item(n) for n in range(10)], [])
    with pytest.raises(ShortRead):
        verify_and_repair(store, rows.library, G1, *truth)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.dictionaries(st.integers(0, 12), st.integers(1, 3)),
    truth=st.dictionaries(st.integers(0, 12), st.integers(1, 3)),
)
def test_whatever_is_stored_becomes_the_truth(rows, stored, truth):
    store = MemoryStore()
    store.upsert(
        [rows.item(n, revision=r) for n, r in stored.items()], [rows.cluster(n, revision=r) for n, r in stored.items()]
    )
    expected = expectation(
        rows,
        [rows.item(n, revision=r) for n, r in truth.items()],
        [rows.cluster(n, revision=r) for n, r in truth.items()],
    )
    before = {key: replace(row) for key, row in expected[0].items()}

    verify_and_repair(store, rows.library, G1, *expected)

    assert contents(store, rows) == tuple({key: row.record for key, row in table.items()} for table in expected)
    assert {key: row.record for key, row in before.items()} == {key: row.record for key, row in expected[0].items()}
