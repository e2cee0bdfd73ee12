"""The shots of one film as documents for other tools: JSON, CSV as PySceneDetect's scene list, EDL (CMX 3600)."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from pydantic import JsonValue

from rushes.infra.media.messages import FilmEnded, ShotFound
from rushes.infra.results.timecode import FrameCodes
from rushes.schemas.media import MediaFacts

CSV_COLUMNS: Final = (
    "Scene Number", "Start Frame", "Start Timecode", "Start Time (seconds)", "End Frame", "End Timecode",
    "End Time (seconds)", "Length (frames)", "Length (timecode)", "Length (seconds)", "Transition", "Dynamic",
    "Keyframes",
)  # fmt: skip
"""The first ten are those of PySceneDetect's scene list, counted as it counts: frames from 1, the end included."""

_REEL_LENGTH: Final = 8
"""Characters of a reel's name that CMX 3600 has room for."""

_NO_REEL: Final = "AX"
"""The name for a source without a reel (auxiliary)."""

_NO_REEL_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class ShotList:
    """What was found in a film. `file` as the person named it; `shots` in order, with no gap between them."""

    file: str
    facts: MediaFacts
    shots: tuple[ShotFound, ...]
    end: FilmEnded

    @property
    def fps(self) -> float | None:
        """Frames a second: by the header, else the mean of what was decoded; None where there is neither."""
        rate = self.facts.frame_rate
        if rate is not None and rate.numerator > 0:
            return rate.numerator / rate.denominator
        return self.end.frames / (self.end.duration_us / 1_000_000) if self.end.duration_us else None


def shot_list_json(found: ShotList) -> dict[str, JsonValue]:
    """The list as one JSON object. Frames count as decoded, from 0; ends are exclusive; times in seconds."""
    return {
        "file": found.file,
        "frames": found.end.frames,
        "decoded_frames": found.end.decoded_frames,
        "fps": None if found.fps is None else round(found.fps, 6),
        "duration_s": _seconds(found.end.duration_us),
        "cuts": [shot.begin.start_frame for shot in found.shots if shot.begin.transition_in == "cut"],
        "transitions": [
            {"start": start, "end": end, "kind": kind} for start, end, kind in _gradual_transitions(found.shots)
        ],
        "shots": [_shot_json(shot) for shot in found.shots],
        "partial": found.end.partial,
    }


def shot_list_csv(found: ShotList) -> str:
    """The list as CSV with a header line; times by the film's own start time code, keyframes as frame numbers."""
    codes = FrameCodes(found.facts)
    lengths = FrameCodes(found.facts, first="00:00:00:00")
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(CSV_COLUMNS)
    for number, shot in enumerate(found.shots, start=1):
        start, end = shot.begin.start_frame, shot.end_frame
        start_us, end_us = shot.begin.start_us, shot.end_us
        rows.writerow(
            (
                number,
                start + 1,
                codes.label(start_us),
                f"{start_us / 1e6:.3f}",
                end,
                codes.label(end_us),
                f"{end_us / 1e6:.3f}",
                end - start,
                lengths.label(end_us - start_us),
                f"{(end_us - start_us) / 1e6:.3f}",
                shot.begin.transition_in,
                "dynamic" if shot.dynamic else "static",
                " ".join(str(place.frame_index + 1) for place in shot.keyframes),
            )
        )
    return out.getvalue()


def shot_list_edl(found: ShotList) -> str:
    """The list as an EDL that puts the film's shots one after the other, as it stands: CMX 3600, cuts only.

    Source times follow the film's start time code, record times begin at 01:00:00:00 as editors expect. A stretch
    between two shots that continue one take is one event.
    """
    source = FrameCodes(found.facts)
    record = FrameCodes(found.facts, first="01:00:00:00")
    reel = _reel(found)
    name = PurePath(found.file).name.encode("ascii", "replace").decode()
    lines = [f"TITLE: {name}", f"FCM: {'DROP FRAME' if source.drop else 'NON-DROP FRAME'}", ""]
    for number, (start_us, end_us) in enumerate(_takes(found.shots), start=1):
        times = " ".join((source.label(start_us), source.label(end_us), record.label(start_us), record.label(end_us)))
        lines += [f"{number:03d}  {reel:<8} V     C        {times}", f"* FROM CLIP NAME: {name}"]
    return "\n".join(lines) + "\n"


def _shot_json(shot: ShotFound) -> JsonValue:
    return {
        "start_frame": shot.begin.start_frame,
        "end_frame": shot.end_frame,
        "start_s": _seconds(shot.begin.start_us),
        "end_s": _seconds(shot.end_us),
        "transition_in": shot.begin.transition_in,
        "score": shot.begin.score,
        "threshold": shot.begin.threshold,
        "dynamic": shot.dynamic,
        "motion": shot.motion,
        "keyframes": [
            {"frame": place.frame_index, "time_s": _seconds(place.time_us), "why": place.why}
            for place in shot.keyframes
        ],
    }


def _gradual_transitions(shots: Iterable[ShotFound]) -> Iterator[tuple[int, int, str]]:
    """Start, end (exclusive) and kind. A fade that was seen only by the black it left has no length."""
    known_until = 0
    for shot in shots:
        begin = shot.begin
        if begin.transition_in in {"fade", "dissolve"} and not shot.transitions and known_until < begin.start_frame:
            yield begin.start_frame, begin.start_frame, begin.transition_in
        for span in shot.transitions:
            known_until = span.end_frame
            yield span.start_frame, span.end_frame, span.kind


def _takes(shots: Sequence[ShotFound]) -> list[tuple[int, int]]:
    """Start and end (µs) of shots, those that continue a long take put together."""
    takes: list[tuple[int, int]] = []
    for shot in shots:
        start_us = shot.begin.start_us
        if shot.begin.transition_in == "continued" and takes:
            start_us = takes.pop()[0]
        takes.append((start_us, shot.end_us))
    return takes


def _reel(found: ShotList) -> str:
    named = found.facts.reel
    return _NO_REEL_CHARACTER.sub("", named)[:_REEL_LENGTH] or _NO_REEL if named else _NO_REEL


def _seconds(time_us: int) -> float:
    return round(time_us / 1_000_000, 6)
