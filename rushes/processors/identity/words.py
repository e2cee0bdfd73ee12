"""What people said, as scores: evidence of where the threshold lies."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import linkage
from rushes.processors.identity.partition import Partition

Values = NDArray[np.float64]

MOST_WORDS: Final = 500
"""The newest items that were spoken of; each costs a score."""


def words(partition: Partition) -> tuple[Values, Values]:
    """Scores, (k,) each: of units that people put somewhere to the rest of that cluster, and of units that they said
    do not belong to a cluster to what is in it.
    """
    facts = partition.facts
    together: list[float] = []
    apart: list[float] = []
    for item in facts.spoken_items()[-MOST_WORDS:]:
        unit = facts.unit(item)
        total, weight = partition.unit_sum(unit)
        pin = facts.pinned(item)
        if pin is not None and partition.cluster_of(item) == pin:
            own, own_weight = partition.unit_sum([each for each in unit if partition.cluster_of(each) == pin])
            rest = partition.clusters.weight(pin) - own_weight
            if rest > 0.0:
                together.append(linkage(partition.clusters.total(pin) - own, total, rest, weight))
        apart += [
            partition.clusters.score(cluster, total, weight)
            for cluster in facts.rejected_alone(item)
            if cluster in partition.clusters
        ]
    return np.array(together), np.array(apart)
