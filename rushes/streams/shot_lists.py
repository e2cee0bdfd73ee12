"""Shot lists of files, several at once, each in a decoding process of its own; results in the order of the files."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol, assert_never

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.messages import FilmEnded, FilmOpened, Progress, ShotFound
from rushes.infra.results.shot_list import ShotList
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import ConfigurationError, PermanentError
from rushes.schemas.media import MediaFacts

THUMBNAIL_LINES: Final = 360
"""Lines of a thumbnail: enough to know a face in a wide shot, and 30 kB."""


class Watcher(Protocol):
    """Hears how far each film is."""

    def progress(self, path: Path, frames: int, share: float | None) -> None: ...


def find_shots(
    files: Sequence[Path], limits: DecodeLimits, watcher: Watcher, thumbnails: Path | None = None
) -> Iterator[tuple[Path, ShotList | str]]:
    """The shot list of each file, or why there is none.

    `thumbnails`: a folder, made where there is none, for `NAME-shot-0001-1.jpg`. Raises ConfigurationError where it
    can't be written.
    """
    if thumbnails is not None:
        limits = limits.model_copy(update={"keyframe_lines": THUMBNAIL_LINES})
        try:
            thumbnails.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"--thumbnails needs a folder that can be written: {error}") from error
    limits = limits.model_copy(update={"processes": max(limits.processes, min(len(files), os.cpu_count() or 1))})
    decoder = MediaDecoder(limits)
    threads = ThreadPoolExecutor(decoder.workers)
    try:
        work = [
            threads.submit(_shots_of, path, name, decoder, watcher, thumbnails)
            for path, name in zip(files, _names(files), strict=True)
        ]
        for path, future in zip(files, work, strict=True):
            yield path, future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        decoder.close()


def _shots_of(
    path: Path, name: str, decoder: MediaDecoder, watcher: Watcher, thumbnails: Path | None
) -> ShotList | str:
    if not path.is_file():
        return "expected a file, found a folder" if path.is_dir() else "there is no such file"
    try:
        path.open("rb").close()
        return _read(path, name, decoder, watcher, thumbnails)
    except PermanentError as error:
        return str(error)
    except OSError as error:
        return f"the file can't be read: {error.strerror or error}"


def _read(path: Path, name: str, decoder: MediaDecoder, watcher: Watcher, thumbnails: Path | None) -> ShotList:
    facts: MediaFacts | None = None
    shots: list[ShotFound] = []
    pictures: list[Picture] = []
    for part in decoder.film(path, pictures=thumbnails is not None):
        match part:
            case FilmOpened():
                facts = part.facts
            case Progress():
                watcher.progress(path, part.frames, _share(part.time_us, facts))
            case Picture():
                pictures.append(part)
            case ShotFound():
                shots.append(part)
                if thumbnails is not None:
                    _write_thumbnails(thumbnails, f"{name}-shot-{len(shots):04d}", pictures)
                pictures = []
            case FilmEnded():
                assert facts is not None
                return ShotList(str(path), facts, tuple(shots), part)
            case _:
                assert_never(part)
    raise AssertionError("a film's decoding ends with FilmEnded or an error")


def _share(time_us: int, facts: MediaFacts | None) -> float | None:
    return min(time_us / facts.duration_us, 1.0) if facts is not None and facts.duration_us else None


def _write_thumbnails(folder: Path, name: str, pictures: Sequence[Picture]) -> None:
    ordered = sorted(pictures, key=lambda picture: picture.figures.frame_index)
    for number, picture in enumerate(ordered, start=1):
        (folder / f"{name}-{number}.jpg").write_bytes(picture.image)


def _names(files: Sequence[Path]) -> list[str]:
    """A name for each file's thumbnails: its own without suffix, with a number where two would be the same."""
    names: list[str] = []
    for path in files:
        name, number = path.stem, 1
        while name in names:
            number += 1
            name = f"{path.stem}-{number}"
        names.append(name)
    return names
