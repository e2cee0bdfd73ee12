"""What each channel promises: its key, how long records are kept, what they carry, who writes and who reads.

The contract documents and the topics' settings are made from this one table.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from rushes.schemas.channels import Channel
from rushes.schemas.decisions import ClusterAssigned, ClusterChanged, GenerationMark
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.log import (
    AdapterChanged,
    ConsolidationRequested,
    EntrySkipped,
    FeedbackSubmitted,
    GenerationPromoted,
    ItemsEmbedded,
    MediaRemoved,
    MediaTotals,
    PolicyChanged,
    ProfileImported,
)
from rushes.schemas.media import MediaDeleted, MediaUploaded
from rushes.schemas.models import LibraryPlaced, ModelUpdated
from rushes.schemas.shots import MediaErased, MediaSplit, ShotSplit
from rushes.schemas.status import DeadLetter, MediaStatus

LETTER_MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest dead letter. It holds a whole foreign record (up to Kafka's 1 MiB) and its headers in base64 (4/3)."""

RECORD_MAX_BYTES: Final = 1024 * 1024
"""Largest record of every other topic: Kafka's default, twice the largest event."""


class Role(StrEnum):
    """Who writes or reads a channel: producers and consumers outside, stages and the operator's commands inside."""

    PRODUCER = "producer"
    CORRECTOR = "corrector"
    CONSUMER = "consumer"
    SPLIT = "split"
    EMBED = "embed"
    FEEDBACK = "feedback"
    CLUSTER = "cluster"
    TRAIN = "train"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class TopicContract:
    """The promises of one channel.

    `retention_days` None is for ever; `compacted` keeps at least the last record of each key. `partitions` None is
    the operator's choice at creation.
    """

    channel: Channel
    summary: str
    key: str
    messages: tuple[type[BaseModel], ...]
    senders: tuple[Role, ...]
    receivers: tuple[Role, ...]
    retention_days: int | None = None
    compacted: bool = False
    partitions: int | None = None
    max_record_bytes: int = RECORD_MAX_BYTES

    @property
    def cleanup_policy(self) -> str:
        """Kafka's `cleanup.policy`; a topic that is kept for ever deletes nothing (`retention.ms` is -1)."""
        if not self.compacted:
            return "delete"
        return "compact" if self.retention_days is None else "compact,delete"

    @property
    def retention_ms(self) -> int:
        """Kafka's `retention.ms`; -1 is for ever."""
        return -1 if self.retention_days is None else self.retention_days * 24 * 3600 * 1000


_MEDIA_KEY: Final = "library_id/media_id"
_LOG_ENTRIES: Final = (
    ItemsEmbedded,
    MediaTotals,
    MediaRemoved,
    FeedbackSubmitted,
    PolicyChanged,
    ProfileImported,
    AdapterChanged,
    GenerationPromoted,
    ConsolidationRequested,
    EntrySkipped,
)

_TOPICS: Final = (
    TopicContract(
        Channel.MEDIA_UPLOADED,
        "Files to sort, and files to forget.",
        key=_MEDIA_KEY,
        messages=(MediaUploaded, MediaDeleted),
        senders=(Role.PRODUCER,),
        receivers=(Role.SPLIT,),
        retention_days=30,
    ),
    TopicContract(
        Channel.MEDIA_UPLOADED_BULK,
        "The same, in the lane for backfills and long files.",
        key=_MEDIA_KEY,
        messages=(MediaUploaded, MediaDeleted),
        senders=(Role.PRODUCER,),
        receivers=(Role.SPLIT,),
        retention_days=30,
    ),
    TopicContract(
        Channel.FRAMES,
        "Shots with their keyframes as they are found, a closing total for each media, and the keyframes that are "
        "being erased.",
        key=_MEDIA_KEY,
        messages=(ShotSplit, MediaSplit, MediaErased),
        senders=(Role.SPLIT,),
        receivers=(Role.EMBED,),
        retention_days=30,
    ),
    TopicContract(
        Channel.FRAMES_BULK,
        "The same, in the lane for backfills and long files.",
        key=_MEDIA_KEY,
        messages=(ShotSplit, MediaSplit, MediaErased),
        senders=(Role.SPLIT,),
        receivers=(Role.EMBED,),
        retention_days=30,
    ),
    TopicContract(
        Channel.LIBRARY_LOG,
        "The library's log: the one order of everything that can alter a decision. Only Rushes writes it. "
        "A library's partition is the one of its placement record, whatever its key hashes to.",
        key="library_id",
        messages=_LOG_ENTRIES,
        senders=(Role.SPLIT, Role.EMBED, Role.FEEDBACK, Role.CLUSTER, Role.TRAIN, Role.ADMIN),
        receivers=(Role.CLUSTER, Role.TRAIN),
        # For ever, and not for 90 days as designed, until snapshots exist: state is folded from the log's beginning.
    ),
    TopicContract(
        Channel.FEEDBACK,
        "People's corrections.",
        key="library_id",
        messages=(FeedbackGiven,),
        senders=(Role.CORRECTOR,),
        receivers=(Role.FEEDBACK,),
    ),
    TopicContract(
        Channel.CLUSTER_ASSIGNED,
        "Where each item belongs, and why. Of several records of a key the highest revision is the truth.",
        key="item_id",
        messages=(ClusterAssigned,),
        senders=(Role.CLUSTER,),
        receivers=(Role.CONSUMER,),
        compacted=True,
    ),
    TopicContract(
        Channel.CLUSTERS,
        "Each cluster as it is now, and marks around a promotion. The highest revision is the truth.",
        key="cluster_id; library_id/generation/mark for a mark",
        messages=(ClusterChanged, GenerationMark),
        senders=(Role.CLUSTER,),
        receivers=(Role.CONSUMER,),
        compacted=True,
    ),
    TopicContract(
        Channel.MEDIA_STATUS,
        "How far each stage is with each media. Fold by the highest version, then the greatest counters; "
        "only the stage `cluster` says complete, partial or removed.",
        key="library_id/media_id/stage",
        messages=(MediaStatus,),
        senders=(Role.SPLIT, Role.EMBED, Role.CLUSTER),
        receivers=(Role.PRODUCER, Role.CONSUMER),
        compacted=True,
    ),
    TopicContract(
        Channel.MODEL_UPDATED,
        "Adapters that the trainer made.",
        key="library_id/kind",
        messages=(ModelUpdated,),
        senders=(Role.TRAIN,),
        receivers=(Role.EMBED, Role.CLUSTER),
        compacted=True,
    ),
    TopicContract(
        Channel.DEAD_LETTERS,
        "What could not be processed: the original record byte for byte, its place, the reason. "
        "One failure is one letter, however often delivered.",
        key="letter_id",
        messages=(DeadLetter,),
        senders=(Role.SPLIT, Role.EMBED, Role.FEEDBACK, Role.CLUSTER, Role.TRAIN),
        receivers=(Role.PRODUCER, Role.CORRECTOR, Role.ADMIN),
        retention_days=90,
        compacted=True,
        max_record_bytes=LETTER_MAX_BYTES,
    ),
    TopicContract(
        Channel.PLACEMENTS,
        "The log partition of each library. One partition, never compacted: the first record of a library stands.",
        key="library_id",
        messages=(LibraryPlaced,),
        senders=(Role.SPLIT, Role.EMBED, Role.FEEDBACK, Role.CLUSTER, Role.TRAIN, Role.ADMIN),
        receivers=(Role.SPLIT, Role.EMBED, Role.FEEDBACK, Role.CLUSTER, Role.TRAIN, Role.ADMIN),
        partitions=1,
    ),
)

TOPICS: Final = MappingProxyType({topic.channel: topic for topic in _TOPICS})
"""The contract of every channel."""

PRODUCER_EVENTS: Final[tuple[type[BaseModel], ...]] = (MediaUploaded, MediaDeleted, FeedbackGiven)
"""What others send us. Everything else is ours to send."""
