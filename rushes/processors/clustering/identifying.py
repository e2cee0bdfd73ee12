"""Who a thing that is not in the library may be: the nearest clusters, and how likely each is, and that it is none."""

from dataclasses import dataclass

from rushes.processors.clustering.calibrated_rules import CalibratedRules
from rushes.processors.clustering.fixed_rules import FixedRules
from rushes.processors.clustering.items import SpaceState
from rushes.processors.clustering.library import NEAREST, Library
from rushes.processors.clustering.scoring import Vec16
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ClusterId, ModelId


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cluster, or none of those that are known (`cluster_id` None). `probability` is None under a policy that knows
    none; then the candidates are in the order in which it would choose.
    """

    cluster_id: ClusterId | None
    name: str | None
    size: int
    similarity: float | None
    probability: float | None


def identify(library: Library, kind: ItemKind, model_id: ModelId, vector: Vec16) -> list[Candidate]:
    """The nearest clusters and unknown, most probable first. Nothing of the library changes. vector: (d,).

    Only unknown where the library has nothing of the kind by this model.
    """
    space = library.spaces.get(kind)
    if space is None or space.model_id != model_id or space.dim != len(vector):
        return [Candidate(None, None, 0, None, None)]
    found = [(score, probability, key) for key, score, probability in _candidates(space, vector)]
    return [
        Candidate(key, _name(library, key), _size(library, key), similarity, probability)
        for similarity, probability, key in found
        if key is None or key in library.clusters
    ]


def _candidates(space: SpaceState, vector: Vec16) -> list[tuple[ClusterId | None, float | None, float | None]]:
    rules = space.rules
    if isinstance(rules, CalibratedRules):
        near = rules.clusterer.identify(vector, NEAREST)
        named = [(None if one.cluster is None else rules.numbers.cluster_id(one.cluster), one) for one in near]
        return [(key, one.score, one.probability) for key, one in named if key is not None or one.cluster is None]
    assert isinstance(rules, FixedRules), "there are two policies"
    return [(None if key is None else ClusterId(key), score, None) for key, score in rules.identify(vector)]


def _name(library: Library, key: ClusterId | None) -> str | None:
    record = library.clusters[key].record if key is not None else None
    return record.name if record is not None else None


def _size(library: Library, key: ClusterId | None) -> int:
    return len(library.clusters[key].members) if key is not None else 0
