"""`rushes identify` in words and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rushes.processors.clustering.identifying import Candidate
from rushes.streams.identifying import Found
from rushes.streams.screens.wording import counted, likelihood

_WHAT: Final = {"scene": "scene", "face": "character", "person": "body", "region": "region"}


def lines_of(found: Sequence[Found]) -> Iterator[str]:
    """One line for each find of a photo; of a film, one for each cluster that its finds may be, most finds first."""
    if not found:
        yield "Nothing was found in it."
        return
    if len({one.time_us for one in found}) == 1:
        for one in found:
            yield f"{one.kind}{_place(one)}: {_chances(one.candidates)}"
        return
    groups: dict[tuple[str, str | None], list[Found]] = {}
    for one in found:
        groups.setdefault((one.kind, one.candidates[0].cluster_id), []).append(one)
    for (kind, _), finds in sorted(groups.items(), key=lambda group: (group[0][0], -len(group[1]))):
        clearest = max(finds, key=lambda one: _certainty(one.candidates[0]))
        times = ", ".join(f"{(one.time_us or 0) / 1e6:.1f}" for one in finds[:8]) + (" ..." if len(finds) > 8 else "")
        yield f"{kind}, {counted(len(finds), 'time', 'times')} (at {times} s): {_chances(clearest.candidates)}"


def json_of(file: Path, library_id: str, found: Sequence[Found]) -> str:
    """One JSON object; of each find the candidates, most probable first, `cluster_id` null for unknown."""
    return json.dumps({"file": str(file), "library_id": library_id, "found": [asdict(one) for one in found]})


def _place(one: Found) -> str:
    return "" if one.box is None else f" at {one.box[0]:.0%}, {one.box[1]:.0%}"


def _chances(candidates: Sequence[Candidate]) -> str:
    return "; ".join(_chance(one) for one in candidates)


def _chance(one: Candidate) -> str:
    likely = "" if one.probability is None else f" {likelihood(one.probability)}"
    if one.cluster_id is None:
        return f"unknown{likely}"
    name = one.cluster_id[:8] if one.name is None else f"{one.name} ({one.cluster_id[:8]})"
    return f"{name}{likely} (likeness {one.similarity:.2f}, {counted(one.size, 'item', 'items')})"


def _certainty(one: Candidate) -> float:
    certain = one.similarity if one.probability is None else one.probability
    return certain if certain is not None else 0.0
