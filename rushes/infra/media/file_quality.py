"""Quality of files: a photo's own figures, of a film those of its keyframes."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, Literal

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.messages import FilmOpened
from rushes.infra.media.sniff import SNIFF_BYTES, sniff
from rushes.processors.shots.quality import score_of
from rushes.schemas.errors import DamagedMedia, UnsupportedMedia
from rushes.schemas.media import MediaFacts
from rushes.schemas.shots import FrameQuality

NO_PLACE: Final = frozenset({"black", "color_bars", "slate"})
"""Flags of keyframes that say nothing of how a film was shot; they count only where a film has no other."""


@dataclass(frozen=True, slots=True)
class WorstFrame:
    """A film's keyframe of the lowest score: `time_us` from its start."""

    time_us: int
    score: float


@dataclass(frozen=True, slots=True)
class FileQuality:
    """What one file is worth. `figures` and `score` (0..100) of a film are medians over `frames` keyframes."""

    path: Path
    kind: Literal["photo", "video"]
    width: int
    height: int
    frames: int
    figures: FrameQuality
    score: float
    worst: WorstFrame | None = None


def quality_of_file(path: Path, decoder: MediaDecoder) -> FileQuality:
    """Figures of a photo or film. Raises what the decoder raises, UnsupportedMedia for what is neither."""
    with path.open("rb") as opened:
        start = opened.read(SNIFF_BYTES)
    if not start:
        raise DamagedMedia("expected a photo or film, found an empty file; copy it again")
    if sniff(start) == "photo":
        facts, picture = decoder.photo(path)
        return _measured(path, facts, [picture])
    return _film(path, decoder)


def _film(path: Path, decoder: MediaDecoder) -> FileQuality:
    facts: MediaFacts | None = None
    pictures: list[Picture] = []
    for part in decoder.film(path):
        match part:
            case FilmOpened():
                facts = part.facts
            case Picture():
                pictures.append(Picture(part.figures, b"", b""))  # the bytes of a long film would fill the memory
            case _:
                pass
    if facts is None or not pictures:
        raise UnsupportedMedia("expected a photo or film, found no picture in it")
    return _measured(path, facts, pictures)


def _measured(path: Path, facts: MediaFacts, pictures: list[Picture]) -> FileQuality:
    told = [picture.figures for picture in pictures if not NO_PLACE.intersection(picture.figures.flags)]
    told = told or [picture.figures for picture in pictures]
    scores = [score_of(figures.quality) for figures in told]
    worst = min(range(len(told)), key=lambda index: (scores[index], index))
    time_us = told[worst].time_us
    return FileQuality(
        path=path,
        kind=facts.media_kind,
        width=facts.width,
        height=facts.height,
        frames=len(told),
        figures=FrameQuality.model_validate(
            {name: _median([getattr(figures.quality, name) for figures in told]) for name in FrameQuality.model_fields}
        ),
        score=round(median(scores), 1),
        worst=None if time_us is None else WorstFrame(time_us, scores[worst]),
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 4) if known else None
