"""Why an item is where it is, in one sentence for a person."""

from typing import Final

from rushes.processors.clustering.why import Why
from rushes.schemas.decisions import Company, Decision

_BY_PERSON: Final[dict[Decision, str]] = {
    "moved": "somebody moved it",
    "promoted": "somebody named the cluster that it waited to found",
    "confirmed": "somebody confirmed it",
    "rejected": "somebody said that it is not of the cluster it was in",
    "undone": "a correction was taken back",
    "displaced": "somebody put another thing of the same picture there, and two things of one picture are not one",
}
_BY_MACHINE: Final[dict[Decision, str]] = {
    "joined": "it is like what is in the cluster",
    "promoted": "it and another that waited are alike enough to be one",
    "merged": "its cluster and this one are one, by all there is now",
    "split": "its cluster had become too wide, and this part of it is a thing of its own",
    "moved": "it fits better here, by all there is now",
    "founded": "it is like nothing that is known",
    "noise": "it is not like any cluster enough to be sure",
}
_POOR: Final = "it is too poor to be sure of, and not enough like any cluster"
_TRACKLET: Final = "it is one with others of its tracklet, as seen from frame to frame"
_GONE: Final[dict[Decision, str]] = {
    "retired": "its media has newer bytes that no longer show it",
    "removed": "its media was deleted",
}


def _by_body(company: Company, similarity: float | None) -> str:
    faces = "another face" if company.faces == 1 else f"{company.faces} other faces"
    alone = "" if similarity is None else f", the face alone is like it by {similarity:.2f}"
    return (
        f"it has the same body as {faces} of the character in this scene on this day (likely by "
        f"{company.probability:.0%}: bodies told apart by {company.certainty:.0%}, faces of one body here one "
        f"character by {company.agreement:.0%}{alone})"
    )


def in_words(why: Why) -> str | None:
    """The reason that a record gives; None where the decision has none of its own."""
    if why.decision in _GONE:
        return _GONE[why.decision]
    if why.basis == "tracklet" or why.company is not None:
        return _TRACKLET if why.company is None else _by_body(why.company, why.similarity)
    if why.basis == "person" or why.decision not in _BY_MACHINE:
        return _BY_PERSON.get(why.decision, "somebody said so")
    if why.basis is None and why.decision == "moved":
        return _BY_PERSON["moved"]
    reason = _POOR if why.decision == "noise" and why.poor else _BY_MACHINE[why.decision]
    if why.similarity is None:
        return reason
    threshold = "" if why.thresholds is None else f", joins from {why.thresholds.join:.2f}"
    return f"{reason} (likeness {why.similarity:.2f}{threshold})"
