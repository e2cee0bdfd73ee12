"""`rushes calibration show` in words: thresholds, the two distributions as bars, and what would merge next."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from rushes.processors.clustering.profiles import NextMerge
from rushes.schemas.decisions import Thresholds
from rushes.schemas.profile import BINS, Profile
from rushes.streams.screens.wording import likelihood

BAR: Final = 30
"""Characters of the longest bar."""


def lines_of(profile: Profile, thresholds: Thresholds, merges: Sequence[NextMerge]) -> Iterator[str]:
    """One kind, line by line."""
    yield f"{profile.kind}  {profile.model_id}"
    source = f", learnt from {thresholds.source}" if thresholds.source else ""
    yield f"  joins from {profile.join:.2f}, give or take {profile.uncertainty:.2f}{source}"
    yield f"  within a cluster {_spread(profile, same=True)}; of two clusters {_spread(profile, same=False)}"
    yield from (f"  {line}" for line in _bars(profile))
    if merges:
        yield "  would merge next:"
    for one in merges:
        likely = "" if one.probability is None else f", probability {likelihood(one.probability)}"
        yield f"    {one.one[:8]} and {one.other[:8]}: likeness {one.similarity:.2f}{likely}"


def json_of(profile: Profile, thresholds: Thresholds, merges: Sequence[NextMerge]) -> JsonValue:
    """The same as JSON."""
    return {
        "profile": profile.model_dump(mode="json"),
        "thresholds": thresholds.model_dump(mode="json"),
        "next_merges": [
            {"clusters": [one.one, one.other], "similarity": one.similarity, "probability": one.probability}
            for one in merges
        ],
    }


def _spread(profile: Profile, *, same: bool) -> str:
    spread = profile.same if same else profile.different
    return f"{spread.mean:.2f} ± {spread.std:.2f} ({spread.count:,} pairs)" if spread.count else "no pairs"


def _bars(profile: Profile) -> Iterator[str]:
    """A row for each bin that holds anything: `#` within a cluster, `.` of two; the threshold between the rows."""
    same, different = profile.same, profile.different
    shares = [
        (same.histogram[at] / max(same.count, 1), different.histogram[at] / max(different.count, 1))
        for at in range(BINS)
    ]
    most = max((max(pair) for pair in shares), default=0.0)
    filled = [at for at, pair in enumerate(shares) if any(pair)]
    if not filled or not most:
        return
    marked = False
    for at in range(filled[0], filled[-1] + 1):
        low = -1 + 2 * at / BINS
        if not marked and low >= profile.join:
            marked = True
            yield f"{'':>5} {'-' * BAR} joins from {profile.join:.2f}"
        one, other = (round(BAR * share / most) for share in shares[at])
        yield f"{low:>5.2f} {'#' * one}{'.' * other}"
