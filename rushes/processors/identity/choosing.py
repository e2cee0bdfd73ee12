"""The threshold of a library, chosen on some of its units: what counts once there, and what is known beside scores."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.calibration import COLD, Calibration, Evidence, calibrate, combined
from rushes.processors.identity.linkage import Matrix, agglomerate, averages, cut, products
from rushes.processors.identity.neighbourhoods import Rows, merged
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import UNIT_COST
from rushes.processors.identity.shots import look_at_shots
from rushes.processors.identity.slices import STEP_COST, spans
from rushes.processors.identity.words import words

FEWEST: Final = 3
"""Units of which a threshold is chosen."""

COPY: Final = 0.999
"""Likeness from which two pictures are copies, and count once where a threshold is chosen."""

FEW_UNLIKE: Final = 8
"""Items besides copies below which a library with copies has no level to choose from: of two or three that differ, one
group would win at any likeness. What other libraries taught, or the cold threshold, holds until there are more.
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """`by_itself`: whether the library's own items had a say in it; `by_shots`: whether its shots had."""

    calibration: Calibration
    by_itself: bool
    by_shots: bool


def choose(partition: Partition, sample: Rows, gram: Matrix, prior: Calibration | None) -> Generator[int, None, Chosen]:
    """The threshold by these units, each counted once: a tracklet's items are all but copies of one another, and would
    tell that copies are what is one. gram: (n, n) products of their sums; prior: what other libraries taught.
    """
    similarity = yield from averages(gram, sample.weights)
    shots = yield from look_at_shots(partition, sample.groups, similarity)
    if shots is not None:
        prior = shots.threshold if prior is None else combined(prior, shots.threshold)
        sample = merged(sample, shots.group)
        similarity = yield from averages((yield from products(sample.sums, sample.weights)), sample.weights)
    count = len(sample.groups)
    apart = np.zeros((count, count), np.bool_) if sample.in_one_frame is None else sample.in_one_frame
    merges = yield from agglomerate(similarity, np.ones(count), apart)
    unlike = np.unique(cut(merges, count, COPY))
    if len(unlike) < min(FEW_UNLIKE, count):
        return Chosen(prior or COLD, by_itself=shots is not None, by_shots=shots is not None)
    if len(unlike) < count:
        similarity = yield from _part(similarity, unlike)
        apart = apart[np.ix_(unlike, unlike)]
        merges = yield from agglomerate(similarity, np.ones(len(unlike)), apart)
    put_together, kept_apart = words(partition)
    yield UNIT_COST * (len(put_together) + len(kept_apart))
    different = similarity[np.triu(apart, 1)] if apart.any() else np.zeros(0)
    evidence = Evidence(different, put_together, kept_apart, prior)
    calibration = yield from calibrate(similarity, merges, evidence)
    return Chosen(calibration, by_itself=True, by_shots=shots is not None)


def _part(similarity: Matrix, chosen: NDArray[np.int64]) -> Generator[int, None, Matrix]:
    """Rows and columns of these places."""
    found = np.empty((len(chosen), len(chosen)))
    for span in spans(len(chosen), 4 * len(chosen)):
        found[span] = similarity[chosen[span]].take(chosen, axis=1)
        yield STEP_COST + 4 * len(chosen) * (span.stop - span.start)
    return found
