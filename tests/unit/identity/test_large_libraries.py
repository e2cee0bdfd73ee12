"""Libraries too large to be linked as a whole, made small: each cluster is looked at with what is near it."""

from dataclasses import replace
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.facts import Contradiction
from rushes.processors.identity.items import Observation
from rushes.processors.identity.lookahead import MOST_BELOW, Lookahead
from rushes.processors.identity.pairs import SAMPLE_COST
from rushes.processors.identity.schedule import Schedule
from rushes.processors.identity.slices import MOST_AT_ONCE
from rushes.processors.identity.vicinity import MOST_NEAR, around, drawn
from tests.broken_facts import broken_facts
from tests.making_identities import Made, alone, groups, identities, run

LARGE = Schedule(exact_limit=20)
MOST_PIECE = max(2 * MOST_AT_ONCE, SAMPLE_COST)
KNOWN = Calibration(join=0.5, different_mean=0.0, different_std=0.1, same_mean=0.7, items=500, uncertainty=0.05)


def narrow():
    """Vicinities so narrow that clusters of a few items are looked at in part."""
    return patch.multiple("rushes.processors.identity.vicinity", MOST_OWN=4, MOST_UNITS=12, LEAST_UNITS=2, MOST_NEAR=3)


def clustered(frames: list[list[Observation]], dim: int = 64, operations: int = 10_000_000) -> Clusterer:
    return run(frames, operations=operations, clusterer=Clusterer(dim, KNOWN, LARGE))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("narrowly", [False, True])
def test_identities_that_are_far_apart_are_found_in_any_order(seed, narrowly):
    rng = np.random.default_rng(seed)
    made = identities(seed, [1, 1, 2, 3, 5, 8, 40, 60], spread=0.5)
    order = rng.permutation(len(made.vectors)).tolist()
    with narrow() if narrowly else patch.dict({}):
        found = groups(clustered(alone(made, order)), order)
    assert found == {frozenset(np.flatnonzero(made.labels == label).tolist()) for label in range(8)}


def test_a_cluster_that_two_identities_grew_into_is_split_and_what_is_one_is_merged():
    made = identities(3, [30, 30], spread=0.5)
    clusterer = Clusterer(64, KNOWN, LARGE)
    clusterer.consolidator.fix(KNOWN)
    partition = clusterer.partition
    for one in alone(made, list(range(60))):
        partition.add(one[0])
    for cluster, items in ((partition.new_cluster(0), range(40)), (partition.new_cluster(40), range(40, 60))):
        for item in items:
            partition.put(item, cluster)
            clusterer.consolidator.note(item)
    clusterer.settle()
    assert groups(clusterer, list(range(60))) == {frozenset(range(30)), frozenset(range(30, 60))}


@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(1, 25), min_size=2, max_size=6),
    operations=st.sampled_from([1, 100_000, 3_000_000]),
    narrowly=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_no_slice_breaks_a_fact_whatever_people_say_meanwhile(seed, sizes, operations, narrowly):
    rng = np.random.default_rng(seed)
    made = identities(seed, sizes, spread=float(rng.uniform(0.3, 1.2)))
    clusterer = Clusterer(64, KNOWN, LARGE)
    partition = clusterer.partition
    with narrow() if narrowly else patch.dict({}):
        for place, item in enumerate(rng.permutation(len(made.vectors)).tolist()):
            tracklet = int(made.labels[item]) if rng.random() < 0.2 else None
            quality = float(rng.choice([0.9, 0.9, 0.05]))
            clusterer.observe([Observation(made.vectors[item], frame=place // 3, quality=quality, tracklet=tracklet)])
            clusterer.work(operations)
            at = int(rng.integers(place + 1))
            if rng.random() < 0.1 and partition.clusters_counted and at in partition:
                cluster = int(rng.integers(partition.clusters_counted))
                try:
                    said = partition.pin(at, cluster) if rng.random() < 0.5 else partition.reject(at, cluster)
                except Contradiction:
                    continue
                for each in said:
                    if partition.cluster_of(each) is None:
                        clusterer.decide([each])
            assert broken_facts(partition) == []
        clusterer.settle()
    assert broken_facts(partition) == []


@given(seed=st.integers(0, 10_000), operations=st.sampled_from([1, 50_000, 2_000_000]), narrowly=st.booleans())
@settings(max_examples=15, deadline=None)
def test_work_in_small_slices_ends_where_work_in_one_does(seed, operations, narrowly):
    made = identities(seed, [1, 2, 4, 9, 30], spread=0.9)
    frames = alone(made, np.random.default_rng(seed).permutation(len(made.vectors)))
    with narrow() if narrowly else patch.dict({}):
        one, other = clustered(frames), clustered(frames, operations=operations)
    assert groups(one, list(range(46))) == groups(other, list(range(46)))
    assert [one.partition.cluster_of(item) for item in range(46)] == [
        other.partition.cluster_of(item) for item in range(46)
    ]


@pytest.mark.parametrize("sizes", [[600], [1] * 500, [100, 100, 100, 3, 2, 1, 1, 1], [5] * 100])
def test_no_slice_does_more_than_it_was_given_and_one_piece(sizes):
    made = identities(1, sizes, 512)
    clusterer = Clusterer(512, schedule=LARGE)
    consolidator = clusterer.consolidator
    most = 0
    for frame in alone(made, np.random.default_rng(1).permutation(len(made.vectors))):
        clusterer.observe(frame)
        while clusterer.due():
            before = consolidator.operations
            clusterer.work(1)
            most = max(most, consolidator.operations - before)
    assert 0 < most <= MOST_PIECE


def test_what_a_persons_word_interrupted_is_looked_at_after_all():
    made = identities(5, [20] * 6, spread=0.5)
    clusterer = Clusterer(64, KNOWN, LARGE)
    clusterer.consolidator.fix(KNOWN)
    partition = clusterer.partition
    for one in alone(made, list(range(120))):
        partition.add(one[0])
    for start in range(0, 120, 10):
        cluster = partition.new_cluster(start)
        for item in range(start, start + 10):
            partition.put(item, cluster)
            clusterer.consolidator.note(item)
    while clusterer.due():
        clusterer.work(1_000)
        if clusterer.consolidator.operations < 20_000_000:
            partition.reject(0, 11)
            partition.unreject(0, 11)
            clusterer.consolidator.request()
    assert groups(clusterer, list(range(120))) == {frozenset(range(start, start + 20)) for start in range(0, 120, 20)}


def test_a_cluster_is_looked_at_again_when_it_grew_by_a_quarter_and_all_are_when_everything_is_asked_for():
    made = identities(5, [200], spread=0.5)
    clusterer = Clusterer(64, KNOWN, LARGE)
    clusterer.consolidator.fix(KNOWN)
    with patch("rushes.processors.identity.consolidation.around", wraps=around) as looked:
        for frame in alone(made, list(range(200))):
            clusterer.observe(frame)
            clusterer.work(10**9)
        looks = looked.call_count
        clusterer.settle()
        assert looked.call_count <= looks + 1
    assert 3 <= looks <= 25


def two_clusters_looked_at() -> tuple[Clusterer, Made]:
    """Of 40 items each, and 20 more of both identities to come."""
    made = identities(5, [40, 40, 10, 10], spread=0.5)
    made.vectors[80:] = made.vectors[[*range(10), *range(40, 50)]]
    clusterer = Clusterer(64, KNOWN, LARGE)
    clusterer.consolidator.fix(KNOWN)
    for frame in alone(made, list(range(80))):
        clusterer.observe(frame)
    clusterer.settle()
    return clusterer, made


def test_an_item_that_came_to_the_wrong_cluster_leaves_it_when_only_what_came_is_looked_at():
    clusterer, made = two_clusters_looked_at()
    partition = clusterer.partition
    one = partition.cluster_of(0)
    assert one is not None
    came = [partition.add(Observation(made.vectors[number], frame=number)) for number in (80, 81, 90)]
    for item in came:
        partition.put(item, one)
        clusterer.consolidator.note(item)
    with patch("rushes.processors.identity.consolidation.around", wraps=around) as looked:
        clusterer.settle()
    assert looked.call_args_list[0].args[3] == came
    assert [partition.cluster_of(item) == one for item in came] == [True, True, False]
    assert len(partition.members(one)) == 42


def test_a_cluster_is_looked_at_in_full_when_it_grew_by_a_quarter_however_often_what_came_was():
    clusterer, made = two_clusters_looked_at()
    in_full = []
    with patch("rushes.processors.identity.consolidation.around", wraps=around) as looked:
        for number in range(80, 100):
            clusterer.observe([Observation(made.vectors[number], frame=number)])
            clusterer.settle()
            in_full.append(looked.call_args.args[3] is None)
    assert in_full == [place in {9, 19} for place in range(20)], "10 of 40 came to each"


def test_a_look_takes_few_of_those_that_are_a_little_alike_however_many_they_are():
    rng = np.random.default_rng(5)
    family = rng.standard_normal(256)
    centres = np.repeat(family + 1.6 * rng.standard_normal((120, 256)), 3, axis=0)
    clusterer = Clusterer(256, KNOWN, LARGE)
    partition = clusterer.partition
    for number, row in enumerate(centres + 0.4 * rng.standard_normal(centres.shape)):
        partition.add(Observation(row.astype(np.float16), frame=number))
        if number % 3 == 0:
            cluster = partition.new_cluster(founder=number)
        partition.put(number, cluster)
    mean, weight = partition.clusters.total(0), partition.clusters.weight(0)
    alike = [cluster for cluster, _ in partition.scores(mean, 0, 0.2, weight, (0,))]
    assert len(alike) > MOST_NEAR
    among, own = at_once(around(partition, 0, at_once(Lookahead(partition, 0.5, 0.2).near(0))))
    assert own == [(0,), (1,), (2,)]
    shown = {partition.cluster_of(unit[0]) for group in among.groups for unit in group} - {0}
    assert shown == set(alike[:MOST_BELOW]), "the nearest"
    everybody, _ = at_once(around(partition, 0, at_once(Lookahead(partition, 0.1, 0.1).near(0))))
    assert len(everybody.groups) > 4 * len(among.groups), "at or above the threshold all of them may be one"


def test_a_lower_threshold_has_only_those_looked_at_again_that_it_reaches_somebody_for():
    made = identities(5, [12, 12, 12], spread=0.5)
    clusterer = Clusterer(64, KNOWN, LARGE)
    consolidator, clusters = clusterer.consolidator, clusterer.partition.clusters
    consolidator.fix(KNOWN)
    for frame in alone(made, list(range(36))):
        clusterer.observe(frame)
    clusterer.settle()
    assert groups(clusterer, list(range(36))) == {frozenset(range(start, start + 12)) for start in (0, 12, 24)}
    homes = [clusterer.partition.cluster_of(item) for item in (0, 12, 24)]
    nearest = max(
        clusters.score(one, clusters.total(other), clusters.weight(other))
        for one, other in combinations([home for home in homes if home is not None], 2)
    )
    assert nearest < 0.3, "far below what a look at .5 looks for"

    def looks_at(threshold: float) -> int:
        consolidator.fix(replace(KNOWN, join=threshold))
        consolidator._agenda.sweep()
        with patch("rushes.processors.identity.consolidation.around", wraps=around) as looked:
            clusterer.settle()
        return looked.call_count

    assert looks_at(nearest + 0.01) == 0
    assert looks_at(nearest - 0.01) > 0


def test_who_found_nobody_when_he_came_is_looked_at_where_a_lower_threshold_reaches_somebody():
    made = identities(5, [1] * 80, 256, spread=0.5)
    clusterer = Clusterer(256, KNOWN, LARGE)
    consolidator = clusterer.consolidator
    consolidator.fix(KNOWN)
    frames = alone(made, list(range(80)))
    for frame in frames[:40]:
        clusterer.observe(frame)
    clusterer.settle()

    def looks() -> set[int]:
        with patch("rushes.processors.identity.consolidation.around", wraps=around) as looked:
            clusterer.settle()
        return {call.args[1] for call in looked.call_args_list}

    for frame in frames[40:]:
        clusterer.observe(frame)
    assert looks() == set()
    vectors = made.vectors.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    best = np.tril(vectors @ vectors.T, -1).max(axis=1)
    lower = float(np.sort(best[40:])[-10:-8].mean())
    for threshold, count in ((0.4, 0), (lower, 9)):
        consolidator.fix(replace(KNOWN, join=threshold))
        consolidator._agenda.sweep()
        looked_at = {item for item in looks() if item >= 40}
        reached = {item for item in range(40, 80) if best[item] >= threshold}
        joined = {item for item in reached if clusterer.partition.cluster_of(item) is not None}
        assert len(reached) == count
        assert looked_at | joined >= reached
        assert bool(looked_at) == bool(count)


def test_who_is_set_free_by_a_person_is_looked_at():
    made = identities(5, [1] * 40, 256, spread=0.5)
    clusterer = Clusterer(256, KNOWN, LARGE)
    clusterer.consolidator.fix(KNOWN)
    for frame in alone(made, list(range(40))):
        clusterer.observe(frame)
    clusterer.settle()
    clusterer.consolidator.note(39)
    with patch("rushes.processors.identity.consolidation.around", wraps=around) as looked:
        clusterer.settle()
    assert [call.args[1] for call in looked.call_args_list] == [39]


@pytest.mark.parametrize(("pieces", "shown"), [(1, False), (2, True)])
def test_a_sample_shows_pieces_of_one_identity_and_no_strangers_because_they_are_near(pieces, shown):
    """Strangers of a large library have some near ones; drawn for being near, they would look like families."""
    made = identities(5, [2 * pieces] * (600 // pieces), 256, spread=0.5)
    clusterer = Clusterer(256, KNOWN, LARGE)
    partition = clusterer.partition
    for number, frame in enumerate(alone(made, list(range(1_200)))):
        partition.add(frame[0])
        if number % 2 == 0:
            cluster = partition.new_cluster(founder=number)
        partition.put(number, cluster)
    background = replace(KNOWN, different_mean=0.0, different_std=256**-0.5)

    chosen = at_once(drawn(partition, background, 80))

    clusters = {partition.cluster_of(item) for item in chosen}
    assert len(chosen) == 80
    assert len(clusters) == 40
    beside = 0
    for cluster in clusters:
        total, weight = partition.clusters.total(cluster), partition.clusters.weight(cluster)
        nearest = partition.scores(total, 1, 2.0, weight, (cluster,))[0][0]
        beside += nearest in clusters
    assert beside == 40 if shown else beside < 12


@pytest.mark.parametrize("seed", range(3))
def test_what_was_noted_of_who_waited_is_forgotten_when_he_waits_no_longer(seed):
    made = identities(seed, [1] * 10 + [2] * 10 + [5] * 4, spread=0.9)
    clusterer = Clusterer(64, KNOWN, LARGE)
    consolidator, partition = clusterer.consolidator, clusterer.partition
    consolidator.fix(KNOWN)
    noted = 0
    for place, frame in enumerate(alone(made, np.random.default_rng(seed).permutation(50).tolist())):
        clusterer.observe(frame)
        clusterer.work(2_000_000)
        if place % 10 == 9:
            consolidator.fix(replace(KNOWN, join=0.3 + 0.02 * place % 0.4))
            clusterer.remove(place // 2)
            clusterer.settle()
        alone_noted = set(consolidator._agenda._alone)
        noted += len(alone_noted)
        assert all(item in partition and partition.cluster_of(item) is None for item in alone_noted)
    assert noted > 50
