"""Single frames of a stretch of film, at given times: the second look at shots in which there are faces. In the child.

The stretch is decoded again from the nearest place to seek to: a first pass need not keep, scale or compress frames
that nobody asks for, and may leave out most of them.
"""

import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from rushes.infra.media.animations import AnimationReader
from rushes.infra.media.film_pictures import KeptFrame
from rushes.infra.media.film_reader import SEEK_MARGIN_US, FilmReader, TimedFrame
from rushes.infra.media.jpeg import make_picture
from rushes.infra.media.messages import Progress, SamplesJob, SamplesTaken, Send
from rushes.infra.media.sniff import is_animated
from rushes.infra.settings import DecodeLimits

PROGRESS_EVERY_S: Final = 1.0


def take_samples(job: SamplesJob, limits: DecodeLimits, send: Send) -> None:
    """Send the first frame at or behind each of the times, as far as the stretch has one.

    A frame is sent once, however many of the times it is the first behind. Raises as `FilmReader.frames`.
    """
    wanted = deque(job.times_us)
    index, now_us, told_at_s = job.start_frame, job.start_us, time.monotonic()

    def alive() -> None:
        nonlocal told_at_s
        if time.monotonic() - told_at_s >= PROGRESS_EVERY_S:
            told_at_s = time.monotonic()
            send(Progress(time_us=now_us, frames=index), b"")

    with open(job.path, "rb") as file:  # noqa: PTH123  a plain string came over the pipe
        animated = is_animated(file)
    reader = (
        AnimationReader(job.path, limits, alive=alive)
        if animated
        else FilmReader(job.path, limits, recognised=True, alive=alive)
    )
    taken = 0
    for timed in _frames(reader, job):
        now_us = timed.time_us
        if now_us < job.start_us:
            continue
        if now_us >= job.end_us:
            break
        if wanted and wanted[0] <= now_us:
            while wanted and wanted[0] <= now_us:
                wanted.popleft()
            transform = reader.facts.display_transform if reader.facts is not None else None
            kept = KeptFrame.of(timed.frame, reader.aspect, min(job.lines, limits.keyframe_lines), transform)
            message, payload = make_picture(
                kept.to_image(), limits, why="face_sample", time_us=now_us, frame_index=index, raw=job.raw
            )
            send(message, payload)
            taken += 1
        index += 1
        if not wanted:
            break
    send(SamplesTaken(frames=taken), b"")


def _frames(reader: FilmReader | AnimationReader, job: SamplesJob) -> Iterator[TimedFrame]:
    """Frames from the keyframe before the stretch on. A first pass that resumes goes back `SEEK_MARGIN_US` further, for
    whatever lacks its references; here that would decode a short shot twice, and what is lacking lies before it.
    """
    if job.start_us > 0 and job.origin_pts is not None:
        arrived = False
        for timed in reader.frames(job.start_us + SEEK_MARGIN_US, job.origin_pts):
            if not arrived and timed.time_us > job.start_us:
                break  # no keyframe there: with the margin, or from the start
            arrived = True
            yield timed
        if arrived:
            return
    yield from reader.frames(job.start_us, job.origin_pts)
