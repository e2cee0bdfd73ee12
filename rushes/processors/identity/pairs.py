"""Pairs of items, drawn where there are many, and where the scores of those that differ lie."""

from typing import Final

import numpy as np

from rushes.processors.identity.linkage import Matrix
from rushes.processors.identity.slices import Values

SCORE_BINS: Final = 2000
"""Of scores -1..1."""

SAMPLE_COST: Final = 4_000_000
"""Operations of drawing the pairs and of the mixture that is fitted to them, whatever the sample."""

MOST_PAIRS: Final = 60_000
"""Of items, drawn from more; and of those known to differ."""

FEW_FACTS: Final = 30
"""Pairs known to differ below which their distribution is not looked at."""


class Sample:
    """Pairs of items, all of them or a seeded part; and of pairs known to differ, likewise."""

    def __init__(self, similarity: Matrix, different: Values) -> None:
        count = len(similarity)
        rng = np.random.default_rng(count)
        if count * (count - 1) // 2 > MOST_PAIRS:
            self.one = rng.integers(count, size=MOST_PAIRS)
            self.other = (self.one + rng.integers(1, count, size=MOST_PAIRS)) % count
        else:
            self.one, self.other = np.triu_indices(count, 1)
        self.scores: Values = similarity[self.one, self.other]
        if len(different) > MOST_PAIRS:
            different = different[rng.integers(len(different), size=MOST_PAIRS)]
        self.different = different
        enough = len(different) >= FEW_FACTS
        self.facts = different if enough else None
        self.left = left_mode(different if enough else self.scores)
        self.mean, self.std = float(self.scores.mean()), float(self.scores.std())
        skew = float(((self.scores - self.mean) ** 3).mean()) / (self.std + 1e-3) ** 3
        self.skew = min(skew, 4.0)


def left_mode(scores: Values, rounds: int = 30) -> float:
    """Mean of the lower component of a two-normal mixture of pair scores (EM): where `different` lies. Fitted to counts
    in bins of a thousandth: sixty thousand scores take as long as two hundred.
    """
    counts, edges = np.histogram(np.clip(scores, -1.0, 1.0), SCORE_BINS, (-1.0, 1.0))
    filled = np.flatnonzero(counts)
    places, counts = (edges[filled] + edges[filled + 1]) / 2, counts[filled].astype(np.float64)
    mean = np.quantile(scores, [0.25, 0.95])
    variance = np.full(2, scores.var() / 2 + 1e-5)
    share = np.array([0.8, 0.2])
    for _ in range(rounds):
        log = np.log(share) - 0.5 * np.log(variance) - 0.5 * (places[:, None] - mean) ** 2 / variance
        log -= log.max(1, keepdims=True)
        part = np.exp(log)
        part *= counts[:, None] / part.sum(1, keepdims=True)
        size = part.sum(0) + 1e-6
        mean = (part * places[:, None]).sum(0) / size
        variance = (part * (places[:, None] - mean) ** 2).sum(0) / size + 1e-5
        share = size / size.sum()
    lower = int(mean.argmin())
    return float(mean[lower]) if share[lower] > 0.1 else float(np.median(scores))
