"""Photos and films through the pool of children, with crashes retried and counted per file."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from rushes.infra.media.messages import (
    FilmEnded,
    FilmJob,
    FilmOpened,
    PhotoDecoded,
    PhotoJob,
    PictureMade,
    Progress,
    ResumePoint,
    ShotFound,
    quoted,
)
from rushes.infra.media.sandbox import ChildDied, ChildPool
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import CrashedRepeatedly
from rushes.schemas.media import MediaFacts

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A keyframe: figures, JPEG and thumbnail; or, where its coding is `rgb`, its levels."""

    figures: PictureMade
    image: bytes
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class DecodedShot:
    """A shot with its pictures in order of time."""

    found: ShotFound
    pictures: tuple[Picture, ...]


FilmPart = FilmOpened | Progress | Picture | ShotFound | FilmEnded
"""What a film's decoding gives: facts first, a shot's pictures before the shot, the end last."""


class MediaDecoder:
    """Decodes files that nobody vouches for. Threads may share it: each job has a child to itself.

    A child that dies is replaced and the job repeated (a film goes on behind the last shot it gave). The file is
    blamed after `limits.crashes` deaths, all of them with nothing else in the process: CrashedRepeatedly.
    """

    def __init__(self, limits: DecodeLimits, pool: ChildPool | None = None) -> None:
        self._limits = limits
        self._pool = pool or ChildPool(limits)

    @property
    def workers(self) -> int:
        """How many files are decoded at once."""
        return self._pool.size

    def photo(self, path: Path) -> tuple[MediaFacts, Picture]:
        """A photo's facts and picture. Raises UnsupportedMedia, DamagedMedia, LimitExceeded, CrashedRepeatedly."""
        deaths = _Deaths(self._limits.crashes)
        while True:
            picture: Picture | None = None
            try:
                for reply, payload in self._pool.run(PhotoJob(quoted_path=quoted(path))):
                    if isinstance(reply, PictureMade):
                        picture = _picture(reply, payload)
                    elif isinstance(reply, PhotoDecoded) and picture is not None:
                        return reply.facts, picture
            except ChildDied as death:
                deaths.count(death)

    def film(
        self, path: Path, resume: ResumePoint | None = None, wanted_us: tuple[int, ...] = (), *, pictures: bool = True
    ) -> Generator[FilmPart, None, None]:
        """A film from `resume` (default: its start) on. `wanted_us`: times whose frames come as anchors.

        Without `pictures`, shots tell the places of their keyframes, and no picture comes.

        Raises UnsupportedMedia, DamagedMedia, LimitExceeded, CrashedRepeatedly; what came before is sound.
        """
        deaths = _Deaths(self._limits.crashes)
        opened = False
        while True:
            try:
                job = FilmJob(quoted_path=quoted(path), resume=resume, wanted_us=wanted_us, pictures=pictures)
                with closing(self._pool.run(job)) as replies:
                    for reply, payload in replies:
                        match reply:
                            case FilmOpened():
                                if not opened:
                                    yield reply
                                opened = True
                            case PictureMade():
                                yield _picture(reply, payload)
                            case ShotFound():
                                resume = reply.resume
                                yield reply
                            case Progress():
                                yield reply
                            case FilmEnded():
                                yield reply
                                return
                            case _:
                                break  # no answer to a film: the pool ends this child
                    deaths.count(ChildDied("it gave no answer to a film"))
            except ChildDied as death:
                deaths.count(death)

    def close(self) -> None:
        """End the children."""
        self._pool.close()


class _Deaths:
    """How often a file ended its process."""

    def __init__(self, limit: int) -> None:
        self._limit: Final = limit
        self._count = 0

    def count(self, death: ChildDied) -> None:
        """Raises CrashedRepeatedly when it was once too often."""
        self._count += 1
        log.warning("the decoding process died", deaths=self._count, how=str(death))
        if self._count >= self._limit:
            raise CrashedRepeatedly(
                f"the file ended its decoding process {self._count} times, the last time by {death}; make a proxy"
            )


def _picture(reply: PictureMade, payload: bytes) -> Picture:
    return Picture(figures=reply, image=payload[: reply.image_bytes], thumbnail=payload[reply.image_bytes :])
