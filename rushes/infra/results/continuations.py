"""Recordings in several files whose names say nothing of it, told by time code, reel and clock.

Cameras that count time code only while they record go on in every take where the last one ended, on the same reel. So
a time code that goes on says nothing by itself: the clock has to go on as well.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from rushes.infra.results.timecode import FrameCodes
from rushes.schemas.ids import LibraryId, span_id
from rushes.schemas.media import MediaFacts, Span

CLOCK_SLACK: Final = timedelta(seconds=1.5)
"""Containers state whole seconds, and some round up; nobody begins another take so soon."""


def with_continuations(library_id: LibraryId, films: Mapping[str, MediaFacts]) -> dict[str, MediaFacts]:
    """The same films by media id, with a `span` where one goes on in another and no name told of it.

    A film goes on in another of the same reel, camera and format that begins with the very next time code, and by the
    clock when the first one ends. Where two could be meant, none is.
    """
    starts: dict[tuple[object, ...], list[str]] = {}
    comparable = [media_id for media_id in sorted(films) if _comparable(films[media_id])]
    for media_id in comparable:
        starts.setdefault((*_format(films[media_id]), FrameCodes(films[media_id]).number(0)), []).append(media_id)
    after: dict[str, str] = {}
    claims: Counter[str] = Counter()
    for media_id in comparable:
        facts = films[media_id]
        next_frame = FrameCodes(facts).number(facts.duration_us or 0)
        others = [
            other
            for other in starts.get((*_format(facts), next_frame), [])
            if other != media_id and _at_its_end(facts, films[other])
        ]
        claims.update(others)
        if len(others) == 1:
            after[media_id] = others[0]
    after = {media_id: other for media_id, other in after.items() if claims[other] == 1}
    result = dict(films)
    for first in sorted(after.keys() - set(after.values())):
        chain = [first]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        reel = films[first].reel or ""
        name = span_id(library_id, f"reel {reel}", first)
        for index, media_id in enumerate(chain, 1):
            span = Span(span_id=name, name=reel, index=index)
            result[media_id] = films[media_id].model_copy(update={"span": span})
    return result


def _comparable(facts: MediaFacts) -> bool:
    known = facts.reel and facts.duration_us and facts.captured_at and FrameCodes(facts).known
    return bool(known) and facts.span is None


def _at_its_end(facts: MediaFacts, other: MediaFacts) -> bool:
    """Whether the other begins when this one ends, by the clock."""
    if facts.captured_at is None or other.captured_at is None or facts.duration_us is None:
        return False
    ends = facts.captured_at + timedelta(microseconds=facts.duration_us)
    return abs(other.captured_at - ends) <= CLOCK_SLACK


def _format(facts: MediaFacts) -> tuple[object, ...]:
    drop = facts.timecode.drop_frame if facts.timecode else None
    return (
        facts.reel, facts.camera, facts.container, facts.codec, facts.width, facts.height, facts.rotation_degrees,
        facts.frame_rate, drop, facts.captured_at.tzinfo is None if facts.captured_at else None,
    )  # fmt: skip
