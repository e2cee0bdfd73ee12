"""Stage `feedback`: checks form and tenant of what people say, and appends it to the library's log.

Existence, staleness and contradiction are decided by the library's owner, at the correction's place in the log.
"""

from collections.abc import Iterator, Sequence

from rushes.schemas.channels import Channel
from rushes.schemas.errors import InvalidFeedback
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.ids import LibraryId, entry_id
from rushes.schemas.log import FeedbackSubmitted
from rushes.streams.stage import Incoming, NoHooks, Outcome, Output


def submitted(given: FeedbackGiven) -> FeedbackSubmitted:
    """The log entry of a correction; the same feedback_id is the same entry."""
    library_id = LibraryId(given.library_id)
    return FeedbackSubmitted(
        library_id=library_id,
        entry_id=entry_id(library_id, "FeedbackSubmitted", given.feedback_id),
        feedback=given,
    )


class FeedbackStage(NoHooks):
    """From `FeedbackGiven` to `FeedbackSubmitted`."""

    name = "feedback"
    accepts = (FeedbackGiven,)

    def process(self, batch: Sequence[Incoming[FeedbackGiven]]) -> Iterator[Outcome[FeedbackGiven]]:
        """One entry each, in order."""
        for incoming in batch:
            key = incoming.record.key
            if key is not None and key.decode("utf-8", "replace") != incoming.event.library_id:
                yield Outcome(
                    incoming,
                    error=InvalidFeedback(
                        f"the record's key must be the library id {incoming.event.library_id!r}, found {key!r}"
                    ),
                )
                continue
            entry = submitted(incoming.event)
            output = Output(Channel.LIBRARY_LOG, entry, entry.key, incoming.event_id)
            yield Outcome(incoming, (output,))
