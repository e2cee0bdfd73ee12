"""Pairs of clusters for a person to look at are brought up to date bit by bit, whatever the size of the library."""

import pytest

from rushes.processors.clustering.merge_proposals import MergeProposals
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation
from tests.making_identities import identities

UNSURE = Calibration(join=0.85, different_mean=0.3, different_std=0.2, same_mean=0.97)


@pytest.mark.parametrize("operations", [1_000, 100_000, 10**9])
def test_look_alikes_are_proposed_in_the_end_however_small_the_slices(operations):
    made = identities(1, [2] * 30, spread=0.4)
    clusterer = Clusterer(64)
    clusterer.consolidator.fix(UNSURE)
    proposals = MergeProposals()
    for item, vector in enumerate(made.vectors):
        clusterer.partition.add(Observation(vector, frame=item))
        cluster = clusterer.partition.new_cluster(item)
        clusterer.partition.put(item, cluster)
        proposals.touch(cluster)
    looked = 0
    for _ in range(10_000):
        looked += len(proposals.renew(clusterer, operations))
    assert looked == 60
    assert all(proposals.of(item)[0][0] == item ^ 1 for item in range(60))


def two_look_alikes() -> tuple[Clusterer, MergeProposals]:
    made = identities(1, [2], spread=0.4)
    clusterer, proposals = Clusterer(64), MergeProposals()
    clusterer.consolidator.fix(UNSURE)
    for item, vector in enumerate(made.vectors):
        clusterer.partition.add(Observation(vector, frame=item))
        clusterer.partition.put(item, clusterer.partition.new_cluster(item))
        proposals.touch(item)
    assert proposals.renew(clusterer, 10**9) == [0, 1]
    return clusterer, proposals


@pytest.mark.parametrize(("item", "cluster"), [(0, 1), (1, 0)])
def test_what_a_person_told_apart_is_proposed_no_more_and_again_when_that_is_taken_back(item, cluster):
    clusterer, proposals = two_look_alikes()
    clusterer.partition.reject(item, cluster)
    proposals.reconsider(cluster)
    assert proposals.renew(clusterer, 10**9) == [cluster, item]
    assert proposals.of(0) == proposals.of(1) == ()
    clusterer.partition.unreject(item, cluster)
    for each in (item, cluster):
        proposals.reconsider(each)
    assert sorted(proposals.renew(clusterer, 10**9)) == [0, 1]


def test_a_cluster_that_is_gone_is_proposed_no_more():
    clusterer, proposals = two_look_alikes()
    clusterer.partition.take_out(1)
    clusterer.partition.put(1, 0)
    proposals.touch(1)
    assert sorted(proposals.renew(clusterer, 10**9) + proposals.renew(clusterer, 10**9)) == [0, 1]
    assert proposals.of(0) == proposals.of(1) == ()
