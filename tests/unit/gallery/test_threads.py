"""Threads share a search: everything is done once, in order, and what goes wrong is told."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.gallery import threads
from rushes.processors.gallery.shortlist import Shortlist, Sizes
from rushes.processors.gallery.threads import Threads

DIM = 32


@given(st.integers(1, 4), st.integers(0, 1_000))
def test_every_piece_is_worked_on_once_and_told_in_order(count, pieces):
    told = Threads(count).share(list, range(pieces))
    assert [piece for part in told for piece in part] == list(range(pieces))


def test_few_pieces_stay_with_the_caller_and_many_are_shared():
    assert len(Threads(3).share(len, range(threads.LEAST))) == 1
    assert len(Threads(3).share(len, range(threads.LEAST * 2 + 1))) == 3


def test_an_error_in_another_thread_is_the_callers():
    def fails_on_the_last(part: Sequence[int]) -> int:
        if 999 in part:
            raise ValueError("a piece is not there")
        return 0

    with pytest.raises(ValueError, match="not there"):
        Threads(2).share(fails_on_the_last, range(1_000))


@pytest.fixture
def _one_thread_again() -> Iterator[None]:
    yield
    threads.use(1)


@pytest.mark.usefixtures("_one_thread_again")
def test_a_search_in_threads_finds_the_same_rows_and_learns_the_same_rule(monkeypatch):
    monkeypatch.setattr(threads, "LEAST", 2)

    def searched(count: int) -> tuple[list[list[int]], object]:
        threads.use(count)
        rng = np.random.default_rng(7)
        gallery = Shortlist(DIM, Sizes(flat_rows=64, epoch=32, list_rows=16, window=256))
        said = []
        for number in range(12):
            rows = rng.standard_normal((64, DIM))
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            looked = gallery.probe(rows, 0.5, 2, audited=True)
            said += [looked.near(place).tolist() for place in range(64)]
            for place, row in enumerate(rows):
                gallery.put(number * 64 + place, row)
        assert gallery.audits is not None
        assert gallery.lists.count > 12, "lists must be enough for three threads"
        return said, gallery.audits.rule

    alone = searched(1)
    assert alone[1] is not None, "the gallery must have learnt a rule"
    assert searched(3) == alone
