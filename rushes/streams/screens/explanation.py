"""`rushes explain` in words."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from pydantic import JsonValue

from rushes.processors.clustering.explaining import Alternative, Explanation
from rushes.streams.screens.wording import counted, likelihood

_WHAT: Final = {"scene": "scene", "face": "character", "person": "body", "region": "region"}
_OBSTACLES: Final = {
    "same-picture": "another thing of the same picture is there",
    "rejected": "somebody said that it is not of that one",
    "pinned": "somebody put it where it is",
    "tracklet": "its tracklet is elsewhere",
}


def lines_of(told: Explanation, path: str | None = None) -> Iterator[str]:
    """The explanation, line by line. `path`: of the media, where that is known."""
    record = told.record
    at = "" if record.time_us is None else f" at {record.time_us / 1e6:.2f} s"
    yield f"{record.kind} {record.item_id} of {path or record.media_id}{at}"
    if record.cluster_id is not None:
        yield f"is in {_WHAT[record.kind]} {record.cluster_id} with {counted(told.size - 1, 'other', 'others')}"
    else:
        yield f"waits in no {_WHAT[record.kind]} (it would found {record.provisional_id})"
    yield f"because {record.reason or record.decision}."
    yield from _figures(told)
    if told.together > 1:
        yield f"It is one of {told.together} items of a tracklet, which stay together."
    for word in told.words:
        yield f"Correction in force: {word.action}, {word.feedback_id}, about {word.cluster_id[:8]}."
    if told.scene is not None:
        others = ", ".join(name[:8] for name in told.others)
        yield f"It is seen in scene {told.scene[:8]}" + (f", as are the characters {others}." if others else ".")
    if told.alternatives:
        yield "Nearest now:"
        yield from (f"  {_near(one)}" for one in told.alternatives)
    for one in told.proposals:
        likely = "" if one.probability is None else f" with probability {likelihood(one.probability)}"
        yield f"Its {_WHAT[record.kind]} may be one with {one.cluster_id[:8]}{likely}: worth a look."
    yield "What would change it:"
    yield from (f"  - {change}" for change in told.changes)


def json_of(told: Explanation) -> str:
    """The same as one JSON object."""
    value: dict[str, JsonValue] = {
        **asdict(told),
        "record": told.record.model_dump(mode="json"),
        "thresholds": None if told.thresholds is None else told.thresholds.model_dump(mode="json"),
        "proposals": [one.model_dump(mode="json") for one in told.proposals],
    }
    return json.dumps(value)


def _figures(told: Explanation) -> Iterator[str]:
    record = told.record
    if record.similarity is not None and record.thresholds is not None:
        join = record.thresholds.join
        margin = "" if record.margin is None else f", {record.margin:+.2f} against the next"
        yield f"Its likeness was {record.similarity:.2f}, held against {join:.2f}{margin}."
    now, then = told.thresholds, record.thresholds
    if now is not None and then is not None and f"{now.join:.2f}" != f"{then.join:.2f}":
        unsure = "" if now.uncertainty is None else f" (give or take {now.uncertainty:.2f})"
        yield f"By now things join from {now.join:.2f}{unsure}."
    if record.company is not None:
        company = record.company
        yield (
            f"Its body, of cluster {company.body_cluster_id[:8]}, is that of {counted(company.faces, 'face', 'faces')} "
            f"of this character in the scene on that day, such as {company.witness_item_id[:8]}: all in all likely by "
            f"{company.probability:.0%}."
        )
    if record.pinned:
        yield "A person's word holds it there: nothing else moves it."


def _near(one: Alternative) -> str:
    likely = "" if one.probability is None else f", probability {likelihood(one.probability)}"
    note = "it is here" if one.here else _OBSTACLES.get(one.obstacle or "", "")
    what = f"{one.cluster_id[:8]}  {counted(one.size, 'item', 'items')}, likeness {one.similarity:.2f}{likely}"
    return f"{what}; {note}" if note else what
