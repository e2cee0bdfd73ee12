"""Online clustering as its users see it: any order, any slices, ids that last."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation
from tests.making_identities import alone, groups, identities, run


def truth(made) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(made.labels == label).tolist()) for label in set(made.labels.tolist())}


def test_identities_well_apart_are_found_and_single_ones_wait():
    made = identities(1, [9, 7, 5, 4, 1, 1])
    order = list(range(len(made.labels)))
    clusterer = run(alone(made, order))
    assert groups(clusterer, order) == truth(made)
    assert [clusterer.partition.cluster_of(item) for item in order[-2:]] == [None, None]


@given(seed=st.integers(0, 50), shuffle=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_arrival_does_not_matter_in_the_end(seed, shuffle):
    made = identities(seed, [8, 6, 5, 3, 2, 1, 1], spread=1.0)
    straight = list(range(len(made.labels)))
    order = np.random.default_rng(shuffle).permutation(len(straight))
    assert groups(run(alone(made, order)), order) == groups(run(alone(made, straight)), straight)


@given(operations=st.integers(1, 2_000_000))
@settings(max_examples=10, deadline=None)
def test_the_size_of_slices_alters_nothing_where_nothing_arrives_between(operations):
    made = identities(4, [8, 6, 5, 3, 2, 1, 1], spread=1.0)
    order = list(range(len(made.labels)))
    assert groups(run(alone(made, order), operations=operations), order) == groups(run(alone(made, order)), order)


@given(seed=st.integers(0, 30), operations=st.integers(1000, 300_000))
@settings(max_examples=15, deadline=None)
def test_arrivals_between_slices_keep_their_place_and_end_where_they_belong(seed, operations):
    made = identities(seed, [10, 8, 6, 4, 1], spread=0.7)
    order = np.random.default_rng(seed).permutation(len(made.labels))
    clusterer = Clusterer(64)
    for frame in alone(made, order):
        clusterer.observe(frame)
        clusterer.work(operations)
    clusterer.settle()
    assert groups(clusterer, order) == groups(run(alone(made, order)), order)


def test_same_calls_give_the_same_moves():
    made = identities(5, [8, 6, 5, 3], spread=1.0)

    def moves():
        clusterer = Clusterer(64)
        found = []
        for frame in alone(made, list(range(len(made.labels)))):
            found += clusterer.observe(frame)
            found += clusterer.work(200_000)
        return found + clusterer.settle()

    assert moves() == moves()


def test_a_cluster_keeps_its_id_while_it_grows():
    made = identities(6, [30, 20, 10], spread=0.7)
    clusterer = Clusterer(64)
    ids = []
    for frame in alone(made, np.random.default_rng(6).permutation(60)):
        clusterer.observe(frame)
        while clusterer.due():
            clusterer.work(10_000_000)
        ids.append(clusterer.partition.cluster_of(0))
    assert len(set(ids[20:])) == 1


def blurred(made, items, base=0.0):
    """Items moved towards what all blurred pictures share; `base`: the likeness that strangers have besides."""
    shared = np.random.default_rng(99).standard_normal(made.vectors.shape[1])
    shared /= np.linalg.norm(shared)
    common = np.zeros(made.vectors.shape[1])
    common[0] = np.sqrt(base)
    rows = common + np.sqrt(1 - base) * made.vectors.astype(np.float64)
    rows[items] = 0.5 * rows[items] + 0.7 * shared
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_poor_items_that_were_the_first_are_no_cluster_once_better_ones_tell_that_they_are_poor():
    made = identities(11, [8, 8, 8, 8])
    poor = [0, 1, 8, 9, 16, 24]
    vectors = blurred(made, poor)
    order = [*poor, *(item for item in range(32) if item not in poor)]
    clusterer = Clusterer(64)
    for frame, item in enumerate(order):
        clusterer.observe([Observation(vectors[item], frame=frame, quality=0.25 if item in poor else 0.9)])
        if frame == len(poor) - 1:
            clusterer.settle()
            assert any(clusterer.partition.cluster_of(number) is not None for number in range(len(poor)))
    clusterer.settle()
    assert groups(clusterer, order) == truth(made)


def test_a_blurred_item_joins_its_own_though_it_scores_below_what_strangers_do():
    made = identities(12, [6] * 14, dim=256)
    poor = [5, 17, 29]
    vectors = blurred(made, poor, base=0.55)
    order = list(range(84))
    frames = [[Observation(vectors[item], frame=item, quality=0.1 if item in poor else 0.9)] for item in order]
    clusterer = run(frames, dim=256)
    own = clusterer.partition.scores(clusterer.partition.entry(5).vector(), 1, 2.0)[0][1]
    assert own < clusterer.calibration.different_mean
    assert groups(clusterer, order) == truth(made)


def test_poor_items_join_late_and_never_found():
    made = identities(7, [6, 6], spread=0.4)
    clusterer = Clusterer(64)
    poor = [Observation(made.vectors[item], frame=item, quality=0.05) for item in (0, 1, 2)]
    for observation in poor:
        clusterer.observe([observation])
    for item in range(6, 12):
        clusterer.observe([Observation(made.vectors[item], frame=item)])
    clusterer.settle()
    assert [clusterer.partition.cluster_of(item) for item in range(3)] == [None] * 3
    for item in range(3, 6):
        clusterer.observe([Observation(made.vectors[item], frame=item)])
    clusterer.settle()
    homes = {clusterer.partition.cluster_of(item) for item in (0, 1, 2, 9, 10, 11)}
    assert len(homes) == 1
    assert None not in homes


def test_who_is_this_names_the_likeliest_and_unknown():
    made = identities(8, [10, 10], spread=0.5)
    clusterer = run(alone(made, list(range(20))))
    stranger = identities(99, [1]).vectors[0]
    known = clusterer.identify(made.vectors[0])
    assert known[0].cluster == clusterer.partition.cluster_of(0)
    assert known[0].probability > 0.9
    assert clusterer.identify(stranger)[0].cluster is None
    assert sum(candidate.probability for candidate in known) <= 1.0 + 1e-9


def test_what_others_taught_holds_arrivals_while_few_items_chose_the_threshold_and_less_with_each():
    taught = Calibration(join=0.9, different_mean=0.3, different_std=0.1, same_mean=0.95, items=240, uncertainty=0.3)
    made = identities(3, [6] * 20)
    order = np.random.default_rng(1).permutation(len(made.labels))
    clusterer = Clusterer(64, taught)
    assert clusterer.consolidator.at_arrival == taught
    held = []
    for few in (24, 120):
        seen = clusterer.partition.items()
        run(alone(made, order)[len(list(seen)) : few], clusterer=clusterer)
        assert clusterer.consolidator.calibrated_here
        chosen, used = clusterer.calibration.join, clusterer.consolidator.at_arrival.join
        assert chosen < used < taught.join
        held.append((used - chosen) / (taught.join - chosen))
    assert held[1] < held[0] / 2

    cold = run(alone(made, order))
    assert cold.consolidator.at_arrival == cold.calibration
