"""People's corrections carried out: move, confirm, reject, undo.

The owner decides existence, staleness and contradiction at the correction's place in the log. A correction of an item
that is still on its way waits, by its anchor or id, until that media is complete.
"""

from collections.abc import Iterable
from typing import NoReturn

from rushes.processors.clustering.finding import find, half_a_frame_us, may_come, name_of
from rushes.processors.clustering.human import WORD
from rushes.processors.clustering.items import Changes, FeedbackState, Item, MediaState, Refusal
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.settling import Correction, check, check_apart, decide_by_person, kind_of
from rushes.schemas.decisions import Decision
from rushes.schemas.errors import InvalidFeedback
from rushes.schemas.feedback import Confirm, Hide, ItemRef, Merge, Move, Reject, Rename, Split, Undo
from rushes.schemas.ids import ClusterId, ItemId, MediaId
from rushes.schemas.log import FeedbackSubmitted
from rushes.schemas.revision import Revision


def submit(library: Library, changes: Changes, entry: FeedbackSubmitted) -> None:
    """Carry a correction out, let it wait, or refuse it with a reason."""
    given = entry.feedback
    if given.feedback_id in library.feedback:
        return
    state = FeedbackState(entry, Revision(n=library.n, k=0))
    try:
        match given.change:
            case Move() | Confirm() | Reject():
                _correct(library, changes, state, given.change)
            case Undo(feedback_id=name):
                _undo(library, changes, state, name)
            case Merge() | Split() | Rename() | Hide():
                _refuse(f"this version carries out move, confirm, reject and undo; {given.change.action} comes later")
    except InvalidFeedback as error:
        changes.refusals[entry.entry_id] = Refusal(entry, error.code, str(error))


def carry_out_waiting(library: Library, changes: Changes, media: MediaState, arrived: Iterable[Item]) -> None:
    """Apply what waited for the items that have come."""
    if not library.waiting:
        return
    for item in arrived:
        frame = library.frames[item.frame_id]
        tolerance_us = half_a_frame_us(media)
        for state, ref in library.waiting.for_item(
            item.item_id, media.media_id, frame.stream, frame.time_us, tolerance_us
        ):
            _come(library, changes, state, ref)


def refuse_waiting(library: Library, changes: Changes, media_id: MediaId) -> None:
    """The media is complete: what still waits for an item of it will never find one. What is undone waits on, for it
    may be brought back.
    """
    if not library.waiting:
        return
    hopeless = library.waiting.for_media(media_id)
    if not library.incomplete:
        hopeless += library.waiting.by_id_alone()
    for state, ref in hopeless:
        _come(library, changes, state, ref)
        if state.live and ref in state.waiting:
            _give_up(library, changes, state, ref)


def _refuse(reason: str) -> NoReturn:
    raise InvalidFeedback(reason)


def _correct(library: Library, changes: Changes, state: FeedbackState, change: Correction) -> None:
    """Everything is checked before anything is done, so that a correction is refused as a whole."""
    found = _gather(library, state, change)
    kinds = {item.kind for item in found} | {ref.anchor.kind for ref in state.waiting if ref.anchor}
    if len(kinds) > 1:
        raise InvalidFeedback(f"items of one kind are corrected together, found {sorted(kinds)}")
    named = change.to_cluster_id if isinstance(change, Move) else change.cluster_id
    kind = kind_of(library, ClusterId(named)) if named is not None else None
    if named is not None and kind is None:
        raise InvalidFeedback(f"no cluster {named} in library {library.library_id}")
    if kinds and kind is not None and kinds != {kind}:
        raise InvalidFeedback(f"cluster {named} is of kind {kind}, the items are {sorted(kinds)}")
    for item in found:
        check(library, state, item)
        check_apart(state, item, found)
    library.feedback[state.entry.feedback.feedback_id] = state
    library.waiting.add(state)
    for item in found:
        decide_by_person(library, changes, state, item)


def _gather(library: Library, state: FeedbackState, change: Correction) -> list[Item]:
    """The items named, as far as they are known; the others wait, or the whole is refused."""
    found: dict[ItemId, Item] = {}
    for ref in dict.fromkeys(change.items):
        item = find(library, ref)
        if item is not None:
            found[item.item_id] = item
        elif may_come(library, ref):
            state.waiting.append(ref)
        else:
            raise InvalidFeedback(f"no such item in library {library.library_id}: {name_of(ref)}")
    return list(found.values())


def _come(library: Library, changes: Changes, state: FeedbackState, ref: ItemRef) -> None:
    """Apply a correction to an item that it waited for, if that has come. What is undone waits on."""
    item = find(library, ref) if state.live else None
    if item is None:
        return
    library.waiting.done(state, ref)
    if item.item_id in state.applied:
        return
    try:
        check(library, state, item)
        check_apart(state, item, [library.items[other] for other in state.applied if other in library.items])
    except InvalidFeedback as error:
        changes.refusals[state.entry.entry_id] = Refusal(state.entry, error.code, str(error))
    else:
        decide_by_person(library, changes, state, item)


def _give_up(library: Library, changes: Changes, state: FeedbackState, ref: ItemRef) -> None:
    library.waiting.done(state, ref)
    reason = f"the media is complete and has no such item: {name_of(ref)}"
    known = changes.refusals.get(state.entry.entry_id)
    if known is not None:
        reason = f"{known.reason}; {name_of(ref)}"
    changes.refusals[state.entry.entry_id] = Refusal(state.entry, InvalidFeedback.code, reason)


def _undo(library: Library, changes: Changes, state: FeedbackState, name: str) -> None:
    undone = library.feedback.get(name)
    if undone is None:
        raise InvalidFeedback(f"no feedback {name} to undo in library {library.library_id}")
    if not undone.live:
        raise InvalidFeedback(f"feedback {name} is undone already; undo its undo to bring it back")
    library.feedback[state.entry.feedback.feedback_id] = state
    undone.live = False
    while isinstance(undone.entry.feedback.change, Undo):
        live = undone.live
        undone = library.feedback[undone.entry.feedback.change.feedback_id]
        undone.live = not live
    _settle_again(library, changes, undone)


def _settle_again(library: Library, changes: Changes, state: FeedbackState) -> None:
    """A correction was taken back, or brought back: settle the items that it was about."""
    name, action = state.entry.feedback.feedback_id, state.entry.feedback.change.action
    word: Decision = WORD[action] if state.live else "undone"
    for item_id in state.applied:
        item = library.items.get(item_id)
        # an item that was removed and came back under its id knows nothing of what was said before
        if item is not None and any(decision.feedback_id == name for decision in item.human):
            changes.anchors.add(item.media_id)
            library.spaces[item.kind].rules.settle(library, changes, item, word)
    if state.live:
        for ref in list(state.waiting):
            _come(library, changes, state, ref)
        for ref in list(state.waiting):
            if not may_come(library, ref):
                _give_up(library, changes, state, ref)
