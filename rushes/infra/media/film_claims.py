"""How long a film says it is, before anything of it is decoded."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from av.container import InputContainer

BOXES_MAX: Final = 4096
"""Top-level boxes looked at: a fragmented film of a day has some thousands; moov is among the first or the last."""

_BOX: Final = struct.Struct(">I4s")


def claimed_s(container: InputContainer, path: Path) -> float:
    """The greatest length that the header, a stream or the movie's own box claims, in seconds; 0 where none does.

    libavformat puts the length that it finds in an MP4's index in the place of what the header says, so the header is
    read here too (ISO/IEC 14496-12, 8.2.2).
    """
    claims = [container.duration / 1_000_000 if container.duration is not None else 0.0]
    claims += [
        float(stream.duration * stream.time_base)
        for stream in container.streams
        if stream.duration is not None and stream.time_base is not None
    ]
    if "mp4" in container.format.name:
        claims.append(_movie_header_s(path))
    return max(claims)


def top_level_boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size (bytes, header included) of an MP4's outermost boxes (ISO/IEC 14496-12, 4.2).

    Ends at what is no box. The caller may read and seek in between.
    """
    return _boxes(file, 0, file.seek(0, os.SEEK_END))


def sample_formats(file: BinaryIO) -> Iterator[bytes]:
    """The four letters of each track's codec (ISO/IEC 14496-12, 8.5.2), from the header alone; none in other files."""
    yield from _formats(file, 0, file.seek(0, os.SEEK_END), (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"))


def _formats(file: BinaryIO, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[bytes]:
    for name, at, size in _boxes(file, start, end):
        if name == path[0] and len(path) > 1:
            yield from _formats(file, at + _BOX.size, min(at + size, end), path[1:])
        elif name == path[0]:
            file.seek(at + _BOX.size + 8)  # version and flags, number of entries
            yield file.read(_BOX.size)[4:]


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    at = start
    for _ in range(BOXES_MAX):
        if at >= end:
            return
        file.seek(at)
        head = file.read(16)
        if len(head) < _BOX.size:
            return
        size, name = _BOX.unpack_from(head)
        if size == 1 and len(head) == 16:
            size = struct.unpack_from(">Q", head, 8)[0]
        elif size == 0:  # up to the end of the file
            size = end - at
        if size < _BOX.size:
            return
        yield name, at, size
        at += size


def _movie_header_s(path: Path) -> float:
    """Length in `mvhd`; 0 where there is none, or it says "unknown" (all bits set)."""
    with path.open("rb") as file:
        for name, at, _ in top_level_boxes(file):
            if name == b"moov":
                file.seek(at + _BOX.size)
                return _length_in(file.read(128))
    return 0.0


def _length_in(movie: bytes) -> float:
    at = movie.find(b"mvhd")
    if at < 0 or len(movie) < at + 36:
        return 0.0
    wide = movie[at + 4] == 1
    scale, length = struct.unpack_from(">IQ" if wide else ">II", movie, at + (24 if wide else 16))
    unknown = 2**64 - 1 if wide else 2**32 - 1
    return length / scale if scale and length != unknown else 0.0
