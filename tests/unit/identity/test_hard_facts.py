"""No path through arrivals, corrections and consolidation breaks a fact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.facts import Contradiction
from rushes.processors.identity.items import Observation
from rushes.processors.identity.partition import Partition
from tests.broken_facts import broken_facts
from tests.making_identities import identities

CALLS = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "frame", "pin", "unpin", "reject", "unreject", "remove", "work", "free"]),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    min_size=10,
    max_size=60,
)


def one(clusterer, kind, first, second, made):
    partition = clusterer.partition
    known = partition.items()
    rng = np.random.default_rng(1000 * first + second)
    if kind == "frame":
        clusterer.observe(
            [
                Observation(
                    made.vectors[int(rng.integers(len(made.vectors)))],
                    frame=1000 + first,
                    quality=float(rng.choice([0.05, 0.9, 0.9])),
                    tracklet=int(rng.integers(4)) if rng.random() < 0.6 else None,
                )
                for _ in range(1 + second % 3)
            ]
        )
    elif kind == "work":
        clusterer.work(1000 * (1 + first) * (1 + second))
    elif known:
        item = known[first % len(known)]
        clusters = list(partition.clusters)
        if kind == "remove":
            clusterer.remove(item)
        elif kind == "free" and partition.facts.unit_pin(item) is None:
            unit = partition.facts.unit(item)
            partition.place(unit, None)
            clusterer.decide([item])
        elif clusters:
            cluster = clusters[second % len(clusters)]
            match kind:
                case "pin":
                    partition.pin(item, cluster)
                case "unpin":
                    partition.unpin(item)
                case "reject":
                    partition.reject(item, cluster)
                case "unreject":
                    partition.unreject(item, cluster)


@given(calls=CALLS, seed=st.integers(0, 20))
@settings(max_examples=400, deadline=None)
def test_no_sequence_of_calls_breaks_a_fact(calls, seed):
    made = identities(seed, [5, 4, 3, 2], spread=0.9)
    clusterer = Clusterer(64)
    for kind, first, second in calls:
        try:
            one(clusterer, kind, first, second, made)
        except Contradiction:
            assert kind in {"pin", "reject"}, "only a person's word may be refused"
        assert broken_facts(clusterer.partition) == []
    clusterer.settle()
    assert broken_facts(clusterer.partition) == []


def item(partition: Partition, vector, frame: int, tracklet: int | None = None) -> int:
    return partition.add(Observation(vector, frame, tracklet=tracklet))


def test_two_items_of_a_frame_are_never_put_together():
    made = identities(0, [2])
    partition = Partition(64)
    first, second = item(partition, made.vectors[0], 1), item(partition, made.vectors[1], 1)
    cluster = partition.new_cluster(first)
    partition.put(first, cluster)
    with pytest.raises(Contradiction, match="shares a frame"):
        partition.put(second, cluster)
    assert partition.cluster_of(second) is None


def test_a_tracklet_with_two_items_in_one_frame_loses_the_later_and_says_so():
    made = identities(0, [3])
    partition = Partition(64)
    first = item(partition, made.vectors[0], 1, tracklet=7)
    second = item(partition, made.vectors[1], 1, tracklet=7)
    assert partition.facts.unit(first) == (first,)
    (dispute,) = partition.facts.disputes
    assert (dispute.item, dispute.tracklet, dispute.against) == (second, 7, "its frame")


def test_new_facts_drive_out_the_unit_that_fits_less():
    made = identities(0, [6], spread=0.1)
    other = identities(9, [1]).vectors[0]
    partition = Partition(64)
    first = item(partition, made.vectors[0], 1, tracklet=1)
    second = item(partition, made.vectors[1], 2)
    stranger = item(partition, other, 3, tracklet=2)
    cluster = partition.new_cluster(first)
    for each in (first, second, stranger):
        partition.put(each, cluster)
    item(partition, made.vectors[2], 4, tracklet=1)
    item(partition, made.vectors[3], 4, tracklet=2)
    assert partition.evicted == [stranger]
    assert broken_facts(partition) == []


def test_a_rejected_item_does_not_come_back_at_consolidation():
    made = identities(0, [12, 12], spread=0.3)
    clusterer = Clusterer(64)
    for frame, vector in enumerate(made.vectors):
        clusterer.observe([Observation(vector, frame)])
    clusterer.settle()
    cluster = clusterer.partition.cluster_of(3)
    assert cluster is not None
    assert clusterer.partition.reject(3, cluster) == [3]
    clusterer.decide([3])
    clusterer.settle()
    assert clusterer.partition.cluster_of(3) != cluster
    assert len(clusterer.partition.members(cluster)) == 11


def test_a_pinned_item_stays_among_strangers():
    made = identities(0, [8, 8], spread=0.3)
    clusterer = Clusterer(64)
    for frame, vector in enumerate(made.vectors):
        clusterer.observe([Observation(vector, frame)])
    clusterer.settle()
    there = clusterer.partition.cluster_of(15)
    assert there is not None
    clusterer.partition.pin(0, there)
    clusterer.settle()
    assert clusterer.partition.cluster_of(0) == there
    assert clusterer.partition.cluster_of(15) == there
    assert clusterer.partition.cluster_of(1) != there
