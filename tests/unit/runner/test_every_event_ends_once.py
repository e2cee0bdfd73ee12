"""The runner's promise under random failures, against a list of what it did."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.schemas.errors import DamagedMedia, DependencyUnavailable, InputUnavailable
from rushes.schemas.status import DeadLetter
from rushes.streams.runner.outlet import Delivery
from rushes.streams.stage import Incoming, Outcome
from tests.runner_fakes import MemoryOutlet, StageBy, echo, record, running

FAULTS = {
    "transient": lambda: InputUnavailable("silent"),
    "dependency": lambda: DependencyUnavailable("away"),
    "permanent": lambda: DamagedMedia("broken"),
    "defect": lambda: ValueError("defect"),
}
FAULT = st.tuples(st.sampled_from([*FAULTS, "forgotten"]), st.booleans())
"""A fault of one attempt, and whether it is raised for the whole batch."""

EVENT = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["a", "b", "c"]),
        "bad": st.sampled_from([False, False, False, True]),
        "faults": st.lists(FAULT, max_size=6),
        "parts": st.integers(1, 3),
    }
)


class Scripted:
    """A stage that follows the events' scripts, in order. Its dependency is away three times at most: one more, with
    nothing settled between, would end the process."""

    def __init__(self, events: list[dict]) -> None:
        self.left = {offset: list(event["faults"]) for offset, event in enumerate(events)}
        self.events = events
        self.away = 0

    def process(self, batch: Sequence[Incoming]) -> Iterator[Outcome]:
        for incoming in batch:
            faults = self.left[incoming.record.offset]
            if not faults:
                for part in range(self.events[incoming.record.offset]["parts"]):
                    done = part == self.events[incoming.record.offset]["parts"] - 1
                    yield Outcome(incoming, outputs=(echo(incoming, part),), done=done)
                continue
            fault, raised = faults.pop(0)
            if fault == "forgotten":
                continue
            self.away += fault == "dependency"
            error = FAULTS["transient" if fault == "dependency" and self.away > 3 else fault]()
            if raised:
                raise error
            yield Outcome(incoming, error=error)


@pytest.mark.expects_errors
@settings(max_examples=300, deadline=None)
@given(
    events=st.lists(EVENT, max_size=8),
    lost_deliveries=st.lists(st.booleans(), max_size=30),
    in_flight=st.sampled_from([1, 3, 8]),
)
def test_every_event_ends_once_delivered_or_as_one_letter_and_keys_stay_in_order(
    events: list[dict], lost_deliveries: list[bool], in_flight: int
) -> None:
    records = [
        record(offset, event["key"], value=b"{bad" if event["bad"] else None) for offset, event in enumerate(events)
    ]
    lost = list(lost_deliveries)
    away = 0

    def before(_: Sequence[Delivery]) -> None:
        nonlocal away
        away = away + 1 if lost and lost.pop(0) and away < 2 else 0
        if away:
            raise DependencyUnavailable("away")

    outlet = MemoryOutlet(before)
    settled: list[int] = []
    delivered_when_settled: list[tuple[set[str], set[int]]] = []
    results: dict[int, list[object]] = {}

    class Watching:
        def settled(self, _stage: str, record, result) -> None:
            results.setdefault(record.offset, []).append(result)

        def delivered(self, outputs) -> None:
            pass

    def settle(done) -> None:
        settled.append(done.offset)
        delivered_when_settled.append((set(outlet.echoed), {letter.offset for letter in outlet.letters}))

    stage = StageBy(Scripted(events).process)
    with running(stage, outlet, in_flight=in_flight, observer=Watching()) as runner:
        asyncio.run(runner.handle(records, settle))

    assert sorted(settled) == list(range(len(events)))
    assert all(len(found) == 1 for found in results.values())
    for offset, (echoed, letters) in zip(settled, delivered_when_settled, strict=True):
        key, parts = events[offset]["key"], events[offset]["parts"]
        if isinstance(results[offset][0], DeadLetter):
            assert offset in letters
            assert not any(e.startswith(f"{key}/{offset}/") for e in outlet.echoed)
        else:
            assert offset not in {letter.offset for letter in outlet.letters}
            assert {f"{key}/{offset}/{part}" for part in range(parts)} <= echoed
    assert len(outlet.letters) == sum(isinstance(found[0], DeadLetter) for found in results.values())
    assert len(outlet.echoed) == len(set(outlet.echoed))
    forgetful = {event["key"] for event in events if any(fault == "forgotten" for fault, _ in event["faults"])}
    for key in {"a", "b", "c"} - forgetful:  # of an event that a stage forgets, nobody knows before its end
        good = [o for o in settled if events[o]["key"] == key and not events[o]["bad"]]
        assert good == sorted(good)
