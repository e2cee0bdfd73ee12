"""How good the clustering is: on the labelled sets, and over the robustness suite.

Without options: the table of the labelled sets (RUSHES_TEST_DATA), every reference beside the product, worst and mean
of the arrival orders. With --suite: some 380 variations of the sets and of synthetic material, by family and half;
choose on `--half dev`, report both. A run that was stopped goes on where it was (--out keeps one JSON line for each
variation). --policy takes `calibrated`, `fixed`, a reference (`best-cut`, `neighbours`, `greedy-oracle`),
or `module:function` of an engine of your own (`rushes.processors.evaluation.running.Engine`).
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from environment import describe

from rushes.processors.evaluation.driving import calibrated
from rushes.processors.evaluation.embedders import LabelledSet, separation
from rushes.processors.evaluation.informed import informed_cut_f1
from rushes.processors.evaluation.material import Material
from rushes.processors.evaluation.references import best_cut, singletons_f1
from rushes.processors.evaluation.rules import RULES
from rushes.processors.evaluation.running import Engine, figures
from rushes.processors.evaluation.variations import INFORMED, Variation, suite

SETS: Final = ("faces_dev", "persons_dev", "scenes_montage")
REGRET_MEAN: Final = 0.02
REGRET_WORST: Final = 0.10
GAIN: Final = 0.02


@dataclass(frozen=True)
class Row:
    """A variation's figures; regret is what the best cut has more than the worst order."""

    name: str
    family: str
    half: str
    sane: bool
    items: int
    best_cut_f1: float
    singletons_f1: float
    final_worst: float
    final_mean: float
    arrival_worst: float
    arrival_mean: float
    clicks_per_1000: float
    churn_per_1000: float
    ms_per_item: float
    informed_f1: float | None

    @property
    def regret(self) -> float:
        return self.best_cut_f1 - self.final_worst


def labelled_sets() -> list[LabelledSet]:
    place = os.environ.get("RUSHES_TEST_DATA")
    if not place:
        print("RUSHES_TEST_DATA names no evaluation data: synthetic families only", file=sys.stderr)
        return []
    found = []
    for name in SETS:
        file = np.load(Path(place) / "embeddings" / f"{name}.npz")
        found.append(LabelledSet(name, file["embeddings"], np.unique(file["labels"], return_inverse=True)[1]))
    return found


@cache
def engine(policy: str) -> Engine:
    if policy == "calibrated":
        return calibrated()
    if policy in RULES:
        return RULES[policy]
    module, colon, function = policy.partition(":")
    if not colon:
        raise SystemExit(f"expected a policy of calibrated, {', '.join(RULES)}, or module:function; found {policy}")
    found: Engine = getattr(importlib.import_module(module), function)
    return found


@cache
def _suite() -> dict[str, Variation]:
    return {variation.name: variation for variation in suite(labelled_sets())}


@cache
def _sane(embedder: str) -> bool:
    return separation(next(v.embedder for v in _suite().values() if v.embedder.name == embedder)).sane


def measure(name: str, policy: str, orders: int) -> Row:
    variation = _suite()[name]
    material = variation.material()
    got = figures(material, engine(policy), orders, perf_counter)
    return Row(
        name=name,
        family=variation.family,
        half=variation.half.value,
        sane=_sane(variation.embedder.name),
        items=len(material),
        best_cut_f1=best_cut(material.vectors, material.labels).f1,
        singletons_f1=singletons_f1(material.labels),
        final_worst=got.bcubed_f1_worst,
        final_mean=got.bcubed_f1_mean,
        arrival_worst=got.arrival_f1_worst,
        arrival_mean=got.arrival_f1_mean,
        clicks_per_1000=got.clicks_per_1000,
        churn_per_1000=got.churn_per_1000,
        ms_per_item=got.ms_per_item,
        informed_f1=informed_cut_f1(material) if variation.informed else None,
    )


def rows(names: Sequence[str], policy: str, orders: int, jobs: int, out: Path | None) -> list[Row]:
    """Measured rows, those of an earlier run of the same command taken from `out`."""
    asked = {"policy": policy, "orders": orders}
    done: dict[str, Row] = {}
    if out is not None and out.exists():
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        if lines and lines[0] != asked:
            raise SystemExit(f"{out} holds a run of {lines[0]}: name another file, or remove it")
        done = {line["name"]: Row(**line) for line in lines[1:]}
    elif out is not None:
        out.write_text(json.dumps(asked) + "\n")
    missing = [name for name in names if name not in done]
    for number, row in enumerate(_measured(missing, policy, orders, jobs), 1):
        done[row.name] = row
        if out is not None:
            with out.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
        if sys.stderr.isatty() or number % 50 == 0:
            print(f"{number} of {len(missing)}: {row.name}", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr)
    return [done[name] for name in names]


def _measured(names: Sequence[str], policy: str, orders: int, jobs: int) -> Iterator[Row]:
    if jobs == 1:
        yield from (measure(name, policy, orders) for name in names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(measure, names, [policy] * len(names), [orders] * len(names))


def _mean(found: Sequence[Row], value: Callable[[Row], float]) -> float:
    return float(np.mean([value(row) for row in found])) if found else float("nan")


def suite_table(found: Sequence[Row]) -> None:
    halves = sorted({row.half for row in found})
    print(
        f"{'family':18} {'half':5} {'n':>3} {'best cut':>8} {'singles':>7} {'final':>6} {'worst':>6} {'arrival':>7} "
        f"{'regret':>7} {'mean o.':>7} {'worst':>6} {'informed':>8}  worst variation"
    )
    for family in dict.fromkeys(row.family for row in found):
        for half in halves:
            for sane in (True, False):
                part = [r for r in found if (r.family, r.half, r.sane) == (family, half, sane)]
                if part:
                    _line(family if sane else f"({family})", half, part)
    print("Families in brackets: embedders that are not sane. final, regret: worst order; mean o.: regret of the mean.")
    for half in (*halves, "all") if len(halves) > 1 else halves:
        chosen = [row for row in found if half in {row.half, "all"}]
        sane = [row for row in chosen if row.sane]
        plain = [row for row in sane if row.family not in INFORMED]
        told = [row for row in sane if row.family in INFORMED]
        worst = max(plain, key=lambda row: row.regret, default=None)
        print(
            f"{half:5} regret on sane embedders, vectors only: {len(plain)} variations, mean "
            f"{_mean(plain, lambda r: r.regret):+.4f} (goal {REGRET_MEAN}), worst "
            f"{worst.regret if worst else float('nan'):+.3f} (goal {REGRET_WORST}; {worst.name if worst else '-'}), "
            f"{sum(row.regret > REGRET_WORST for row in plain)} above {REGRET_WORST}"
        )
        all_sane = _mean(sane, lambda r: r.regret)
        everything = _mean(chosen, lambda r: r.regret)
        print(f"      all sane {all_sane:+.4f}, all {everything:+.4f}; ms an item {_mean(chosen, _ms):.2f}")
        for family in dict.fromkeys(row.family for row in told):
            gain = -_mean([row for row in told if row.family == family], lambda r: r.regret)
            print(f"      {family}: {gain:+.3f} over the best cut (goal +{GAIN})")


def _ms(row: Row) -> float:
    return row.ms_per_item


def _line(family: str, half: str, part: Sequence[Row]) -> None:
    worst = max(part, key=lambda row: row.regret)
    informed = [row.informed_f1 for row in part if row.informed_f1 is not None]
    print(
        f"{family:18} {half:5} {len(part):3} {_mean(part, lambda r: r.best_cut_f1):8.3f} "
        f"{_mean(part, lambda r: r.singletons_f1):7.3f} {_mean(part, lambda r: r.final_worst):6.3f} "
        f"{min(r.final_worst for r in part):6.3f} {_mean(part, lambda r: r.arrival_mean):7.3f} "
        f"{_mean(part, lambda r: r.regret):+7.3f} {_mean(part, lambda r: r.best_cut_f1 - r.final_mean):+7.3f} "
        f"{worst.regret:+6.3f} {f'{np.mean(informed):8.3f}' if informed else '       -'}  "
        f"{worst.name.partition('/')[2]}"
    )


def sets_table(policy: str, orders: int) -> None:
    print(
        f"{'set':15} {'policy':14} {'final worst':>11} {'mean':>6} {'pairwise':>8} {'arrival worst':>13} {'mean':>6} "
        f"{'clicks/1000':>11} {'clusters':>8} {'noise':>5} {'churn/1000':>10} {'ms/item':>8}"
    )
    for labelled in labelled_sets():
        material = Material(labelled.vectors, labelled.labels)
        print(f"{labelled.name:15} {'singletons':14} {singletons_f1(material.labels):11.3f}")
        for name in dict.fromkeys([*RULES, policy]):
            got = figures(material, engine(name), 1 if name == "best-cut" else orders, perf_counter)
            print(
                f"{labelled.name:15} {name[-14:]:14} {got.bcubed_f1_worst:11.3f} {got.bcubed_f1_mean:6.3f} "
                f"{got.pairwise_f1_mean:8.3f} {got.arrival_f1_worst:13.3f} {got.arrival_f1_mean:6.3f} "
                f"{got.clicks_per_1000:11.1f} {got.clusters:8} {got.noise:5} {got.churn_per_1000:10.1f} "
                f"{got.ms_per_item:8.3f}"
            )
    _hdbscan()


def _hdbscan() -> None:
    try:
        importlib.import_module("sklearn.cluster")
    except ImportError:
        print("HDBSCAN: scikit-learn is not installed here (pip install scikit-learn, then run this again)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="store_true", help="the robustness suite instead of the labelled sets")
    parser.add_argument("--half", choices=("dev", "held", "both"), default="dev", help="of the suite (default: dev)")
    parser.add_argument("--orders", type=int, default=20, help="arrival orders (default: 20)")
    parser.add_argument("--policy", default="calibrated")
    parser.add_argument("--family", action="append", help="only this family; may be repeated")
    parser.add_argument("--name", help="only variations whose name holds this")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="JSON lines of every variation; a stopped run goes on from there")
    parser.add_argument("--json", action="store_true", help="the suite's rows as JSON lines instead of the table")
    asked = parser.parse_args()
    print(describe("numpy", "scipy"), file=sys.stderr if asked.json else sys.stdout)
    if not asked.suite:
        sets_table(asked.policy, asked.orders)
        return
    names = [
        name
        for name, variation in _suite().items()
        if asked.half in {"both", variation.half.value}
        and (asked.family is None or variation.family in asked.family)
        and (asked.name is None or asked.name in name)
    ]
    found = rows(names, asked.policy, asked.orders, asked.jobs, asked.out)
    if asked.json:
        for row in found:
            print(json.dumps(asdict(row)))
    else:
        suite_table(found)


if __name__ == "__main__":
    main()
