"""State as a fold over the log: `apply` takes a library from one entry to the next and says what changed.

The same entries give the same state, whatever the batches, the restarts and the threads. An entry counts once: one
that came before changes nothing, and its current records are told again.
"""

from typing import Final, assert_never

from rushes.processors.clustering import arrivals, corrections
from rushes.processors.clustering.bodies import bring_up_to_date, look_at_faces
from rushes.processors.clustering.finding import half_a_frame_us
from rushes.processors.clustering.items import Changes, Frame, Item, MediaState
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policies import change_policy
from rushes.processors.clustering.profiles import take_in
from rushes.schemas.decisions import Cause
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.event import KINDS
from rushes.schemas.ids import FrameId, ItemId, MediaId
from rushes.schemas.log import (
    AdapterChanged,
    ConsolidationRequested,
    EmbeddedFrame,
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

SLICE_OPERATIONS: Final = 10_000_000
"""Of background work behind one entry: some 10 to 20 ms, and the rest of one piece (see `identity.slices`)."""


def apply(library: Library, entry: LogEntry) -> Changes:
    """Apply an entry. Raises only where the entry can't be applied at all; the state is then no longer sound, and the
    caller folds the log again, passing over that entry (`skipped`). One that is passed over counts in the revision
    all the same, so that the entries behind it have the revisions that they had.
    """
    if entry.library_id != library.library_id:
        raise InvalidEvent(f"expected an entry of library {library.library_id}, found one of {entry.library_id}")
    if entry.entry_id in library.applied:
        return told_again(library, entry)
    changes = Changes()
    library.n += 1
    library.k = 0
    feedback_id = entry.feedback.feedback_id if isinstance(entry, FeedbackSubmitted) else None
    library.cause = Cause(entry_id=entry.entry_id, feedback_id=feedback_id)
    if entry.entry_id not in library.skipped:
        _dispatch(library, changes, entry)
        _consolidate_a_slice(library, changes)
    elif isinstance(entry, ItemsEmbedded):
        arrivals.pass_over(library, entry)
    library.tell_parents(changes)
    library.tell_clusters(changes)
    library.cause = None
    library.applied.add(entry.entry_id)
    return changes


def _dispatch(library: Library, changes: Changes, entry: LogEntry) -> None:
    match entry:
        case ItemsEmbedded():
            arrivals.embedded(library, changes, entry)
        case MediaTotals():
            arrivals.totals(library, changes, entry)
        case MediaRemoved():
            arrivals.removed(library, changes, entry)
        case FeedbackSubmitted():
            corrections.submit(library, changes, entry)
        case PolicyChanged():
            change_policy(library, changes, entry.policy, entry.parameters)
        case EntrySkipped():
            arrivals.passed_over(library, changes, entry)
        case ConsolidationRequested():
            _consolidate(library, changes, entry.budget_operations)
        case ProfileImported():
            take_in(library, entry)
        case AdapterChanged() | GenerationPromoted():
            raise InvalidEvent(f"this version knows no {entry.type}: it has one generation and the identity adapter")
        case _:
            assert_never(entry)


def _consolidate_a_slice(library: Library, changes: Changes) -> None:
    """Background work goes on behind each entry, so that it is a function of the log."""
    due = [kind for kind in KINDS if kind in library.spaces and library.spaces[kind].rules.due()]
    for kind in due:
        library.spaces[kind].rules.consolidate(library, changes, SLICE_OPERATIONS // len(due))
    if "face" in due and not library.spaces["face"].rules.due():
        bring_up_to_date(library)
    look_at_faces(library, changes, SLICE_OPERATIONS // 4)


def _consolidate(library: Library, changes: Changes, operations: int | None) -> None:
    """All that is left, or as much as the operations allow; scenes first. What they leave is asked for again by the
    owner, and is done meanwhile behind what arrives.
    """
    spaces = [library.spaces[kind] for kind in KINDS if kind in library.spaces]
    if operations is not None and not library.settling:
        library.cells.request()
        for space in spaces:
            space.rules.request()
    for space in spaces:
        share = None if operations is None else max(1, operations // len(spaces))
        space.rules.consolidate(library, changes, share)
    left = operations is not None and any(space.rules.due() for space in spaces)
    if not left:
        bring_up_to_date(library)
    look_at_faces(library, changes, operations)
    library.settling = left or (operations is not None and library.cells.is_left())
    if not library.settling:
        library.settled_n = library.n


def told_again(library: Library, entry: LogEntry) -> Changes:
    """The current records of everything an entry names: the answer to a duplicate."""
    changes = Changes()
    match entry:
        case ItemsEmbedded() | MediaTotals() | MediaRemoved():
            media = library.media.get(MediaId(entry.media_id))
            if media is not None and media.status is not None:
                changes.statuses[media.media_id] = media.status
            if media is not None and isinstance(entry, ItemsEmbedded):
                for embedded_frame in entry.frames:
                    frame = _known_as(library, media, embedded_frame)
                    for item_id in frame.items if frame else ():
                        _again(library, changes, library.items[item_id])
        case FeedbackSubmitted():
            state = library.feedback.get(entry.feedback.feedback_id)
            for item_id in state.applied if state else ():
                item = library.items.get(ItemId(item_id))
                if item is not None:
                    _again(library, changes, item)
        case _:
            pass
    return changes


def _known_as(library: Library, media: MediaState, embedded_frame: EmbeddedFrame) -> Frame | None:
    """The frame as the library knows it: where it was recognised as one of older bytes, that one."""
    known = library.frames.get(FrameId(embedded_frame.frame_id))
    if known is not None:
        return known
    near = media.frames.near(embedded_frame.stream, embedded_frame.time_us, half_a_frame_us(media))
    nearest = min(near, key=lambda found: found[1], default=None)
    return library.frames[nearest[0]] if nearest is not None else None


def _again(library: Library, changes: Changes, item: Item) -> None:
    told = item.record
    if told is not None:
        changes.items[item.item_id] = told
    if item.cluster_id is not None:
        record = library.clusters[item.cluster_id].record
        if record is not None:
            changes.clusters[item.cluster_id] = record
