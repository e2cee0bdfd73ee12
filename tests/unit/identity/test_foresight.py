"""What is known to come is compared together: whatever the batches, decisions are those of one at a time."""

from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.gallery.shortlist import Sizes
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.gallery import Gallery
from rushes.processors.identity.grid import to_grid, to_grids
from rushes.processors.identity.items import Observation
from tests.making_identities import identities

DIM = 24
SMALL = Sizes(flat_rows=12, epoch=8, list_rows=8, window=32)
"""Of galleries that go into lists, and make rules of where to stop, with a few rows."""


def frames(seed: int, count: int) -> list[list[Observation]]:
    """One to three items a frame: some poor, some in tracklets, some the same picture again."""
    rng = np.random.default_rng(seed)
    people = int(rng.integers(2, count + 1))
    made = identities(seed, [int(rng.integers(1, 5)) for _ in range(people)], DIM, float(rng.uniform(0.3, 1.2)))
    found = []
    for frame in range(count):
        shown = rng.choice(len(made.vectors), min(int(rng.integers(1, 4)), len(made.vectors)), replace=False)
        found.append(
            [
                Observation(
                    made.vectors[item],
                    frame,
                    quality=float(rng.choice([0.9, 0.9, 0.05])),
                    tracklet=int(made.labels[item]) * 1_000 + frame // 5 if rng.random() < 0.2 else None,
                )
                for item in shown.tolist()
            ]
        )
    return found


def decided(arriving: list[list[Observation]], batches: Iterator[int], stray: np.ndarray) -> list[object]:
    """All that is decided, in order, where each batch is expected together with what never comes."""
    clusterer = Clusterer(DIM)
    said: list[object] = []
    left = 0
    for place, frame in enumerate(arriving):
        if left == 0:
            left = next(batches)
            coming = [one.vector for ahead in arriving[place : place + left] for one in ahead]
            clusterer.expect(np.stack([*coming, *stray[: left % 3]]) if left > 1 else np.zeros((0, DIM), np.float16))
        left -= 1
        said += clusterer.observe(frame)
        if clusterer.due():
            said += clusterer.work(1_000_000)
        if place % 17 == 16:
            clusterer.remove(place // 2)
            said.append(clusterer.identify(frame[0].vector))
    said += clusterer.settle()
    return said


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 70), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_any_batching_gives_the_decisions_of_one_at_a_time(seed, count, sizes):
    arriving = frames(seed, count)
    stray = np.random.default_rng(seed).standard_normal((2, DIM)).astype(np.float16)

    def repeated() -> Iterator[int]:
        while True:
            yield from sizes

    with patch("rushes.processors.gallery.shortlist.Sizes", lambda: SMALL):
        assert decided(arriving, repeated(), stray) == decided(arriving, iter([1] * count), stray)


def test_the_histories_go_into_lists_and_past_calibrations():
    """The test above would tell little of histories that never leave the flat gallery."""
    with patch("rushes.processors.gallery.shortlist.Sizes", lambda: SMALL):
        clusterer = Clusterer(DIM)
        joins = set()
        for frame in frames(3, 70):
            clusterer.observe(frame)
            clusterer.work(1_000_000)
            joins.add(clusterer.calibration.join)
    assert clusterer.partition.clusters.audits > 0 or clusterer.partition.noise.audits > 0
    assert len(joins) > 1


def test_what_was_expected_is_looked_at_once_for_all():
    gallery = Gallery(DIM)
    vectors = list(to_grids(identities(1, [1] * 30, DIM).vectors))
    for key, vector in enumerate(vectors):
        gallery.add(key, vector, 1.0)
    gallery.expect(vectors)
    with patch.object(gallery._near, "probing", wraps=gallery._near.probing) as looked:
        for vector in vectors:
            gallery.scores(vector.astype(np.float64), 1.0, 0.5, 3, arriving=True)
        assert looked.call_count == 1
        gallery.scores(vectors[0].astype(np.float64), 1.0, 0.5, 3, arriving=True)
        assert looked.call_count == 2, "each was expected once"


def test_a_mean_between_grid_vectors_is_not_taken_for_one():
    gallery = Gallery(DIM)
    one, other = to_grids(identities(2, [1, 1], DIM).vectors)
    gallery.add(0, one, 1.0)
    pair = one.astype(np.float64) + one + (np.arange(DIM) == 0)
    expected = gallery.scores(pair, 2.0, -1.0, 1, arriving=True)
    gallery.expect([one, other])
    with patch.object(gallery._near, "probing", wraps=gallery._near.probing) as looked:
        assert gallery.scores(pair, 2.0, -1.0, 1, arriving=True) == expected
    assert looked.call_args.args[0] == pytest.approx(pair[None] / 2 / 2**14)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 0.01, 1.0, 3.0, 40.0]))
def test_many_go_to_the_grid_as_each_does_in_float64_sums_of_any_order(seed, length):
    rng = np.random.default_rng(seed)
    vectors = (length * rng.standard_normal((5, 64)) / 8).astype(np.float16)
    vectors[seed % 5] *= np.float16(seed % 2)
    together = to_grids(vectors)
    for row, vector in zip(together, vectors, strict=True):
        assert (row == to_grid(vector)).all()
        assert (row == to_grid(vector.astype(np.float64))).all(), "float64 input goes by exactly rounded sums"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_what_an_item_is_not_compared_with_is_known_only_when_it_comes(seed, batch):
    """As in noise, where an item waits itself while it is decided, or long has, with others of its tracklet."""
    with patch("rushes.processors.gallery.shortlist.Sizes", lambda: SMALL):
        together, alone = Gallery(DIM), Gallery(DIM)
    rng = np.random.default_rng(seed)
    vectors = list(to_grids(identities(seed, [4] * 40, DIM).vectors))
    order = rng.permutation(len(vectors)).tolist()
    for place, number in enumerate(order):
        if place % batch == 0:
            together.expect([vectors[ahead] for ahead in order[place : place + batch]])
        but = {number, order[int(rng.integers(place + 1))]}
        probe = vectors[number].astype(np.float64)
        for gallery in (together, alone):
            gallery.add(number, vectors[number], 1.0)
        near = [gallery.scores(probe, 1.0, 0.8, 1, but, arriving=True) for gallery in (together, alone)]
        assert near[0] == near[1]
        assert but.isdisjoint(key for key, _ in near[0])
    assert together.audits == alone.audits > 0
