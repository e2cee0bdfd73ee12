"""State that stays is not gone through by every collection, and is freed when nobody holds it."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

from rushes.infra.long_lived import EVERY, LongLived
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation


@pytest.fixture(autouse=True)
def _nothing_stays_for_other_tests():
    yield
    gc.unfreeze()


def filled(memory: LongLived) -> Clusterer:
    clusterer = Clusterer(16)
    for number, row in enumerate(np.random.default_rng(0).standard_normal((4 * EVERY, 16)).astype(np.float16)):
        clusterer.observe([Observation(row, frame=number)])
        clusterer.work(1_000_000)
        memory.grew()
    return clusterer


def test_what_lasted_is_out_of_the_collectors_sight():
    gc.unfreeze()
    clusterer = filled(LongLived())
    seen = {id(each) for each in gc.get_objects()}
    entries = [clusterer.partition.entry(item) for item in range(4 * EVERY)]
    assert sum(id(entry.observation) in seen for entry in entries) < EVERY


def test_a_library_without_work_in_flight_is_freed_without_a_collection():
    clusterer = filled(LongLived())
    clusterer.settle()
    partition = weakref.ref(clusterer.partition)
    gc.disable()
    try:
        del clusterer
        assert partition() is None
    finally:
        gc.enable()


def test_a_library_dropped_in_the_middle_of_work_is_freed():
    memory = LongLived()
    clusterer = filled(memory)
    clusterer.consolidator.request()
    clusterer.work(1)
    memory.stays()
    partition = weakref.ref(clusterer.partition)
    del clusterer
    assert partition() is not None, "work in flight holds it"
    memory.shrank()
    assert partition() is None


def test_nothing_is_left_for_native_libraries_to_complain_of_at_the_end():
    """torchvision loads triton, whose bindings count their own types as leaked where they are alive at the end."""
    program = "import torchvision; from rushes.infra.long_lived import LongLived; LongLived().stays()"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stderr == b""
