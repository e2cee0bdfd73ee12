"""Records at rest are the records that were told, in a fraction of the room."""

import random

import pytest

from rushes.processors.clustering.packing import packed, unpacked
from rushes.schemas.decisions import ClusterAssigned, ClusterChanged
from tests.builders import LibraryBuilder
from tests.random_library import POLICIES, random_library


@pytest.mark.parametrize("seed", range(12))
def test_a_record_at_rest_is_the_one_that_was_told(seed, monkeypatch):
    """Floats to the last bit, and fields that a copy set without a look at them."""
    told: dict[str, ClusterAssigned | ClusterChanged] = {}
    apply = LibraryBuilder.apply

    def listening(lib, entry):
        changes = apply(lib, entry)
        told.update({**changes.items, **changes.clusters})
        return changes

    monkeypatch.setattr(LibraryBuilder, "apply", listening)
    lib = random_library(seed, policy=random.Random(seed).choice(POLICIES))
    assert lib.state.items
    for item in lib.state.items.values():
        assert item.record == told[item.item_id]
        assert item.record.model_dump_json() == told[item.item_id].model_dump_json()
    for cluster in lib.state.clusters.values():
        assert cluster.record == told[cluster.cluster_id]


def test_it_takes_less_than_half_of_its_json():
    lib = random_library(3)
    for item in lib.state.items.values():
        text = item.record.model_dump_json()
        assert len(packed(item.record)) < len(text) / 2
        assert unpacked(ClusterAssigned, packed(item.record)).model_dump_json() == text
