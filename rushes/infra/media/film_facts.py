"""What a film's container and streams say of it: size as displayed, rotation, frame rate, timecode, reel, camera."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from rushes.infra.media.film_colour import colour_of
from rushes.schemas.media import MediaFacts, Rational, Timecode

_QUARTERS: Final[dict[int, Literal[0, 90, 180, 270]]] = {0: 0, 1: 90, 2: 180, 3: 270}
_LONGEST_US: Final = 2**62


def facts_of(container: InputContainer, stream: VideoStream, first: av.VideoFrame) -> MediaFacts:
    """Facts of a film, from its header and its first frame."""
    tags = _tags(container, stream)
    rotation = rotation_of(first)
    width, height = displayed_size(first, pixel_aspect(stream))
    if rotation in {90, 270}:
        width, height = height, width
    rate = stream.average_rate or stream.guessed_rate
    base = stream.time_base
    transfer, transform = colour_of(first, tags, Path(container.name) if "mp4" in container.format.name else None)
    return MediaFacts(
        media_kind="video",
        container=container.format.name,
        codec=stream.codec_context.codec.canonical_name,  # not that of the library that decodes it
        width=width,
        height=height,
        rotation_degrees=rotation,
        frame_rate=Rational(numerator=rate.numerator, denominator=rate.denominator) if rate else None,
        time_base=Rational(numerator=base.numerator, denominator=base.denominator) if base else None,
        duration_us=_claimed_us(container, stream),
        color_transfer=transfer,
        display_transform=transform,
        timecode=_timecode(tags.get("timecode")),
        reel=_text(tags.get("reel_name") or tags.get("com.apple.proapps.reel")),
        camera=_camera(tags),
        captured_at=_captured_at(tags),
    )


def rotation_of(frame: av.VideoFrame) -> Literal[0, 90, 180, 270]:
    """Degrees, clockwise, by which the picture is turned to be shown (nearest quarter)."""
    return _QUARTERS[round(-frame.rotation / 90) % 4]


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Width of a pixel over its height; 1 where the film doesn't say."""
    aspect = stream.sample_aspect_ratio
    return aspect if aspect is not None and aspect > 0 else Fraction(1)


def displayed_size(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    """Width and height with square pixels, before rotation; the side that grows is stretched, none is shrunk."""
    if aspect == 1:  # nearly always, and fractions take 30 times as long
        return frame.width, frame.height
    if aspect > 1:
        return max(1, round(frame.width * aspect)), frame.height
    return frame.width, max(1, round(frame.height / aspect))


def _tags(container: InputContainer, stream: VideoStream) -> dict[str, str]:
    """Metadata by lower-case name; the film's stream before other streams before the container."""
    tags: dict[str, str] = {}
    others = [s.metadata for s in container.streams if s is not stream]
    for source in (stream.metadata, *others, container.metadata):
        for name, value in source.items():
            tags.setdefault(name.lower(), value)
    return tags


def _claimed_us(container: InputContainer, stream: VideoStream) -> int | None:
    claimed: int | None = None
    if stream.duration is not None and stream.duration > 0 and stream.time_base is not None:
        claimed = round(stream.duration * stream.time_base * 1_000_000)
    elif (text := stream.metadata.get("DURATION")) is not None:
        claimed = _clock_us(text)
    if claimed is None and container.duration is not None and len(container.streams) == 1:
        claimed = container.duration  # with sound beside it, the container's length may be the sound's
    return claimed if claimed is not None and 0 < claimed < _LONGEST_US else None


def _clock_us(text: str) -> int | None:
    """Microseconds of HH:MM:SS.fraction, as Matroska's statistics tags write it."""
    try:
        hours, minutes, seconds = text.split(":")
        return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1_000_000)
    except (ValueError, OverflowError):
        return None


def _timecode(text: str | None) -> Timecode | None:
    if not text or len(text) > 32:
        return None
    return Timecode(text=text, drop_frame=";" in text or "." in text)


def _text(value: str | None) -> str | None:
    return value.strip()[:200] or None if value else None


def _camera(tags: dict[str, str]) -> str | None:
    make = _text(tags.get("com.apple.quicktime.make") or tags.get("make"))
    model = _text(tags.get("com.apple.quicktime.model") or tags.get("model"))
    if make and model and model.lower().startswith(make.lower()):
        make = None
    return " ".join(part for part in (make, model) if part) or None


def _captured_at(tags: dict[str, str]) -> datetime | None:
    for name in ("com.apple.quicktime.creationdate", "creation_time", "date"):
        try:
            taken = datetime.fromisoformat(tags[name].strip())
        except (KeyError, ValueError):
            continue
        return taken.astimezone(UTC) if taken.tzinfo is not None else taken
    return None
