"""What a runner has in hand and when it last moved: read by the watchdog and the metrics."""

from collections.abc import Callable, Sequence

from rushes.schemas.envelope import Record


class Progress:
    """Marks of one runner. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._in_hand: dict[tuple[str, int, int], Record] = {}
        self.last_at = monotonic()

    def begin(self, records: Sequence[Record]) -> None:
        self._in_hand = {_place(record): record for record in records}
        self.mark()

    def settle(self, record: Record) -> None:
        self._in_hand.pop(_place(record), None)
        self.mark()

    def mark(self) -> None:
        """Something moved: an outcome, a heartbeat or a delivery."""
        self.last_at = self._monotonic()

    def end(self) -> None:
        self._in_hand = {}
        self.mark()

    @property
    def oldest(self) -> Record | None:
        """The first record in hand that is not settled."""
        return next(iter(self._in_hand.values()), None)

    @property
    def age_s(self) -> float:
        """Seconds since something moved."""
        return self._monotonic() - self.last_at


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset
