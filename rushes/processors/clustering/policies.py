"""The rules that a library's policy makes for each kind, and a change of the policy."""

from collections.abc import Mapping
from typing import assert_never

from rushes.processors.clustering.calibrated_rules import CalibratedRules
from rushes.processors.clustering.fixed import FixedPolicy
from rushes.processors.clustering.fixed_rules import FixedRules
from rushes.processors.clustering.items import Changes, SpaceState
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policy import Policy
from rushes.processors.clustering.rules import Rules
from rushes.processors.identity.clusterer import Clusterer
from rushes.schemas.errors import InvalidEvent, ModelMismatch
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ModelId


def space(library: Library, kind: ItemKind, model_id: ModelId, dim: int, *, weak: bool) -> SpaceState:
    """The space of a kind; the first model seen founds it. Raises ModelMismatch for another model or dim."""
    state = library.spaces.get(kind)
    if state is None:
        state = SpaceState(kind, model_id, weak, dim, _rules(library, kind, model_id, dim, weak=weak))
        library.spaces[kind] = state
    if state.model_id != model_id or state.dim != dim:
        raise ModelMismatch(
            f"library {library.library_id} compares {kind} vectors of {state.model_id} ({state.dim} dimensions) in "
            f"generation {library.generation}, found {model_id} ({dim}): embed with the library's model, or build a "
            "new generation"
        )
    return state


def rules_for(policy: Policy, kind: ItemKind, dim: int, *, weak: bool) -> Rules:
    """Rules of a kind of which nothing is known yet. Raises InvalidEvent for parameters that the policy has not."""
    match policy.name:
        case "fixed":
            return FixedRules(FixedPolicy().with_parameters(policy.parameters), kind, dim, weak=weak)
        case "calibrated":
            if policy.parameters:
                raise InvalidEvent(f"policy `calibrated` has no parameters, found {sorted(policy.parameters)}")
            return CalibratedRules(Clusterer(dim))
        case _:
            assert_never(policy.name)


def _rules(library: Library, kind: ItemKind, model_id: ModelId, dim: int, *, weak: bool) -> Rules:
    rules = rules_for(library.policy, kind, dim, weak=weak)
    prior = library.priors.get((kind, model_id))
    if prior is not None and isinstance(rules, CalibratedRules):
        rules.clusterer.consolidator.learn(prior)
    return rules


def change_policy(library: Library, changes: Changes, name: str, parameters: Mapping[str, float]) -> None:
    """From here on the library decides so; who is where stays, and is what the new rules begin with.

    Raises InvalidEvent for a policy or parameters that are not known.
    """
    if name not in {"calibrated", "fixed"}:
        raise InvalidEvent(f"expected the policy `calibrated` or `fixed`, found `{name}`")
    before = library.policy.parameters if library.policy.name == name else {}
    policy = Policy("fixed" if name == "fixed" else "calibrated", {**before, **parameters})
    rules_for(policy, "scene", 1, weak=False)
    if policy == library.policy:
        return
    library.policy = policy
    for state in library.spaces.values():
        state.rules = _rules(library, state.kind, state.model_id, state.dim, weak=state.weak)
    for state in library.spaces.values():
        items = sorted((item for item in library.items.values() if item.kind == state.kind), key=lambda one: one.age)
        state.rules.begin(library, changes, items)
