"""Pairs of clusters for a person to look at are brought up to date bit by bit, whatever the size of the library."""

import pytest

from rushes.processors.clustering.merge_proposals import MergeProposals
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.partition import Observation
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
