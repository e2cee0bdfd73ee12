"""Who is this, strangers among them: probabilities that agree with what an arrival would do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.evaluation.embedders import Synthetic
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation

LEARNT = Calibration(join=0.5, different_mean=0.1, different_std=0.08, same_mean=0.7)
SCORES = st.lists(st.floats(-1, 1), max_size=12).map(np.array)


@given(SCORES)
def test_the_probabilities_of_all_and_of_none_add_up_to_one(scores):
    found = LEARNT.open_set(scores)
    assert len(found) == len(scores) + 1
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()


@given(SCORES)
def test_none_is_more_likely_than_not_exactly_where_an_arrival_would_join_nothing(scores):
    unknown = LEARNT.open_set(scores)[-1]
    if not len(scores) or scores.max() < LEARNT.join - 1e-9:
        assert unknown > 0.5
    elif scores.max() > LEARNT.join + 1e-9:
        assert unknown < 0.5


@given(SCORES)
def test_the_liker_is_the_likelier(scores):
    found = LEARNT.open_set(scores)[:-1]
    order = np.argsort(scores, kind="stable")
    assert (np.diff(found[order]) >= -1e-12).all()


def test_many_groups_that_are_a_little_alike_do_not_make_a_stranger_known():
    one, hundred = LEARNT.open_set(np.array([0.35])), LEARNT.open_set(np.full(100, 0.35))
    assert hundred[-1] == pytest.approx(one[-1])


def test_a_stranger_is_unknown_among_many_and_a_known_one_is_known():
    rng = np.random.default_rng(4)
    groups = Synthetic("any", 64, same=0.6, base=0.1).draw(rng, [6] * 60)
    clusterer = Clusterer(64)
    for rows in groups[:40]:
        for row in rows[:4]:
            clusterer.observe([Observation(row.astype(np.float16), frame=len(clusterer.partition))])
    clusterer.settle()
    strangers = [clusterer.identify(row)[0] for rows in groups[40:] for row in rows]
    known = [(at, clusterer.identify(row)) for at, rows in enumerate(groups[:40]) for row in rows[4:]]
    assert sum(one.cluster is None for one in strangers) >= 0.95 * len(strangers)
    right = [found[0].cluster == clusterer.partition.cluster_of(4 * at) for at, found in known]
    assert sum(right) >= 0.9 * len(right)
