"""Learn how the figures of a level are weighed, and write rushes/processors/identity/weighing.py.

A conditional logit over the levels of each library (McFadden 1974): log odds are linear in the figures, fitted to the
levels that are nearly best (exp(F1 loss / .03)) and to the expected F1, with a small ridge. What the level of one group
says for itself is then learnt again, all else held, with as many more libraries of one identity and of strangers
(--ends): there are too few of them among the others, and more of them there would teach that everything is alone.
--sets names the folder of the labelled sets; --whole, --natural, --small, --large how many libraries are drawn. Whether
it generalises is measured by bench_identity.py --suite, half of whose variations nothing was chosen on.
"""

import argparse
import os
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from weighing_material import Counts, Lesson, ends, lessons

from rushes.processors.evaluation.embedders import LabelledSet
from rushes.processors.identity.figures import FIGURES

Values = NDArray[np.float64]

NEARLY: Final = 0.03
EXPECTED: Final = 3.0
RIDGE: Final = 1e-4
CLIP: Final = 6.0
OUT: Final = Path(__file__).resolve().parent.parent / "rushes/processors/identity/weighing.py"

HEAD: Final = '''"""How the figures of a level weigh, in nats: written by benchmarks/fit_weighing.py, not by hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.figures import FIGURES

CLIP: Final = 6.0
"""Standard deviations beyond which a figure says no more."""

WEIGHTS: Final[dict[str, tuple[float, float, float]]] = {
'''

TAIL: Final = '''}
"""Weight, mean and standard deviation of each figure."""

_TABLE: Final = np.array([WEIGHTS[name] for name in FIGURES]).T


def weighed(figures: NDArray[np.float64]) -> float:
    """Log odds of a level, beside the others of its dendrogram. figures: (len(FIGURES),)."""
    weights, means, deviations = _TABLE
    return float((weights * np.clip((figures - means) / deviations, -CLIP, CLIP)).sum())
'''


OF_ONE_GROUP: Final = np.array([name.startswith("one_group") for name in FIGURES])
OF_AN_END: Final = OF_ONE_GROUP | np.array([name.startswith("all_apart") for name in FIGURES])
"""Zero at all levels but one, whose values would all lie beyond the clip by the deviation over all levels."""


def fit(taught: list[Lesson], ends: list[Lesson]) -> tuple[Values, Values, Values]:
    """Weights, means and deviations, each (figures,)."""
    every = np.concatenate([lesson.figures for lesson in taught])
    means, deviations = every.mean(0), every.std(0) + 1e-6
    means[OF_AN_END] = 0.0
    at_end = every[:, OF_AN_END]
    deviations[OF_AN_END] = np.sqrt((at_end**2).sum(0) / np.maximum((at_end != 0).sum(0), 1)) + 1e-6
    weights = _fitted(taught, means, deviations, np.zeros(len(FIGURES)), np.ones(len(FIGURES), np.bool_))
    return _fitted(taught + ends, means, deviations, weights, OF_ONE_GROUP), means, deviations


def _fitted(taught: list[Lesson], means: Values, deviations: Values, begun: Values, free: NDArray[np.bool_]) -> Values:
    """Weights (figures,), those that are not free as they were."""
    every = np.concatenate([lesson.figures for lesson in taught])
    figures = np.clip((every - means) / deviations, -CLIP, CLIP)
    starts = np.cumsum([0, *(len(lesson.f1) for lesson in taught)])[:-1]
    of = np.repeat(np.arange(len(taught)), [len(lesson.f1) for lesson in taught])
    loss = np.concatenate([lesson.f1 - lesson.f1.max() for lesson in taught])
    target = np.exp(loss / NEARLY)
    target /= np.add.reduceat(target, starts)[of]

    def objective(weights: Values) -> tuple[float, Values]:
        odds = figures @ weights
        odds = np.exp(odds - np.maximum.reduceat(odds, starts)[of])
        chance = odds / np.add.reduceat(odds, starts)[of]
        expected = np.add.reduceat(chance * loss, starts)
        value = -(target * np.log(chance + 1e-12)).sum() - EXPECTED * expected.sum()
        slope = figures.T @ ((chance - target) - EXPECTED * chance * (loss - expected[of]))
        count = len(taught)
        return float(value / count + RIDGE * weights @ weights), (slope / count + 2 * RIDGE * weights) * free

    found: Values = minimize(objective, begun, jac=True, method="L-BFGS-B", options={"maxiter": 800}).x
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, default=Path(os.environ.get("RUSHES_TEST_DATA", ".")) / "embeddings")
    for sort, count in (("whole", 700), ("natural", 350), ("small", 150), ("large", 10), ("ends", 400)):
        parser.add_argument(f"--{sort}", type=int, default=count)
    asked = parser.parse_args()
    sets = []
    for name in ("faces_dev", "persons_dev", "scenes_montage"):
        with np.load(asked.sets / f"{name}.npz") as held:
            sets.append(LabelledSet(name, held["embeddings"], np.unique(held["labels"], return_inverse=True)[1]))
    counts = Counts(asked.whole, asked.natural, asked.small, asked.large)
    rng = np.random.default_rng(21)
    taught = lessons(rng, sets, counts)
    weights, means, deviations = fit(taught, ends(rng, sets, asked.ends))
    lines = [
        f'    "{name}": ({weight:.4f}, {mean:.4f}, {deviation:.4f}),\n'
        for name, weight, mean, deviation in zip(FIGURES, weights, means, deviations, strict=True)
    ]
    OUT.write_text(HEAD + "".join(lines) + TAIL)
    print(f"{len(taught)} libraries, {sum(len(lesson.f1) for lesson in taught)} levels: {OUT.name} written")


if __name__ == "__main__":
    main()
