"""Stage `cluster`: the owner of its libraries. Log entries in; rows in the store, then assignments out."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from rushes.infra.blobs.port import BlobStore
from rushes.infra.library_log.port import LibraryLog
from rushes.infra.store.port import ClusterRow, ItemRow, ItemStore, Space
from rushes.infra.store.verify import verify_and_repair
from rushes.processors.clustering.finding import anchored_frames
from rushes.processors.clustering.items import Changes, Refusal
from rushes.processors.clustering.library import Library
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.errors import PermanentError
from rushes.schemas.ids import EventId, Generation, LibraryId, MediaId, derive, letter_id, media_folder
from rushes.schemas.log import (
    AdapterChanged,
    ConsolidationRequested,
    EntrySkipped,
    FeedbackSubmitted,
    GenerationPromoted,
    ItemsEmbedded,
    LogEntry,
    MediaRemoved,
    MediaTotals,
    PolicyChanged,
    ProfileImported,
)
from rushes.schemas.status import DeadLetter
from rushes.streams.stage import Incoming, NoHooks, Outcome, Output
from rushes.streams.stages.ownership import EntryFailed, Owner, all_rows, cluster_row, item_row, space_of
from rushes.streams.stages.residents import Residents
from rushes.streams.stages.takeover import Takeovers
from rushes.streams.stages.untold import Untold
from rushes.streams.stages.upkeep import consolidation_of, is_unsettled

IDLE_OPERATIONS: Final = 10_000_000
"""Of a request: some 20 ms, for which what arrives meanwhile waits."""


@dataclass(frozen=True, slots=True)
class Timing:
    """`monotonic` in seconds; `late_s`: how long after an assignment the writes of an owner before may still land;
    `idle_s`: a library in which nothing came for so long has its background work finished.
    """

    monotonic: Callable[[], float]
    late_s: float
    idle_s: float = 30.0


class ClusterStage(NoHooks):
    """Decides every item of its libraries, in the order of their logs.

    Effects come first: rows are upserted, then outputs are yielded, then the entries are acknowledged. What was
    written but perhaps not delivered is kept until the log has gone on, and is sent again with what comes again.
    `churn` hears of items that arrived, and of those that consolidation decided anew.
    """

    name = "cluster"
    accepts: tuple[type[BaseModel], ...] = (
        ItemsEmbedded, MediaTotals, MediaRemoved, FeedbackSubmitted, PolicyChanged, ProfileImported,
        AdapterChanged, GenerationPromoted, ConsolidationRequested, EntrySkipped,
    )  # fmt: skip

    def __init__(
        self,
        log: LibraryLog,
        store: ItemStore,
        blobs: BlobStore,
        generation: Generation,
        timing: Timing,
        *,
        churn: Callable[[int, int], None] = lambda _arrived, _revised: None,
        release_after: int | None = None,
    ) -> None:
        """`release_after`: entries of others after which a library with nothing left to do leaves memory."""
        self._owner = Owner(log, generation)
        self._store = store
        self._blobs = blobs
        self._generation = generation
        self._untold = Untold()
        self._timing = timing
        self._takeovers = Takeovers(timing.monotonic, timing.late_s)
        self._quiet_since: dict[LibraryId, float] = {}
        self._asked_at: dict[LibraryId, int] = {}
        self._churn = churn
        self._residents = Residents(release_after)
        self._failed: dict[tuple[int, str], PermanentError] = {}

    def library(self, library_id: LibraryId) -> Library | None:
        """State of a library that is held now."""
        return self._owner.library(library_id)

    def process(self, batch: Sequence[Incoming[LogEntry]]) -> Iterator[Outcome[LogEntry]]:
        """Apply the entries in order, write what changed, tell it. The outputs of a library go with its first event:
        they are the net effect of the batch, the newest record per key.
        """
        first_offsets: dict[LibraryId, int] = {}
        for incoming in batch:
            first_offsets.setdefault(LibraryId(incoming.event.library_id), incoming.record.offset)
        self._untold.arrived(first_offsets)
        with self._owner.expecting([incoming.event for incoming in batch]):
            for incoming in batch:
                self._apply(incoming)
        for library_id, changes in self._takeovers.over().items():
            self._owner.unverified[library_id] = None
            self._untold.again(library_id, changes)
        self._verify()
        outputs: dict[LibraryId, list[Output]] = {}
        carried_by = self._untold.carried_by(first_offsets)
        self._write({library_id: changes for library_id, (_, changes) in carried_by.items()})
        for library_id, (carrier, changes) in carried_by.items():
            outputs.setdefault(carrier, []).extend(self._outputs(library_id, changes))
        for incoming in batch:
            carried = outputs.pop(LibraryId(incoming.event.library_id), ())
            failure = (incoming.record.partition, incoming.event.entry_id)
            yield Outcome(incoming, tuple(carried), error=self._failed.get(failure))
            self._failed.pop(failure, None)
        self._release()

    def idle(self) -> tuple[Output, ...]:
        """Requests to finish the background work of libraries that have been quiet, some of it at a time: what arrives
        meanwhile does not wait for all of it.
        """
        requests = []
        for library in self._owner.all_libraries():
            if is_unsettled(library) and self._may_ask(library):
                entry = consolidation_of(library, "idle", IDLE_OPERATIONS)
                requests.append(Output(Channel.LIBRARY_LOG, entry, entry.key, EventId(entry.entry_id)))
                self._quiet_since[library.library_id] = self._timing.monotonic()
                self._asked_at[library.library_id] = library.n
        return tuple(requests)

    def _may_ask(self, library: Library) -> bool:
        """Whether nothing came for long; or what was asked for is half done, and the last request has come back."""
        if library.settling and self._asked_at.get(library.library_id) != library.n:
            return True
        before = self._timing.monotonic() - self._timing.idle_s
        return self._quiet_since.get(library.library_id, before) <= before

    def _release(self) -> None:
        """Let libraries go that have been quiet for long, but for those of which an old owner may be telling yet."""
        if self._takeovers.running:
            return
        for library_id in self._residents.leaving():
            library = self._owner.library(library_id)
            if library is not None and (is_unsettled(library) or library_id in self._owner.unverified):
                self._residents.came(library_id)
                continue
            self._owner.let_go(library_id)
            self._quiet_since.pop(library_id, None)
            self._asked_at.pop(library_id, None)

    def recover(self, partition: int, until: int) -> None:
        """Fold the log before `until` and verify the store against it, without telling anything."""
        self._owner.catch_up(partition, until)
        self._verify()

    def on_assigned(self, partitions: frozenset[tuple[str, int]]) -> None:
        """State is recovered with the first entry of a partition."""
        ours = frozenset(partition for _, partition in partitions)
        self._forget(self._owner.partitions - ours)
        self._takeovers.assigned(ours)

    def on_revoked(self, partitions: frozenset[tuple[str, int]]) -> None:
        """The next owner folds the log itself."""
        theirs = frozenset(partition for _, partition in partitions)
        self._forget(theirs)
        self._takeovers.revoked(theirs)

    def _apply(self, incoming: Incoming[LogEntry]) -> None:
        partition, offset, entry = incoming.record.partition, incoming.record.offset, incoming.event
        fresh = partition not in self._owner.partitions
        for library_id, missed in self._owner.catch_up(partition, offset).items():
            self._tell(partition, library_id, missed)
        for library_id in self._owner.libraries(partition) if fresh else ():
            self._residents.came(library_id)
        try:
            changes = self._owner.apply(partition, offset, entry)
        except EntryFailed as error:
            changes = error.changes
            self._failed[partition, entry.entry_id] = error
        self._residents.came(LibraryId(entry.library_id))
        self._quiet_since[LibraryId(entry.library_id)] = self._timing.monotonic()
        self._churn(changes.arrived, changes.revised)
        self._tell(partition, LibraryId(entry.library_id), changes)

    def _tell(self, partition: int, library_id: LibraryId, changes: Changes) -> None:
        self._untold.add(library_id, changes)
        self._takeovers.told(partition, library_id, changes)

    def _forget(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            for library_id in self._owner.libraries(partition):
                self._untold.drop(library_id)
                self._quiet_since.pop(library_id, None)
                self._asked_at.pop(library_id, None)
                self._residents.left(library_id)
        self._owner.drop(partitions)
        self._failed = {key: error for key, error in self._failed.items() if key[0] not in partitions}

    # -- effects

    def _verify(self) -> None:
        """Hold the store against the libraries that were folded anew, and mend it."""
        for library_id in list(self._owner.unverified):
            library = self._owner.back(library_id)
            if library is not None:
                items, clusters = all_rows(library)
                verify_and_repair(self._store, library_id, self._generation, items, clusters)
            del self._owner.unverified[library_id]

    def _write(self, told: Mapping[LibraryId, Changes]) -> None:
        """Write what changed in all libraries at once: a call costs as much for one row as for thirty."""
        items: list[ItemRow] = []
        clusters: list[ClusterRow] = []
        held = [(self._owner.back(library_id), changes) for library_id, changes in told.items()]
        for library, changes in held:
            if library is not None:
                items += [
                    item_row(library, item) for item_id, item in changes.items.items() if item_id in library.items
                ]
                active = [record for record in changes.clusters.values() if record.status == "active"]
                clusters += [cluster_row(library, record) for record in active]
        self._store.upsert(items, clusters)
        for library, changes in held:
            if library is not None:
                self._delete(library, changes)

    def _delete(self, library: Library, changes: Changes) -> None:
        gone: dict[Space, tuple[list[str], list[str]]] = {}
        for item in changes.removed.values():
            gone.setdefault(space_of(library, item.kind), ([], []))[0].append(item.item_id)
        for record in changes.clusters.values():
            if record.status != "active" and record.kind in library.spaces:
                gone.setdefault(space_of(library, record.kind), ([], []))[1].append(record.cluster_id)
        for space, (item_ids, cluster_ids) in gone.items():
            self._store.delete(library.library_id, space, item_ids, cluster_ids)
        for media_id in changes.anchors:
            self._write_anchors(library, media_id)

    def _write_anchors(self, library: Library, media_id: MediaId) -> None:
        times = sorted(
            time
            for time in (library.frames[frame].time_us for frame in anchored_frames(library, media_id))
            if time is not None
        )
        path = f"{media_folder(library.library_id, media_id)}/anchors.json"
        if times:
            self._blobs.put(path, json.dumps({"times_us": times}).encode())
        else:
            self._blobs.delete(path)

    # -- outputs

    def _outputs(self, library_id: LibraryId, changes: Changes) -> Iterator[Output]:
        for record in changes.items.values():
            yield self._output(Channel.CLUSTER_ASSIGNED, library_id, record, record.item_id, record.revision)
        for cluster in changes.clusters.values():
            yield self._output(Channel.CLUSTERS, library_id, cluster, cluster.cluster_id, cluster.revision)
        for status in changes.statuses.values():
            yield self._output(Channel.MEDIA_STATUS, library_id, status, status.key, status.revision)
        for refusal in changes.refusals.values():
            letter = self._letter(refusal)
            event_id = EventId(derive("letter", library_id, letter.letter_id))
            yield Output(Channel.DEAD_LETTERS, letter, letter.key, event_id)

    def _output(
        self, channel: Channel, library_id: LibraryId, event: BaseModel, key: str, revision: BaseModel | None
    ) -> Output:
        place = "" if revision is None else revision.model_dump_json()
        return Output(channel, event, key, EventId(derive(channel, library_id, self._generation, key, place)))

    def _letter(self, refusal: Refusal) -> DeadLetter:
        entry = refusal.entry
        event_id = EventId(entry.entry_id)
        feedback = entry.feedback if isinstance(entry, FeedbackSubmitted) else None
        original = encode(feedback if feedback is not None else entry)
        return DeadLetter(
            letter_id=letter_id(self.name, event_id),
            stage=self.name,
            topic=Channel.FEEDBACK if feedback is not None else Channel.LIBRARY_LOG,
            partition=-1,
            offset=-1,
            key_base64=base64.b64encode(entry.key.encode()).decode(),
            value_base64=base64.b64encode(original).decode(),
            event_id=event_id,
            event_type=feedback.type if feedback is not None else entry.type,
            library_id=entry.library_id,
            media_id=getattr(entry, "media_id", None),
            code=refusal.code,
            reason=refusal.reason,
            attempts=1,
        )
