"""What a consumer commits when its deliveries are taken from it."""

from collections import defaultdict

from faust.types import TP

from rushes.infra.kafka.faust_driver import GuardedConsumer


def test_nothing_settled_behind_an_unsettled_record_is_committed_after_the_deliveries_are_forgotten():
    """A batch that a drain cut off: its first record is not settled, later ones are. Forgetting both loses nothing."""
    place = TP("uploads", 1)
    consumer = object.__new__(GuardedConsumer)
    consumer._pending = defaultdict(dict, {place: {29: object()}})
    consumer._acked = defaultdict(list, {place: [27, 28, 30, 31]})
    consumer._acked_index = defaultdict(set, {place: {27, 28, 30, 31}})
    consumer._gap = defaultdict(list)
    assert consumer._new_offset(place) == 29
    consumer.forget_deliveries()
    assert consumer._new_offset(place) is None
