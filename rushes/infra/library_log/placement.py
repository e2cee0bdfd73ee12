"""Where libraries lie in the log topic: a topic of one partition in which a library's first record stands.

Every writer reads it from its beginning, so all agree: who needs an unknown library proposes a place, waits until the
proposal is written, and reads up to it. Whichever proposal lies first is the answer, also when it is another's.
"""

from collections.abc import Callable
from typing import Final

import structlog

from rushes.infra.kafka.topics import topic_name
from rushes.infra.library_log.kafka_reader import KafkaReader
from rushes.infra.library_log.partitioning import preferred_partition
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import decode
from rushes.schemas.errors import ConfigurationError, InvalidEvent
from rushes.schemas.models import LibraryPlaced

_log = structlog.get_logger(__name__)

_PARTITION: Final = 0

Publish = Callable[[LibraryPlaced], int]
"""Publishes a proposal durably and returns its offset."""


class Placements:
    """What has been read of the placements so far. Not safe to use from several threads at once."""

    def __init__(self, kafka: KafkaSettings, reader: KafkaReader) -> None:
        self._topic = topic_name(kafka, Channel.PLACEMENTS)
        self._log_topic = topic_name(kafka, Channel.LIBRARY_LOG)
        self._reader = reader
        self._places: dict[str, int] = {}
        self._next_offset = 0

    def partition_of(self, library_id: str, partition_count: Callable[[], int], publish: Publish) -> int:
        """The library's partition. Reads, and proposes one, only for a library not seen before."""
        if library_id not in self._places:
            self._catch_up()
        if library_id not in self._places:
            place = preferred_partition(library_id, partition_count())
            proposal = LibraryPlaced(library_id=library_id, log_topic=self._log_topic, log_partition=place)
            self._catch_up(past=publish(proposal))
        return self._places[library_id]

    def _catch_up(self, past: int | None = None) -> None:
        """Reads on to the present end, or up to and including the offset `past`."""
        first, end = self._reader.bounds(self._topic, _PARTITION)
        if first > 0 and self._next_offset < first:
            raise ConfigurationError(
                f"expected {self._topic} from its first record, but it begins at offset {first}: placements were "
                "deleted, and libraries would be split; restore the topic, and set its retention.ms to -1"
            )
        stop = end if past is None else past + 1
        for offset, value in self._reader.read(self._topic, _PARTITION, self._next_offset, stop):
            self._note(offset, value)
        self._next_offset = stop

    def _note(self, offset: int, value: bytes | None) -> None:
        try:
            event = decode(value)
        except InvalidEvent as error:
            _log.warning(
                "placements: skipping bytes that are no event", topic=self._topic, offset=offset, reason=str(error)
            )
            return
        if isinstance(event, LibraryPlaced) and event.log_topic == self._log_topic:
            self._places.setdefault(event.library_id, event.log_partition)
