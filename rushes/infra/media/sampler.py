"""Samples of a film's shots, by decoding children of their own: those that split the film are at work meanwhile."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from rushes.infra.media.decoder import Picture
from rushes.infra.media.messages import PictureMade, Progress, SamplesJob, SamplesTaken, quoted
from rushes.infra.media.sandbox import ChildDied, ChildPool
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import CrashedRepeatedly

LONGEST_REREAD_US: Final = 60_000_000
"""Of a film that can't be sought, whose every look begins at its start: a shot that begins later is not sampled."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A shot's place in its film: times in microseconds and the index of its first frame; `end_us` is exclusive.

    `origin_pts`: as in `ResumePoint`; None where the film can't be sought.
    """

    start_us: int
    start_frame: int
    end_us: int
    origin_pts: int | None

    @property
    def reachable(self) -> bool:
        """Whether looking there costs no more than the stretch and a minute of film."""
        return self.origin_pts is not None or self.start_us <= LONGEST_REREAD_US


class FilmSampler:
    """Frames of films at given times. Threads may share it; a child that dies is replaced and its job repeated."""

    def __init__(self, limits: DecodeLimits, pool: ChildPool | None = None) -> None:
        self._limits = limits
        self._pool = pool or ChildPool(limits)

    def sample(
        self, path: Path, stretch: Stretch, times_us: Sequence[int], lines: int, *, raw: bool = False
    ) -> Generator[Picture | None, None, None]:
        """The first frame at or behind each time (ascending) within the stretch; None says that work goes on.

        After a child's death some come again. `raw`: as levels, not as JPEGs. Raises as `MediaDecoder.film`.
        """
        job = SamplesJob(
            quoted_path=quoted(path),
            times_us=tuple(times_us),
            start_us=stretch.start_us,
            start_frame=stretch.start_frame,
            end_us=stretch.end_us,
            origin_pts=stretch.origin_pts,
            lines=lines,
            raw=raw,
        )
        deaths = 0
        while True:
            how = "it gave no answer to a film's samples"
            try:
                with closing(self._pool.run(job)) as replies:
                    for reply, payload in replies:
                        match reply:
                            case PictureMade() if _whole(reply, payload):
                                image, thumbnail = payload[: reply.image_bytes], payload[reply.image_bytes :]
                                yield Picture(figures=reply, image=image, thumbnail=thumbnail)
                            case Progress():
                                yield None
                            case SamplesTaken():
                                return
                            case _:
                                break
            except ChildDied as death:
                how = str(death)
            deaths += 1
            log.warning("the sampling process died", deaths=deaths, how=how)
            if deaths >= self._limits.crashes:
                raise CrashedRepeatedly(f"the film ended its sampling process {deaths} times, the last time by {how}")

    def close(self) -> None:
        """End the children."""
        self._pool.close()


def _whole(reply: PictureMade, payload: bytes) -> bool:
    """Whether levels are as many as the picture's size says: the child is not trusted."""
    return reply.coding == "jpeg" or len(payload) == reply.image_bytes == reply.width * reply.height * 3
