"""Who is who of one kind in one space: a partition, its calibration and its background work, behind a few calls."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.arrival import NEAREST, Verdict, arrive
from rushes.processors.identity.calibration import COLD, Calibration
from rushes.processors.identity.consolidation import Consolidator
from rushes.processors.identity.grid import to_grid
from rushes.processors.identity.items import Observation
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import Move
from rushes.processors.identity.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cluster that a picture may show; None is unknown."""

    cluster: int | None
    score: float | None
    probability: float


class Clusterer:
    """Online clustering of one kind. Deterministic: the state is a function of the calls in their order."""

    def __init__(self, dim: int, prior: Calibration = COLD, schedule: Schedule | None = None) -> None:
        self.partition = Partition(dim)
        self.consolidator = Consolidator(self.partition, prior, schedule)

    @property
    def calibration(self) -> Calibration:
        return self.consolidator.calibration

    def expect(self, vectors: NDArray[np.float16]) -> None:
        """These vectors, (n, d), are observed next, and may be compared together; none ends it. Decisions are the
        same, whatever was expected: only what they cost is not.
        """
        self.partition.expect(vectors)

    def observe(self, frame: Sequence[Observation]) -> list[Verdict]:
        """Take in all items of one kind in one frame and decide them at once. The items' integers count up from 0 in
        the order of observation. Verdicts on others (promoted, driven out) are among those given back.
        """
        partition = self.partition
        items = [partition.add(observation) for observation in frame]
        driven_out = list(dict.fromkeys(partition.evicted))
        partition.evicted.clear()
        verdicts = self.decide([item for item in items if partition.cluster_of(item) is None])
        for item in driven_out:
            if partition.cluster_of(item) is None and item not in items:
                verdicts += self.decide([item])
        return verdicts

    def decide(self, items: Sequence[int]) -> list[Verdict]:
        """Decide items of one frame that are in no cluster: those that a correction or a removal set free."""
        verdicts = arrive(self.partition, items, self.consolidator.at_arrival.join)
        for item in items:
            self.consolidator.note(item)
        self.consolidator.left_waiting(verdict.item for verdict in verdicts if verdict.cluster is not None)
        for verdict in verdicts:
            if verdict.decision == "noise":
                self.consolidator.refused(verdict.item, verdict.refused)
        return verdicts

    def remove(self, item: int) -> None:
        """Erase an item."""
        self.consolidator.left_waiting([item])
        self.partition.remove(item)

    def due(self) -> bool:
        """Whether background work is due."""
        return self.consolidator.due()

    def work(self, operations: int) -> list[Move]:
        """A slice of background work."""
        return self.consolidator.step(operations)

    def request(self) -> None:
        """All background work is asked for: it is due, whatever the counts, until none is left."""
        self.consolidator.request()

    def settle(self) -> list[Move]:
        """All background work there is, whatever the counts."""
        moves: list[Move] = []
        self.request()
        while self.consolidator.due():
            moves += self.consolidator.step(10_000_000)
        return moves

    def identify(self, vector: NDArray[np.floating], top: int = NEAREST) -> list[Candidate]:
        """Who a picture shows, most probable first, unknown among them; nothing is stored. vector: (d,)."""
        probe = to_grid(vector).astype(np.float64)
        near = self.partition.scores(probe, top, 2.0)[:top]
        *shares, unknown = self.consolidator.at_arrival.open_set(np.array([score for _, score in near])).tolist()
        found = [Candidate(cluster, score, share) for (cluster, score), share in zip(near, shares, strict=True)]
        found.append(Candidate(None, None, unknown))
        return sorted(found, key=lambda each: -each.probability)
