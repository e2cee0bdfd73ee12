import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rushes.processors.gallery.integers import STEPS, Steps16, in_steps
from rushes.processors.gallery.kernel import multiply, sift
from rushes.processors.gallery.tile import WIDTH

dims = st.one_of(st.integers(1, 20).map(WIDTH.__mul__), st.integers(1, 600))
"""Whole vectors of the processor, which are multiplied in tiles, and others."""


def multiplied(rows: Steps16, probes: Steps16, chosen: NDArray[np.int64]) -> tuple[NDArray[np.float32], ...]:
    products, best = np.empty((len(chosen), len(rows)), np.float32), np.empty(len(chosen), np.float32)
    multiply(rows, probes, chosen, products, best)
    return products, best


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 9), dims)
def test_products_are_exact(seed: int, rows: int, probes: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows + probes, dim))
    steps = in_steps(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.int16)
    chosen = rng.integers(probes, size=probes)

    products, best = multiplied(steps[:rows], steps[rows:], chosen)

    true = steps[rows:][chosen].astype(np.int64) @ steps[:rows].T.astype(np.int64)
    assert (products == true).all()
    assert (best == true.max(axis=1)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_longest_vectors_fit(sign: int) -> None:
    for dim in (1, 2, 17, WIDTH, 512):
        one_component = np.zeros((1, dim), np.int16)
        one_component[0, -1] = STEPS
        all_alike = in_steps(np.full((1, dim), 1 / np.sqrt(dim))).astype(np.int16)
        for vector in (one_component, all_alike):
            rows = np.repeat(vector, 6, axis=0)
            products, best = multiplied(rows, (sign * vector).astype(np.int16), np.zeros(2, np.int64))
            assert (products == sign * int((vector.astype(np.int64) ** 2).sum())).all()
            assert (best == products[:, 0]).all()


def test_no_rows_have_no_best() -> None:
    products, best = multiplied(np.zeros((0, 8), np.int16), np.ones((2, 8), np.int16), np.array([1, 0, 1]))

    assert products.shape == (3, 0)
    assert np.isneginf(best).all()


def test_sifting_keeps_what_reaches_the_floor_of_its_probe() -> None:
    rng = np.random.default_rng(0)
    products = rng.integers(0, 6, (4, 50)).astype(np.float32)
    products[3, 7:] = -np.inf  # left out
    chosen = np.array([4, 0, 2, 1])
    floors = np.array([5, -np.inf, 9, 0, 3], np.float32)
    seen = np.array([9, -np.inf, 2, -np.inf, -np.inf], np.float32)
    hits, scores = np.empty((2, products.size), np.int64), np.empty(products.size, np.float32)

    count = sift(products, products.max(axis=1), chosen, floors, seen, hits, scores)

    places, rows = np.nonzero((products >= floors[chosen][:, None]) & np.isfinite(products))
    assert set(places.tolist()) == {0, 1, 3}
    assert count == len(rows)
    assert (hits[:, :count] == [chosen[places], rows]).all()
    assert (scores[:count] == products[places, rows]).all()
    assert seen.tolist() == [9, products[3].max(), 5, -np.inf, 5]
