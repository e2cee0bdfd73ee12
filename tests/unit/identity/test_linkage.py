"""Average linkage from sums against loops and scipy; similarities that no BLAS can alter."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.gallery import Gallery
from rushes.processors.identity.grid import STEPS, to_grid
from rushes.processors.identity.linkage import agglomerate, cut, heights_of, products
from tests.making_identities import identities


def grid_rows(seed: int, sizes: list[int]):
    return np.stack([to_grid(vector) for vector in identities(seed, sizes).vectors]).astype(np.float64)


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 6), min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_merges_are_those_of_scipy(seed, sizes):
    rows = grid_rows(seed, sizes)
    gram = at_once(products(rows, np.ones(len(rows))))
    merges = at_once(agglomerate(gram, np.ones(len(rows))))
    condensed = (2.0 - gram)[np.triu_indices(len(rows), 1)]
    theirs = linkage(condensed, "average")
    assert [merge.height for merge in merges] == pytest.approx((2.0 - theirs[:, 2]).tolist(), abs=1e-9)
    level = merges[len(merges) // 2].height - 1e-6
    ours = cut(merges, len(rows), level)
    labels = fcluster(theirs, 2.0 - level, "distance")
    pairs = list(itertools.combinations(range(len(rows)), 2))
    assert [ours[a] == ours[b] for a, b in pairs] == [labels[a] == labels[b] for a, b in pairs]


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5))
@settings(max_examples=25, deadline=None)
def test_what_is_apart_is_never_merged_and_the_rest_as_a_naive_loop_would(seed, sizes):
    rows = grid_rows(seed, sizes)
    rng = np.random.default_rng(seed)
    count = len(rows)
    apart = np.triu(rng.random((count, count)) < 0.3, 1)
    apart |= apart.T
    gram = at_once(products(rows, np.ones(count)))
    merges = at_once(agglomerate(gram, np.ones(count), apart, stop=0.2))
    naive = [{row} for row in range(count)]
    while True:
        best = max(
            (
                (float(np.mean([gram[p, q] for p in one for q in other])), one, other)
                for one, other in itertools.combinations(naive, 2)
                if not any(apart[p, q] for p in one for q in other)
            ),
            key=lambda found: found[0],
            default=None,
        )
        if best is None or best[0] <= 0.2:
            break
        naive = [group for group in naive if group is not best[1] and group is not best[2]] + [best[1] | best[2]]
    group_of = cut(merges, count, 0.2)
    ours = {frozenset(np.flatnonzero(group_of == group).tolist()) for group in set(group_of.tolist())}
    assert ours == {frozenset(group) for group in naive}


@given(seed=st.integers(0, 300), sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5), count=st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_between_the_heights_of_some_leaves_every_cut_leaves_them_in_the_same_groups(seed, sizes, count):
    rows = grid_rows(seed, sizes)
    merges = at_once(agglomerate(at_once(products(rows, np.ones(len(rows)))), np.ones(len(rows))))
    some = np.random.default_rng(seed).permutation(len(rows))[:count].tolist()
    own = np.sort(heights_of(some, merges))
    seen: dict[int, list[list[int]]] = {}
    for threshold in sorted({merge.height + off for merge in merges for off in (-1e-9, 0.0, 1e-9)}):
        group = cut(merges, len(rows), threshold)
        found = [np.flatnonzero(group == group[leaf]).tolist() for leaf in some]
        assert seen.setdefault(int(np.searchsorted(own, threshold)), found) == found
    assert len(seen) == len(np.unique(own)) + 1


def test_products_do_not_depend_on_the_order_of_summation():
    rows = grid_rows(3, [40, 40])
    sums = np.stack([rows[:40].sum(0), rows[40:].sum(0)])
    forward = at_once(products(sums, np.array([40.0, 40.0])))
    shuffled = np.random.default_rng(0).permutation(sums.shape[1])
    again = at_once(products(sums[:, shuffled].copy(), np.array([40.0, 40.0])))
    assert np.array_equal(forward, again)
    assert forward[0, 1] * STEPS * STEPS == math.fsum((sums[0] * sums[1]).tolist())


@given(seed=st.integers(0, 1000), count=st.integers(1, 40), at_least=st.floats(-0.2, 0.9), top=st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_a_gallery_gives_what_a_loop_over_all_members_gives(seed, count, at_least, top):
    made = identities(seed, [2] * count, spread=0.8)
    grids = [to_grid(vector) for vector in made.vectors]
    gallery = Gallery(64)
    rng = np.random.default_rng(seed)
    for item in rng.permutation(len(grids)).tolist():
        gallery.add(int(made.labels[item]), grids[item], 1.0)
    for key in range(0, count, 3):
        gallery.add(key, grids[2 * key], -1.0)
    probe = grids[0].astype(np.float64)
    expected = []
    for key in range(count):
        members = [grids[2 * key + 1]] if key % 3 == 0 else [grids[2 * key], grids[2 * key + 1]]
        scores = [math.fsum((probe * member).tolist()) / STEPS**2 for member in members]
        expected.append((key, sum(scores) / len(scores)))
    expected.sort(key=lambda scored: (-scored[1], scored[0]))
    kept = expected[: max(top, sum(score >= at_least for _, score in expected))]
    assert gallery.scores(probe, 1.0, at_least, top) == kept
