"""People's corrections carried out: move, confirm, reject, undo.

The owner decides existence, staleness and contradiction at the correction's place in the log. A correction of an item
that is still on its way waits, by its anchor or id, until that media is complete.
"""

from collections.abc import Iterator
from typing import Final, NoReturn

from rushes.processors.clustering.deciding import decide, occupied, promote
from rushes.processors.clustering.human import effective, live, newer_than
from rushes.processors.clustering.items import Changes, FeedbackState, Frame, HumanDecision, Item, MediaState, Refusal
from rushes.processors.clustering.library import Library, Why
from rushes.processors.clustering.registry import WHOLE, iou
from rushes.processors.clustering.scoring import Score
from rushes.schemas.decisions import Decision
from rushes.schemas.errors import InvalidFeedback
from rushes.schemas.event import ItemKind
from rushes.schemas.feedback import Anchor, Confirm, Hide, ItemRef, Merge, Move, Reject, Rename, Split, Undo
from rushes.schemas.ids import ClusterId, FrameId, ItemId, MediaId, cluster_id
from rushes.schemas.log import FeedbackSubmitted
from rushes.schemas.revision import Revision

ANCHOR_IOU: Final = 0.5
"""A person's box names the item it overlaps by this much or more."""

DEFAULT_FRAME_US: Final = 40_000
"""Frame duration assumed where a film's is not known yet: 25 frames a second."""

WORD: Final[dict[str, Decision]] = {"move": "moved", "confirm": "confirmed", "reject": "rejected"}


def submit(library: Library, changes: Changes, entry: FeedbackSubmitted) -> None:
    """Carry a correction out, let it wait, or refuse it with a reason."""
    given = entry.feedback
    if given.feedback_id in library.feedback:
        return
    revision = Revision(n=library.n, k=0)
    state = FeedbackState(entry, revision)
    try:
        match given.change:
            case Move() | Confirm() | Reject():
                _correct(library, changes, state, given.change)
            case Undo(feedback_id=name):
                _undo(library, changes, state, name)
            case Merge() | Split() | Rename() | Hide():
                _refuse(f"this version carries out move, confirm, reject and undo; {given.change.action} comes later")
    except InvalidFeedback as error:
        library.feedback.pop(given.feedback_id, None)
        changes.refusals[entry.entry_id] = Refusal(entry, error.code, str(error))


def _refuse(reason: str) -> NoReturn:
    raise InvalidFeedback(reason)


def find(library: Library, ref: ItemRef) -> Item | None:
    """The item a person means: by id, else by media, time and box. None where it is not known (yet)."""
    if ref.item_id is not None:
        item = library.items.get(ItemId(ref.item_id))
        if item is not None:
            return item
    anchor = ref.anchor
    if anchor is None:
        return None
    media = library.media.get(MediaId(anchor.media_id))
    if media is None:
        return None
    best: tuple[float, int, int] | None = None
    meant: Item | None = None
    for frame, distance in _frames_at(library, media, anchor):
        for item_id, kind in frame.items.items():
            item = library.items[item_id]
            overlap = iou(item.box or WHOLE, anchor.box or WHOLE)
            rank = (-overlap, distance, item.age)
            if kind == anchor.kind and overlap >= ANCHOR_IOU and (best is None or rank < best):
                best, meant = rank, item
    return meant


def _frames_at(library: Library, media: MediaState, anchor: Anchor) -> Iterator[tuple[Frame, int]]:
    """Frames of the media within half a frame of the anchor's time, and how far off (microseconds)."""
    tolerance = (media.frame_duration_us or DEFAULT_FRAME_US) // 2
    for frame_id in media.frames:
        frame = library.frames[frame_id]
        if frame.stream == anchor.stream and (frame.time_us is None) == (anchor.time_us is None):
            distance = abs((frame.time_us or 0) - (anchor.time_us or 0))
            if distance <= tolerance:
                yield frame, distance


def carry_out_waiting(library: Library, changes: Changes, media_id: MediaId) -> None:
    """Apply what waited for items of this media (or of no media by name), as far as they have come."""
    for name, state in list(library.waiting.items()):
        if not state.live:
            continue
        for ref in [ref for ref in state.waiting if ref.anchor is None or ref.anchor.media_id == media_id]:
            item = find(library, ref)
            if item is None:
                continue
            state.waiting.remove(ref)
            try:
                _decide_by_person(library, changes, state, item)
            except InvalidFeedback as error:
                changes.refusals[state.entry.entry_id] = Refusal(state.entry, error.code, str(error))
        if not state.waiting:
            del library.waiting[name]


def refuse_waiting(library: Library, changes: Changes, media_id: MediaId) -> None:
    """The media is complete: what still waits for an item of it will never find one."""
    nothing_more = all(media.complete for media in library.media.values())
    for name, state in list(library.waiting.items()):
        hopeless = [
            ref
            for ref in state.waiting
            if (ref.anchor is not None and ref.anchor.media_id == media_id) or (ref.anchor is None and nothing_more)
        ]
        if hopeless:
            state.waiting = [ref for ref in state.waiting if ref not in hopeless]
            names = ", ".join(_name(ref) for ref in hopeless)
            changes.refusals[state.entry.entry_id] = Refusal(
                state.entry, InvalidFeedback.code, f"the media is complete and has no such item: {names}"
            )
        if not state.waiting:
            del library.waiting[name]


def release(library: Library, changes: Changes, item: Item, word: Decision) -> None:
    """Settle an item anew after what people said of it changed: pinned where they say, else where it was, else by
    policy. Whoever is in its way in the same frame gives way.
    """
    said = effective(library, item)
    previous = item.cluster_id
    scores = library.spaces[item.kind].clusters.scores(item.vector64(), 2.0, 3)
    back = item.machine_cluster_id
    target = said.pinned
    if target is None and item.cluster_id is not None and item.cluster_id not in said.rejected and word != "undone":
        target = item.cluster_id
    if target is None and word == "undone" and back is not None and back in library.clusters:
        free = back not in said.rejected and back not in occupied(library, item)
        target = back if free else None
    if target is None:
        library.take_out(item)
        decide(library, changes, [item], said=word)
        return
    if target != item.cluster_id:
        library.place(item, target)
    why = Why(word, _similarity(scores, target), scores=scores)
    library.tell(changes, item, why, previous, pinned=said.pinned is not None)
    if item.kind != "scene" and said.pinned is not None:
        _displace(library, changes, item, target)


def _correct(library: Library, changes: Changes, state: FeedbackState, change: Move | Confirm | Reject) -> None:
    found = _gather(library, state, change)
    kinds = {item.kind for item in found} | {ref.anchor.kind for ref in state.waiting if ref.anchor}
    if len(kinds) > 1:
        raise InvalidFeedback(f"items of one kind are corrected together, found {sorted(kinds)}")
    _check_target(library, change, kinds)
    if isinstance(change, Confirm) and change.cluster_id is None:
        unplaced = [item.item_id for item in found if item.cluster_id is None]
        if unplaced:
            raise InvalidFeedback(f"items {unplaced} are in no cluster, so there is nothing to confirm: move them")
    name = state.entry.feedback.feedback_id
    library.feedback[name] = state
    if state.waiting:
        library.waiting[name] = state
    for item in found:
        _decide_by_person(library, changes, state, item)


def _gather(library: Library, state: FeedbackState, change: Move | Confirm | Reject) -> list[Item]:
    """The items named, as far as they are known; the others wait, or the whole is refused."""
    based_on = state.entry.feedback.based_on_revision
    found: dict[ItemId, Item] = {}
    for ref in change.items:
        item = find(library, ref)
        if item is not None:
            found[item.item_id] = item
        elif _may_come(library, ref):
            state.waiting.append(ref)
        else:
            raise InvalidFeedback(f"no such item in library {library.library_id}: {_name(ref)}")
    for item in found.values():
        stale = newer_than(library, item, based_on)
        if stale is not None:
            raise InvalidFeedback(
                f"stale: item {item.item_id} was corrected by {stale.feedback_id} at entry {stale.revision.n}, after "
                f"entry {based_on.n if based_on else 0} that this correction was based on: look again, then correct"
            )
    return list(found.values())


def _check_target(library: Library, change: Move | Confirm | Reject, kinds: set[ItemKind]) -> None:
    named = change.to_cluster_id if isinstance(change, Move) else change.cluster_id
    if named is None:
        return
    cluster = library.clusters.get(ClusterId(named))
    kind = cluster.kind if cluster else next((i.kind for i in _in_noise(library, ClusterId(named))), None)
    if kind is None:
        raise InvalidFeedback(f"no cluster {named} in library {library.library_id}")
    if kinds and kinds != {kind}:
        raise InvalidFeedback(f"cluster {named} is of kind {kind}, the items are {sorted(kinds)}")


def _decide_by_person(library: Library, changes: Changes, state: FeedbackState, item: Item) -> None:
    """Carry the correction out on one item. Where it waited, the entry at hand is the one that brought the item, and
    the feedback is the cause all the same.
    """
    outer = library.entry_cause()
    library.cause = outer.model_copy(update={"feedback_id": state.entry.feedback.feedback_id})
    try:
        _pin_or_reject(library, changes, state, item)
    finally:
        library.cause = outer


def _pin_or_reject(library: Library, changes: Changes, state: FeedbackState, item: Item) -> None:
    change = state.entry.feedback.change
    if isinstance(change, Move) and change.to_cluster_id is None and state.target is None:
        state.target = cluster_id(library.library_id, item.kind, item.item_id, library.entry_id())
    target = _target(state, change, item)
    if isinstance(change, Reject):
        pass
    elif target not in library.clusters:
        for waiting in _in_noise(library, target):
            if waiting is not item:
                promote(library, changes, waiting, None, None)
    decision = HumanDecision(state.entry.feedback.feedback_id, change.action, target, state.revision)
    item.human.append(decision)
    item.human.sort(key=lambda one: (one.revision.n, one.revision.k))
    state.applied.append(item.item_id)
    changes.anchors.add(item.media_id)
    release(library, changes, item, WORD[change.action])


def _target(state: FeedbackState, change: object, item: Item) -> ClusterId:
    match change:
        case Move(to_cluster_id=named):
            target = ClusterId(named) if named else state.target
        case Confirm(cluster_id=named):
            target = ClusterId(named) if named else item.cluster_id
        case Reject(cluster_id=named):
            target = ClusterId(named)
        case _:
            target = None
    if target is None:
        raise InvalidFeedback(f"item {item.item_id} is in no cluster, so there is nothing to confirm: move it")
    return target


def _undo(library: Library, changes: Changes, state: FeedbackState, name: str) -> None:
    undone = library.feedback.get(name)
    if undone is None:
        raise InvalidFeedback(f"no feedback {name} to undo in library {library.library_id}")
    if not undone.live:
        raise InvalidFeedback(f"feedback {name} is undone already; undo its undo to bring it back")
    library.feedback[state.entry.feedback.feedback_id] = state
    _set_live(library, changes, undone, live_now=False)


def _set_live(library: Library, changes: Changes, state: FeedbackState, *, live_now: bool) -> None:
    state.live = live_now
    change = state.entry.feedback.change
    if isinstance(change, Undo):
        _set_live(library, changes, library.feedback[change.feedback_id], live_now=not live_now)
        return
    word: Decision = WORD[change.action] if live_now else "undone"
    for item_id in state.applied:
        item = library.items.get(item_id)
        if item is not None:
            changes.anchors.add(item.media_id)
            release(library, changes, item, word)


def _displace(library: Library, changes: Changes, item: Item, target: ClusterId) -> None:
    frame = library.frames[item.frame_id]
    for other_id in list(frame.items):
        other = library.items[other_id]
        if other is item or other.kind != item.kind or other.cluster_id != target:
            continue
        if effective(library, other).pinned is None:
            library.take_out(other)
            decide(library, changes, [other], said="displaced")


def _may_come(library: Library, ref: ItemRef) -> bool:
    if ref.anchor is None:
        return any(not media.complete for media in library.media.values())
    media = library.media.get(MediaId(ref.anchor.media_id))
    return media is None or not media.complete


def _in_noise(library: Library, provisional: ClusterId) -> list[Item]:
    return [item for item in library.items.values() if item.provisional_id == provisional]


def _similarity(scores: list[Score], target: ClusterId) -> float | None:
    return next((score.similarity for score in scores if score.key == target), None)


def _name(ref: ItemRef) -> str:
    if ref.item_id is not None:
        return ref.item_id
    anchor = ref.anchor
    return f"{anchor.kind} in {anchor.media_id} at {anchor.time_us} us, box {anchor.box}" if anchor else "?"


def anchored_frames(library: Library, media_id: MediaId) -> list[FrameId]:
    """Frames of a media in which an item bears a live human decision: every later split emits them again."""
    media = library.media.get(media_id)
    if media is None:
        return []
    return [
        frame_id
        for frame_id in media.frames
        if any(live(library, library.items[item_id]) for item_id in library.frames[frame_id].items)
    ]
