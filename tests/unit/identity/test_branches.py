"""Each branch of a dendrogram cut at a height of its own: against a search over all cuts, loops, and mixtures."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.evaluation.driving import clustered_by
from rushes.processors.evaluation.embedders import Mixed, Repeated, Synthetic
from rushes.processors.evaluation.layouts import cast, crowd, extras, half_singletons, look_alikes
from rushes.processors.evaluation.material import arrival_orders
from rushes.processors.evaluation.metrics import bcubed
from rushes.processors.evaluation.references import best_cut
from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.branches import NONE, Branches, Leaves, branches, cut_by_branches, leaves, likeliest
from rushes.processors.identity.calibration import COLD, Calibration, Evidence, calibrate
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.linkage import agglomerate, cut
from rushes.processors.identity.neighbourhoods import Block, Rows
from tests.making_identities import identities


def single(count: int) -> Leaves:
    return Leaves(np.ones(count), np.ones(count), np.zeros(count), np.zeros(count))


def linked(vectors):
    rows = vectors.astype(np.float64)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, 1.0)
    return similarity, at_once(agglomerate(similarity, np.ones(len(rows))))


def all_cuts(parts, branch):
    """Every way to cut what a branch holds: branches that are one identity each, and those that are none."""
    if branch == NONE:
        return [(frozenset(), frozenset())]
    found = [(frozenset(below(parts, branch)), frozenset())]
    for (one, none), (more, fewer) in itertools.product(*(all_cuts(parts, part) for part in parts[branch])):
        found.append((one | more, none | fewer | {branch}))
    return found


def below(parts, branch):
    return {branch} | {each for part in parts[branch] if part != NONE for each in below(parts, part)}


@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 3), min_size=2, max_size=4))
@settings(max_examples=40, deadline=None)
def test_no_cut_is_likelier_than_the_one_taken(seed, sizes):
    _, merges = linked(identities(seed, sizes).vectors)
    count = sum(sizes)
    parts = at_once(branches(merges, single(count), COLD, part=False)).parts
    odds = 3.0 * np.random.default_rng(seed).standard_normal(len(merges))

    def likelihood(cut):
        one, none = (list(each) for each in cut)
        return -np.logaddexp(0.0, -odds[one]).sum() - np.logaddexp(0.0, odds[none]).sum()

    best = max(all_cuts(parts.tolist(), len(merges) - 1), key=likelihood)
    taken = at_once(likeliest(merges, count, Branches(np.zeros((len(merges), 0)), parts), odds))
    expected = np.arange(count)
    for number, merge in enumerate(merges):
        if number in best[0]:
            expected[expected == merge.gone] = merge.kept
    assert taken.tolist() == expected.tolist()


@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5))
@settings(max_examples=25, deadline=None)
def test_what_a_branch_scores_inside_is_the_mean_over_pairs_of_its_parts(seed, sizes):
    similarity, merges = linked(identities(seed, sizes).vectors)
    count = len(similarity)
    figures = at_once(branches(merges, single(count), COLD, part=False)).figures
    held = {row: [row] for row in range(count)}
    for merge, inside in zip(merges, figures[:, 5].tolist(), strict=True):
        one, other = held.pop(merge.kept), held.pop(merge.gone)
        scores = [similarity[pair] for part in (one, other) for pair in itertools.combinations(part, 2)]
        assert inside == pytest.approx(np.mean(scores) if scores else COLD.same_mean, abs=1e-9)
        held[merge.kept] = one + other


def chosen(similarity, merges) -> Calibration:
    return at_once(calibrate(similarity, merges, Evidence(np.zeros(0))))


def test_materials_that_need_two_thresholds_get_better_than_the_best_one():
    loose = Synthetic("loose", 256, same=0.5)
    alike = Synthetic("alike", 256, same=0.85, base=0.45)
    gained = []
    for seed in range(3):
        material = cast(Mixed(loose, alike), np.random.default_rng(seed))
        similarity, merges = linked(material.vectors)
        group = at_once(
            cut_by_branches(merges, single(len(material)), chosen(similarity, merges), whole=True, part=False)
        )
        gained.append(bcubed(group, material.labels).f1 - best_cut(material.vectors, material.labels).f1)
    assert min(gained) > 0.02


@pytest.mark.parametrize(
    ("layout", "embedder"),
    [
        (half_singletons, Synthetic("high", 512, same=0.85, base=0.55, uneven=0.03)),
        (extras, Synthetic("high", 512, same=0.85, base=0.55, uneven=0.03)),
        (crowd, Synthetic("face", 512, same=0.55)),
        (look_alikes, Synthetic("tight", 128, same=0.7, uneven=0.05)),
    ],
)
def test_a_library_of_many_hundreds_is_neither_joined_nor_taken_apart(layout, embedder):
    rng = np.random.default_rng(11)
    material = layout(Repeated(embedder, -(-900 // len(layout(embedder, np.random.default_rng(11))))), rng)
    similarity, merges = linked(material.vectors)
    count = len(material)
    group = at_once(cut_by_branches(merges, single(count), chosen(similarity, merges), whole=True, part=False))
    assert bcubed(group, material.labels).f1 > best_cut(material.vectors, material.labels).f1 - 0.02


def test_a_library_of_two_materials_is_told_apart_online_by_branches_and_a_fixed_threshold_stays():
    loose = Synthetic("loose", 256, same=0.5)
    alike = Synthetic("alike", 256, same=0.85, base=0.45)
    material = cast(Mixed(loose, alike), np.random.default_rng(3))
    (order,) = arrival_orders(material, 1)
    clusterer = Clusterer(256)
    found = clustered_by(clusterer, material, order).final
    assert bcubed(found, material.labels).f1 > best_cut(material.vectors, material.labels).f1 + 0.02
    fixed = Clusterer(256)
    fixed.consolidator.fix(clusterer.calibration)
    at_threshold = clustered_by(fixed, material, order).final
    similarity, merges = linked(material.vectors)
    one = cut(merges, len(similarity), clusterer.calibration.join)
    assert bcubed(at_threshold, one).f1 == pytest.approx(1.0)


def test_a_block_says_what_its_items_score_and_units_put_together_do_not():
    rows = np.array([[1.0, 0.0], [0.6, 0.8]])
    sums = np.stack([rows.sum(0), rows[0]])
    facts = Rows([[], [(7,), (8,)]], sums, np.array([2.0, 2.0]), None, None, {0: Block(3, 2, sums[0], 2.0)})
    found = leaves(facts, sums @ sums.T)
    assert found.sizes.tolist() == [2.0, 2.0]
    assert found.pairs.tolist() == [2.0, 0.0]
    assert found.scores.tolist() == pytest.approx([2 * 0.6, 0.0])


@pytest.mark.parametrize("seed", range(3))
def test_the_cut_is_the_same_whatever_the_order_of_the_rows(seed):
    made = identities(seed, [6, 5, 4, 3, 1, 1])
    order = np.random.default_rng(seed).permutation(len(made.vectors))
    similarity, merges = linked(made.vectors)
    calibration = chosen(similarity, merges)
    group = at_once(cut_by_branches(merges, single(len(order)), calibration, whole=True, part=False))
    _, again = linked(made.vectors[order])
    other = at_once(cut_by_branches(again, single(len(order)), calibration, whole=True, part=False))
    assert bcubed(group[order], other).f1 == pytest.approx(1.0)
