"""A cluster of any size comes apart where the threshold says that it is too wide, whatever the ages of its items."""

from dataclasses import replace

import numpy as np
import pytest

from rushes.processors.evaluation.embedders import Synthetic
from rushes.processors.identity.calibration import COLD
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation
from rushes.processors.identity.schedule import Schedule


@pytest.mark.parametrize("order", ["as they come", "one after the other"])
@pytest.mark.parametrize("count", [80, 400])
def test_two_identities_that_were_one_part_when_the_threshold_rises(order, count):
    rng = np.random.default_rng(0)
    rows = np.concatenate(Synthetic("any", 64, same=0.83, base=0.43).draw(rng, [count, count]))
    places = rng.permutation(2 * count) if order == "as they come" else np.arange(2 * count)
    clusterer = Clusterer(64, schedule=Schedule(exact_limit=20))
    clusterer.consolidator.fix(replace(COLD, join=0.3))
    for frame, place in enumerate(places.tolist()):
        clusterer.observe([Observation(rows[place].astype(np.float16), frame=frame)])
    clusterer.settle()
    assert len({clusterer.partition.cluster_of(item) for item in range(2 * count)}) == 1
    taught = replace(COLD, join=0.72, items=1_000, uncertainty=0.02)
    clusterer.consolidator.fix(taught)
    clusterer.consolidator.learn(taught)
    clusterer.settle()
    of = [
        {clusterer.partition.cluster_of(at) for at, place in enumerate(places) if place // count == who}
        for who in (0, 1)
    ]
    assert [len(clusters) for clusters in of] == [1, 1]
    assert of[0] != of[1]
