"""Learn when a branch of a dendrogram is one identity, and write rushes/processors/identity/branch_weighing.py.

Each merge of a library whose truth is known is a case: right where B-cubed precision and recall gain by it beside the
best cut of its two parts, and counting as much as they gain or lose. A network of one hidden layer beside a linear term
is fitted to them by logistic loss with a ridge (L-BFGS). Some 1,500 libraries are drawn, each cold and with a profile,
none of the robustness suite. --sets names the folder of the labelled sets.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from branch_material import Counts, Lesson, lessons
from numpy.typing import NDArray
from scipy.optimize import minimize

from rushes.processors.evaluation.embedders import LabelledSet
from rushes.processors.identity.branches import CLIP

Values = NDArray[np.float64]

HIDDEN: Final = 12
RIDGE: Final = 3e-2
ROUNDS: Final = 200
LEAST: Final = 0.006
"""Of a library's weight, what all of its merges count that gain and lose nothing."""
PARTS: Final = (
    *((seed, Counts(whole=120, mixed=40, natural=40, small=40, loose=0)) for seed in (101, 102, 103)),
    *((seed, Counts(whole=110, mixed=25, natural=20, small=20, loose=80)) for seed in (204, 205, 206)),
)
"""Seeds and what is drawn by each; one process a part."""
OUT: Final = Path(__file__).resolve().parent.parent / "rushes/processors/identity/branch_weighing.py"

HEAD: Final = '''"""How the figures of a branch weigh, in nats: written by benchmarks/fit_branches.py, not by hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

'''


def fit(taught: list[Lesson]) -> dict[str, Values]:
    """Of each name in branch_weighing.py its values."""
    every = np.concatenate([lesson.found.figures for lesson in taught])
    means, deviations = every.mean(0), every.std(0) + 1e-6
    figures = np.clip((every - means) / deviations, -CLIP, CLIP)
    right = np.concatenate([lesson.gains >= 0.0 for lesson in taught]).astype(np.float64)
    counts = np.concatenate([np.abs(lesson.gains) + LEAST / len(lesson.gains) for lesson in taught])
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


def _drawn(folder: Path, part: tuple[int, Counts]) -> list[Lesson]:
    sets = []
    for name in ("faces_dev", "persons_dev", "scenes_montage"):
        with np.load(folder / f"{name}.npz") as held:
            sets.append(LabelledSet(name, held["embeddings"], np.unique(held["labels"], return_inverse=True)[1]))
    seed, counts = part
    return lessons(np.random.default_rng(seed), sets, counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, default=Path(os.environ.get("RUSHES_TEST_DATA", ".")) / "embeddings")
    parser.add_argument("--jobs", type=int, default=1, help="processes that draw")
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.jobs) as pool:
        taught = [lesson for part in pool.map(partial(_drawn, asked.sets), PARTS) for lesson in part]
    OUT.write_text(written(fit(taught)))
    print(f"{len(taught)} lessons, {sum(len(lesson.gains) for lesson in taught)} merges: {OUT.name} written")


if __name__ == "__main__":
    main()
