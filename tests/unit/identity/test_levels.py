"""What levels say against plain loops, and what is chosen where the truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.calibration import COLD, Calibration, Evidence, calibrate
from rushes.processors.identity.figures import FIGURES
from rushes.processors.identity.grid import to_grid
from rushes.processors.identity.levels import levels
from rushes.processors.identity.linkage import agglomerate, cut
from rushes.processors.identity.weighing import WEIGHTS
from tests.making_identities import identities

NOTHING = np.zeros(0)


def linked(seed: int, sizes: list[int], spread: float):
    made = identities(seed, sizes, spread=spread)
    rows = np.stack([to_grid(vector) for vector in made.vectors]) / 2.0**14
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, 1.0)
    return made, similarity, at_once(agglomerate(similarity, np.ones(len(similarity))))


@given(seed=st.integers(0, 200), sizes=st.lists(st.integers(1, 6), min_size=3, max_size=6))
@settings(max_examples=25, deadline=None)
def test_silhouettes_are_those_of_a_loop(seed, sizes):
    _, similarity, merges = linked(seed, sizes, 0.8)
    if len(similarity) < 3:
        return
    for level in at_once(levels(similarity, merges, NOTHING)):
        if level.groups == 1:
            continue
        group = cut(merges, len(similarity), (level.low + level.high) / 2)
        values = []
        for item in range(len(similarity)):
            mates = [mate for mate in np.flatnonzero(group == group[item]).tolist() if mate != item]
            if not mates:
                values.append(0.0)
                continue
            inside = similarity[item, mates].mean()
            near = max(similarity[item, group == other].mean() for other in set(group.tolist()) - {group[item]})
            values.append((inside - near) / (1 - min(inside, near)))
        if len(set(group.tolist())) == level.groups:
            said = level.figures[FIGURES.index("silhouette")]
            assert said == pytest.approx(np.mean(values), abs=1e-6)


def test_every_figure_has_a_weight_and_no_weight_is_left_over():
    assert set(WEIGHTS) == set(FIGURES)


def test_identities_well_apart_are_told_apart_whatever_the_level_of_likeness():
    for base in (0.0, 0.5):
        made, similarity, _ = linked(3, [9, 8, 7, 6, 5, 4, 1, 1], 0.6)
        similarity = base + (1 - base) * similarity
        merges = at_once(agglomerate(similarity, np.ones(len(similarity))))
        join = at_once(calibrate(similarity, merges, Evidence(NOTHING))).join
        group = cut(merges, len(similarity), join)
        assert [group[a] == group[b] for a in range(20) for b in range(20)] == [
            made.labels[a] == made.labels[b] for a in range(20) for b in range(20)
        ]


def test_a_prior_tells_one_identity_from_many_where_the_sample_alone_cannot():
    _, similarity, merges = linked(5, [30], 0.8)
    taught = Calibration(join=0.35, different_mean=0.0, different_std=0.1, same_mean=0.6, items=500, uncertainty=0.03)
    elsewhere = Calibration(
        join=0.9, different_mean=0.6, different_std=0.1, same_mean=0.95, items=500, uncertainty=0.03
    )
    low = at_once(calibrate(similarity, merges, Evidence(NOTHING, prior=taught))).join
    high = at_once(calibrate(similarity, merges, Evidence(NOTHING, prior=elsewhere))).join
    assert len(set(cut(merges, 30, low).tolist())) == 1
    assert len(set(cut(merges, 30, high).tolist())) == 30


def test_a_single_item_teaches_nothing():
    assert at_once(calibrate(np.ones((1, 1)), [], Evidence(NOTHING))) == COLD


@pytest.mark.parametrize(("ahead", "groups"), [(0.2, 12), (0.5, 4)])
def test_of_levels_that_explain_about_as_much_the_finer_one_is_kept(monkeypatch, ahead, groups):
    """Four houses of three rooms of five pictures: rooms or houses?"""
    rng = np.random.default_rng(4)
    houses = np.repeat(rng.standard_normal((4, 256)), 15, axis=0)
    rooms = np.repeat(rng.standard_normal((12, 256)), 5, axis=0)
    rows = 0.8 * houses + rooms + 0.6 * rng.standard_normal((60, 256))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similarity = rows @ rows.T
    merges = at_once(agglomerate(similarity, np.ones(60)))
    at = FIGURES.index("groups_per_item")
    worth = {4: ahead, 12: 0.0}
    monkeypatch.setattr(
        "rushes.processors.identity.calibration.weighed", lambda figures: worth.get(round(60 * figures[at]), -9.0)
    )
    chosen = at_once(calibrate(similarity, merges, Evidence(NOTHING)))
    assert len(set(cut(merges, 60, chosen.join).tolist())) == groups
    assert chosen.uncertainty > 0.05, "the other one is not ruled out, and the merges to it are proposed"
