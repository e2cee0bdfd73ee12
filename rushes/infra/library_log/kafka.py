"""The log on Kafka: one topic, each library in the partition that its placement record names, for ever."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from rushes.infra.kafka.topics import topic_name
from rushes.infra.library_log.codec import decode_record, encode_entry
from rushes.infra.library_log.kafka_reader import KafkaReader
from rushes.infra.library_log.kafka_writer import DELIVERED_WITHIN_S, KafkaWriter, Outgoing
from rushes.infra.library_log.placement import Placements
from rushes.infra.library_log.port import LogPosition, LogRecord
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Headers, encode, headers_of
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import EventId, LibraryId, derive
from rushes.schemas.log import LogEntry
from rushes.schemas.models import LibraryPlaced


def _utc_now() -> datetime:
    return datetime.now(UTC)


class KafkaLibraryLog:
    """Over the topics `embeddings` and `library-placements`, which must exist. Safe to use from several threads; the
    appends of one object follow one another.

    `source` names the writer in the headers. Errors of all methods: DependencyUnavailable where the cluster does not
    answer within `delivered_within_s`, ConfigurationError where a topic or partition is missing.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        source: str = "rushes",
        delivered_within_s: float = DELIVERED_WITHIN_S,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._topic = topic_name(kafka, Channel.LIBRARY_LOG)
        self._placements_topic = topic_name(kafka, Channel.PLACEMENTS)
        self._source = source
        self._now = now
        self._mutex = threading.RLock()
        self._reader = KafkaReader(kafka, answer_within_s=delivered_within_s)
        self._writer = KafkaWriter(kafka, delivered_within_s=delivered_within_s)
        self._placements = Placements(kafka, self._reader)
        self._partitions_seen = 0

    def partition_of(self, library_id: LibraryId) -> int:
        with self._mutex:
            partition = self._placements.partition_of(library_id, self._partition_count, self._propose)
            if partition >= self._partitions_seen and partition >= self._partition_count():
                raise ConfigurationError(
                    f"expected partition {partition} of {self._topic}, where library {library_id} was placed; found "
                    f"only {self._partitions_seen} partitions; restore the topic"
                )
            return partition

    def append(self, entries: Sequence[LogEntry]) -> list[LogPosition]:
        values = [encode_entry(entry) for entry in entries]
        with self._mutex:
            records = [
                Outgoing(
                    self._topic,
                    self.partition_of(LibraryId(entry.library_id)),
                    entry.key,
                    value,
                    self._headers(EventId(entry.entry_id), entry.type),
                )
                for entry, value in zip(entries, values, strict=True)
            ]
            offsets = self._writer.deliver(records)
        return [LogPosition(record.partition, offset) for record, offset in zip(records, offsets, strict=True)]

    def read(self, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        found = self._reader.read(self._topic, partition, start, until)
        return (decode_record(self._topic, LogPosition(partition, offset), value) for offset, value in found)

    def close(self) -> None:
        with self._mutex:
            self._writer.close()

    def _partition_count(self) -> int:
        self._partitions_seen = self._writer.partition_count(self._topic)
        return self._partitions_seen

    def _propose(self, proposal: LibraryPlaced) -> int:
        event_id = EventId(derive("placement", proposal.library_id, proposal.log_topic, proposal.log_partition))
        headers = self._headers(event_id, proposal.type)
        (offset,) = self._writer.deliver([Outgoing(self._placements_topic, 0, proposal.key, encode(proposal), headers)])
        return offset

    def _headers(self, event_id: EventId, event_type: str) -> Headers:
        return headers_of(event_id, event_type, self._source, self._now().isoformat(timespec="milliseconds"))
