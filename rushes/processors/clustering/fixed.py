"""The policy `fixed`: hand-set thresholds, one-to-one matching within a frame.

Pure: scores in, verdicts out. Scenes and other kinds join at >= .85; a face joins at >= .75 a character already
present in the frame's scene, else at >= .85 any in the library. Below .5 to all founds; else noise; a poor item never
founds. An item that loses the frame's matching takes its next allowed cluster, else noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from rushes.processors.clustering.scoring import Score
from rushes.schemas.decisions import Thresholds
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ClusterId

TIE: Final = 1e-13
"""Preference for the older of two clusters in the matching, per place: far below any difference of exact scores
that comes from the vectors themselves (float16 steps), far above float64's own resolution near 1."""

REFUSED: Final = 4.0
"""Cost of a pair that may not be, above any sum a pair could win back in its place."""


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """Thresholds on the cosine to a cluster's normalised mean. `weak_*` hold for descriptors without weights, which
    see likeness but not identity: they group only near-identical pictures.
    """

    join: float = 0.85
    join_in_scene: float = 0.75
    found: float = 0.5
    weak_join: float = 0.95
    poor_quality: float = 0.2

    def with_parameters(self, parameters: Mapping[str, float]) -> "FixedPolicy":
        """A copy with some thresholds replaced. Raises InvalidEvent for a name this policy does not have."""
        known = {f.name for f in fields(self)}
        unknown = sorted(set(parameters) - known)
        if unknown:
            raise InvalidEvent(f"policy `fixed` has the parameters {sorted(known)}, found {unknown}")
        return replace(self, **parameters)

    def thresholds(self, kind: ItemKind, *, weak: bool) -> Thresholds:
        """What items of a kind are held against."""
        if kind != "face":
            return Thresholds(join=self.join, found=self.found)
        if weak:
            return Thresholds(join=self.weak_join, join_in_scene=self.weak_join, found=self.found)
        return Thresholds(join=self.join, join_in_scene=self.join_in_scene, found=self.found)


@dataclass(frozen=True, slots=True)
class Probe:
    """An item to decide: the clusters near it (best first), those it may not join, those present in its scene."""

    scores: Sequence[Score]
    forbidden: frozenset[str]
    in_scene: frozenset[str]
    may_found: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an item. `cluster` only where it joins."""

    decision: Literal["joined", "founded", "noise"]
    cluster: ClusterId | None
    similarity: float | None
    margin: float | None


def decide_frame(probes: Sequence[Probe], thresholds: Thresholds) -> list[Verdict]:
    """Decide the items of one kind in one frame at once: no two of them join the same cluster."""
    allowed = [_allowed(probe, thresholds) for probe in probes]
    joined = _match(allowed)
    return [
        _verdict(probe, options, choice, thresholds)
        for probe, options, choice in zip(probes, allowed, joined, strict=True)
    ]


def _allowed(probe: Probe, thresholds: Thresholds) -> dict[str, Score]:
    near = thresholds.join if thresholds.join_in_scene is None else thresholds.join_in_scene
    return {
        score.key: score
        for score in probe.scores
        if score.key not in probe.forbidden
        and score.similarity >= (near if score.key in probe.in_scene else thresholds.join)
    }


def _match(allowed: Sequence[Mapping[str, Score]]) -> list[Score | None]:
    """One-to-one matching of the greatest total similarity (Kuhn 1955); ties to the older cluster."""
    ages = {key: score.age for options in allowed for key, score in options.items()}
    columns = sorted(ages, key=ages.__getitem__)
    if not columns:
        return [None] * len(allowed)
    place = {key: column for column, key in enumerate(columns)}
    cost = np.full((len(allowed), len(columns) + len(allowed)), REFUSED)
    cost[:, len(columns) :] = 0.0
    for row, options in enumerate(allowed):
        for key, score in options.items():
            cost[row, place[key]] = -score.similarity + TIE * place[key]
    rows, chosen = linear_sum_assignment(cost)
    result: list[Score | None] = [None] * len(allowed)
    for row, column in zip(rows.tolist(), chosen.tolist(), strict=True):
        if column < len(columns):
            result[row] = allowed[row].get(columns[column])
    return result


def _verdict(probe: Probe, options: Mapping[str, Score], choice: Score | None, thresholds: Thresholds) -> Verdict:
    best = probe.scores[0] if probe.scores else None
    if choice is not None:
        others = [score.similarity for score in probe.scores if score.key != choice.key]
        margin = choice.similarity - others[0] if others else None
        return Verdict("joined", ClusterId(choice.key), choice.similarity, margin)
    similarity = best.similarity if best else None
    margin = probe.scores[0].similarity - probe.scores[1].similarity if len(probe.scores) > 1 else None
    unlike_all = best is None or best.similarity < thresholds.found
    if not options and unlike_all and probe.may_found:
        return Verdict("founded", None, similarity, margin)
    return Verdict("noise", None, similarity, margin)
