"""Average linkage from sums: exact, whatever came and went, and however heavy a row is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.identity.gallery import LARGE, Gallery
from rushes.processors.identity.grid import STEPS, to_grid

DIM = 24


def grids(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    return [to_grid(row) for row in rng.standard_normal((count, DIM))]


def naive(members: list[tuple[np.ndarray, float]], probe: np.ndarray) -> float:
    """Weighted mean of all single similarities."""
    weight = sum(each for _, each in members)
    return sum(each * float(vector.astype(np.int64) @ probe) / STEPS**2 for vector, each in members) / weight


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_scores_are_the_mean_over_members_after_any_changes(seed, changes):
    rng = np.random.default_rng(seed)
    gallery, members = Gallery(DIM), {}
    for vector in grids(rng, changes):
        key, weight = int(rng.integers(8)), float(rng.choice([1.0, 1 / 16]))
        inside = members.setdefault(key, [])
        if inside and rng.random() < 0.4:
            gone = inside.pop(int(rng.integers(len(inside))))
            gallery.add(key, gone[0], -gone[1])
        else:
            inside.append((vector, weight))
            gallery.add(key, vector, weight)
    probe = grids(rng, 1)[0].astype(np.float64)
    expected = {key: naive(inside, probe) for key, inside in members.items() if inside}
    found = gallery.scores(probe, 1.0, -2.0, 0)
    assert [key for key, _ in found] == sorted(expected, key=lambda key: (-dict(found)[key], key))
    assert dict(found) == pytest.approx(expected, abs=1e-12)
    assert list(gallery) == sorted(expected)


def test_a_row_that_outgrows_32_bits_and_shrinks_again_stays_exact():
    rng = np.random.default_rng(0)
    gallery = Gallery(DIM)
    first = to_grid(np.eye(DIM)[0])
    other, probe = grids(rng, 2)
    for _ in range(int(LARGE) - 1):
        gallery.add(3, first, 1.0)
    for times, vector in ((9_000, first), (5, other), (-9_003, first)):
        for _ in range(abs(times)):
            gallery.add(3, vector, np.sign(times))
        count = gallery.weight(3)
        expected = first.astype(np.int64) * round(count - (times != 9_000) * 5) + other.astype(np.int64) * (
            5 * (times != 9_000)
        )
        assert (gallery.total(3) == expected).all()
        score = dict(gallery.scores(probe.astype(np.float64), 1.0, -2.0, 0))[3]
        assert score == pytest.approx(float(expected @ probe.astype(np.int64)) / STEPS**2 / count, abs=1e-13)


def test_together_or_one_by_one_scores_are_the_same_to_the_last_bit():
    rng = np.random.default_rng(1)
    one, many = Gallery(DIM), Gallery(DIM)
    vectors = grids(rng, 200)
    probes = np.stack([vector.astype(np.float64) for vector in vectors])
    together = many.scores_many(probes, [1.0] * 200, 0.3, 2, arriving=True)
    for number, vector in enumerate(vectors):
        assert together.of(number) == one.scores(probes[number], 1.0, 0.3, 2, arriving=True)
        for gallery in (one, many):
            gallery.add(number % 37, vector, 1.0)
