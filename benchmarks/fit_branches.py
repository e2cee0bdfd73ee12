"""Learn when a branch of a dendrogram is one identity, and write rushes/processors/identity/branch_weighing.py.

Each merge of a library whose truth is known is a case: right where B-cubed precision and recall gain by it beside the
best cut of its two parts, and counting as much as they gain or lose. A network of one hidden layer beside a linear term
is fitted to them by logistic loss with a ridge (L-BFGS). Some 1,800 libraries of up to 1,500 items are drawn, each cold
and with a profile, and looks at parts of 72 larger ones; none is of the robustness suite. It takes a quarter of an hour
on two cores. The weights in the product are of OMP_NUM_THREADS=1; of another number of threads they differ, by .03 at
most. --sets names the folder of the labelled sets.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from branch_material import Counts, lessons
from look_material import looks
from numpy.typing import NDArray
from scipy.optimize import minimize

from rushes.processors.evaluation.embedders import LabelledSet
from rushes.processors.identity.branches import CLIP

Values = NDArray[np.float64]
Case = tuple[Values, Values]
"""A library's figures, (merges, figures), and gains, (merges,)."""

HIDDEN: Final = 20
RIDGE: Final = 3e-2
ROUNDS: Final = 250
LEAST: Final = 0.006
"""Of a library's weight, what all of its merges count that gain and lose nothing."""
PARTS: Final = (
    *((seed, Counts(whole=120, mixed=40, natural=40, small=40)) for seed in (101, 102, 103)),
    *((seed, Counts(whole=110, mixed=25, natural=20, small=20, loose=80)) for seed in (204, 205, 206)),
    *((seed, Counts(large=20)) for seed in range(300, 314)),
)
"""Seeds and what is drawn by each; one process a part."""
PARTS_OF_LOOKS: Final = tuple((seed, 8) for seed in range(400, 409))
"""Seeds, and of how many libraries the looks are."""
LOOKS_COUNT: Final = 2.0
"""Libraries that the looks at one count as: they are all there is of the largest."""
OUT: Final = Path(__file__).resolve().parent.parent / "rushes/processors/identity/branch_weighing.py"

HEAD: Final = '''"""How the figures of a branch weigh, in nats: written by benchmarks/fit_branches.py, not by hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

'''


def fit(taught: list[Case]) -> dict[str, Values]:
    """Of each name in branch_weighing.py its values. taught: of each library the figures of its merges, (m, figures),
    and what B-cubed precision and recall gain by them, (m,).
    """
    every = np.concatenate([figures for figures, _ in taught])
    means, deviations = every.mean(0), every.std(0) + 1e-6
    figures = np.clip((every - means) / deviations, -CLIP, CLIP)
    right = np.concatenate([gains >= 0.0 for _, gains in taught]).astype(np.float64)
    counts = np.concatenate([np.abs(gains) + LEAST / max(len(gains), 1) for _, gains in taught])
    counts *= 50.0 / len(taught)
    width = figures.shape[1]
    ends = np.cumsum([width * HIDDEN, HIDDEN, HIDDEN, width])

    def objective(weights: Values) -> tuple[float, Values]:
        into, shifts, out_of, direct, base = np.split(weights, ends)
        into = into.reshape(width, HIDDEN)
        hidden = np.tanh(figures @ into + shifts)
        odds = hidden @ out_of + figures @ direct + base[0]
        loss = (counts * (np.logaddexp(0.0, odds) - right * odds)).sum() + RIDGE * weights @ weights
        slope = counts * (1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))) - right)
        inner = np.outer(slope, out_of) * (1.0 - hidden**2)
        parts = [(figures.T @ inner).ravel(), inner.sum(0), hidden.T @ slope, figures.T @ slope, [slope.sum()]]
        return float(loss), np.concatenate(parts) + 2 * RIDGE * weights

    rng = np.random.default_rng(0)
    begun = np.zeros(ends[-1] + 1)
    begun[: ends[0]] = rng.standard_normal(ends[0]) / np.sqrt(width)
    begun[ends[1] : ends[2]] = 0.1 * rng.standard_normal(HIDDEN)
    found: Values = minimize(objective, begun, jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}).x
    into, shifts, out_of, direct, base = np.split(found, ends)
    return {
        "MEANS": means,
        "DEVIATIONS": deviations,
        "INTO": into.reshape(width, HIDDEN),
        "SHIFTS": shifts,
        "OUT_OF": out_of,
        "DIRECT": direct,
        "BASE": base,
    }


def written(values: dict[str, Values]) -> str:
    """The module."""
    said = ""
    for name, value in values.items():
        if value.ndim == 2:
            rows = "".join(f"        [{_listed(row)}],\n" for row in value)
            said += f"{name}: Final[Values] = np.array(\n    [\n{rows}    ]\n)\n"
        else:
            said += f"{name}: Final[Values] = np.array([{_listed(value)}])\n"
    return HEAD + said


def _listed(values: Values) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _sets(folder: Path) -> list[LabelledSet]:
    sets = []
    for name in ("faces_dev", "persons_dev", "scenes_montage"):
        with np.load(folder / f"{name}.npz") as held:
            sets.append(LabelledSet(name, held["embeddings"], np.unique(held["labels"], return_inverse=True)[1]))
    return sets


def _drawn(folder: Path, part: tuple[int, Counts]) -> list[Case]:
    seed, counts = part
    drawn = lessons(np.random.default_rng(seed), _sets(folder), counts)
    return [(lesson.found.figures, lesson.gains) for lesson in drawn]


def _looked(folder: Path, part: tuple[int, int]) -> list[Case]:
    seed, libraries = part
    drawn = looks(np.random.default_rng(seed), _sets(folder), libraries)
    return [(figures, LOOKS_COUNT * gains) for figures, gains in drawn]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, default=Path(os.environ.get("RUSHES_TEST_DATA", ".")) / "embeddings")
    parser.add_argument("--jobs", type=int, default=1, help="processes that draw")
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.jobs, max_tasks_per_child=1) as pool:
        taught = [case for part in pool.map(partial(_drawn, asked.sets), PARTS) for case in part]
        taught += [case for part in pool.map(partial(_looked, asked.sets), PARTS_OF_LOOKS) for case in part]
    OUT.write_text(written(fit(taught)))
    print(f"{len(taught)} lessons, {sum(len(gains) for _, gains in taught)} merges: {OUT.name} written")


if __name__ == "__main__":
    main()
