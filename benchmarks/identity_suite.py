"""The robustness suite run for one policy: a row of figures for each variation, resumable, in several processes."""

import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from rushes.processors.evaluation.driving import calibrated, learnt
from rushes.processors.evaluation.embedders import LabelledSet, separation
from rushes.processors.evaluation.informed import informed_cut_f1
from rushes.processors.evaluation.layouts import labelled
from rushes.processors.evaluation.references import best_cut, singletons_f1
from rushes.processors.evaluation.rules import RULES
from rushes.processors.evaluation.running import Engine, figures
from rushes.processors.evaluation.variations import Variation, large_suite, suite
from rushes.processors.identity.calibration import Calibration

SETS: Final = ("faces_dev", "persons_dev", "scenes_montage")

WARM: Final = "calibrated-warm"
"""The policy `calibrated`, begun with what another library of the same model taught."""

BEYOND_ANY_SET: Final = 60
"""Items of an identity, more than any of the sets has: so all of its identities are made up from the set."""


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
        known = ", ".join(["calibrated", f"{WARM} (of the suite)", *RULES])
        raise SystemExit(f"expected a policy of {known}, or module:function; found {policy}")
    found: Engine = getattr(importlib.import_module(module), function)
    return found


@cache
def variations(items: int | None = None) -> dict[str, Variation]:
    """By name: the suite's, or those of about so many items."""
    found = suite(labelled_sets()) if items is None else large_suite(labelled_sets(), items)
    return {variation.name: variation for variation in found}


@cache
def _sane(embedder: str) -> bool:
    return separation(next(v.embedder for v in variations().values() if v.embedder.name == embedder)).sane


@cache
def taught(embedder: str) -> Calibration:
    """What another library of this embedder would teach: sixteen identities, none of a set's own, eight items each."""
    drawn = next(v.embedder for v in variations().values() if v.embedder.name == embedder)
    rng = np.random.default_rng(20_241)
    groups = [group[:8] for group in drawn.draw(rng, [BEYOND_ANY_SET] * 16)]
    return learnt(labelled(groups, rng))


def measure(name: str, policy: str, orders: int, items: int | None = None) -> Row:
    variation = variations(items)[name]
    material = variation.material()
    used = calibrated(taught(variation.embedder.name)) if policy == WARM else engine(policy)
    got = figures(material, used, orders, perf_counter)
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


def rows(
    names: Sequence[str], policy: str, orders: int, *, jobs: int, out: Path | None, items: int | None
) -> list[Row]:
    """Measured rows, those of an earlier run of the same command taken from `out`. items: see `variations`."""
    asked: dict[str, str | int] = {"policy": policy, "orders": orders}
    if items is not None:
        asked["items"] = items
    done: dict[str, Row] = {}
    if out is not None and out.exists():
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        if lines and lines[0] != asked:
            raise SystemExit(f"{out} holds a run of {lines[0]}: name another file, or remove it")
        done = {line["name"]: Row(**line) for line in lines[1:]}
    elif out is not None:
        out.write_text(json.dumps(asked) + "\n")
    missing = [name for name in names if name not in done]
    for number, row in enumerate(_measured(missing, policy, orders, jobs, items), 1):
        done[row.name] = row
        if out is not None:
            with out.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
        if sys.stderr.isatty() or number % 50 == 0:
            print(f"{number} of {len(missing)}: {row.name}", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr)
    return [done[name] for name in names]


def _measured(names: Sequence[str], policy: str, orders: int, jobs: int, items: int | None) -> Iterator[Row]:
    if jobs == 1:
        yield from (measure(name, policy, orders, items) for name in names)
        return
    count = len(names)
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(measure, names, [policy] * count, [orders] * count, [items] * count)
