"""Calibration profiles: taken in from the log, given out, and what they look like."""

import heapq
from dataclasses import dataclass
from typing import Final

from rushes.processors.clustering.calibrated_rules import CalibratedRules
from rushes.processors.clustering.library import Library
from rushes.processors.identity.calibration import Calibration, combined
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.profile import Spread, look
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ClusterId, ModelId
from rushes.schemas.log import ProfileImported
from rushes.schemas.profile import Profile, ScoreSpread

MOST_LOOKED_AT: Final = 2000
"""Clusters, the largest, among which the next merges are looked for: each costs a search of all."""


@dataclass(frozen=True, slots=True)
class NextMerge:
    """Two clusters that are the next to be one if the threshold fell, or more of them came."""

    one: ClusterId
    other: ClusterId
    similarity: float
    probability: float | None


def take_in(library: Library, entry: ProfileImported) -> None:
    """Use a profile as a prior, beside those taken in before. Raises InvalidEvent where it is of another kind or model
    than its entry says.
    """
    profile = entry.profile
    if profile is None:
        return
    if (profile.kind, profile.model_id) != (entry.kind, entry.model_id):
        raise InvalidEvent(
            f"expected a profile of {entry.kind} vectors of {entry.model_id}, found one of {profile.kind} vectors of "
            f"{profile.model_id}"
        )
    taught = prior_of(profile)
    key = (profile.kind, ModelId(profile.model_id))
    known = library.priors.get(key)
    library.priors[key] = taught if known is None else combined(known, taught)
    space = library.spaces.get(profile.kind)
    if space is not None and space.model_id == profile.model_id and isinstance(space.rules, CalibratedRules):
        space.rules.clusterer.consolidator.learn(taught)


def prior_of(profile: Profile) -> Calibration:
    """What a profile teaches."""
    return Calibration(
        join=profile.join,
        different_mean=profile.background_mean,
        different_std=profile.background_std,
        same_mean=profile.same_typical,
        items=max(profile.items, 1),
        uncertainty=profile.uncertainty,
    )


def profile_of(library: Library, kind: ItemKind) -> Profile | None:
    """What the library has learnt of the model of a kind; None where it has none, or another policy decides."""
    space = library.spaces.get(kind)
    if space is None or not isinstance(space.rules, CalibratedRules):
        return None
    return learnt(space.rules.clusterer, kind, space.model_id, f"library {library.library_id}")


def learnt(clusterer: Clusterer, kind: ItemKind, model_id: ModelId, source: str) -> Profile:
    """What a clusterer has learnt of a model. `source`: in words."""
    calibration = clusterer.calibration
    seen = look(clusterer.partition)
    return Profile(
        kind=kind,
        model_id=model_id,
        join=_clipped(calibration.join),
        uncertainty=min(calibration.uncertainty, 2.0),
        background_mean=_clipped(calibration.different_mean),
        background_std=min(calibration.different_std, 2.0),
        same_typical=_clipped(calibration.same_mean),
        same=_spread(seen.same),
        different=_spread(seen.different),
        items=calibration.items,
        source=f"{source}, {seen.items} items in {seen.clusters} clusters",
    )


def next_merges(library: Library, kind: ItemKind, count: int = 5) -> list[NextMerge]:
    """The pairs of clusters of the greatest likeness that are not one, the likeliest first."""
    space = library.spaces.get(kind)
    if space is None or not isinstance(space.rules, CalibratedRules):
        return []
    rules = space.rules
    partition = rules.clusterer.partition
    largest = heapq.nlargest(MOST_LOOKED_AT, list(partition.clusters), key=lambda at: (len(partition.members(at)), -at))
    pairs: dict[tuple[int, int], float] = {}
    for at in largest:
        total, weight = partition.clusters.total(at), partition.clusters.weight(at)
        for other, score in partition.scores(total, 3, 2.0, weight)[:3]:
            if other != at:
                pairs[min(at, other), max(at, other)] = score
    found = []
    for (one, other), score in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:count]:
        names = rules.numbers.cluster_id(one), rules.numbers.cluster_id(other)
        if names[0] is not None and names[1] is not None:
            found.append(NextMerge(names[0], names[1], score, rules.probability(score)))
    return found


def _spread(spread: Spread) -> ScoreSpread:
    return ScoreSpread(
        mean=_clipped(spread.mean), std=spread.std, count=spread.count, histogram=tuple(spread.histogram.tolist())
    )


def _clipped(score: float) -> float:
    """Within -1..1: on the grid, a vector's likeness to itself may be a little above 1."""
    return min(max(score, -1.0), 1.0)
