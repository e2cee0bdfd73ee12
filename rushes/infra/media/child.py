"""The decoding process: `python -m rushes.infra.media.child LIMITS_JSON LIFELINE_FD`. Started by `sandbox`.

It limits itself before it reads a byte of anybody's file, takes jobs from its standard input and answers on what was
its standard output. It dies with its parent: the lifeline is a pipe whose other end only the parent holds.
"""

import gc
import logging
import os
import resource
import sys
import threading
from typing import Final

import av
import av.error
import av.logging
from pydantic import BaseModel

from rushes.infra.media.film_samples import take_samples
from rushes.infra.media.films import split_film
from rushes.infra.media.messages import (
    JOB,
    LENGTHS,
    MAX_HEADER_BYTES,
    FilmJob,
    Hello,
    Job,
    JobFailed,
    PhotoJob,
    SamplesJob,
    Send,
    pack,
)
from rushes.infra.media.photos import decode_photo
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, MediaNotFound, PermanentError

NICENESS: Final = 5
"""Decoding gives way to the processes that keep partitions and sessions alive."""

FILE_BYTES: Final = 1024 * 1024
"""The child writes no files but its own last words."""


def limit_self(limits: DecodeLimits) -> tuple[str, ...]:
    """Set the limits of this process; gives those that this system refuses (macOS knows no limit of memory)."""
    refused: list[str] = []
    wanted = {
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_FSIZE": FILE_BYTES,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        capped = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (capped, capped))
        except (ValueError, OSError):
            refused.append(name)
    os.nice(NICENESS)
    return tuple(refused)


def serve(limits: DecodeLimits, jobs_fd: int, replies_fd: int, unlimited: tuple[str, ...]) -> None:
    """Answer jobs until the parent closes the pipe."""
    writing = threading.Lock()

    def send(message: BaseModel, payload: bytes) -> None:
        with writing:
            _write_all(replies_fd, pack(message, payload))
            _write_all(replies_fd, payload)

    send(Hello(unlimited=unlimited), b"")
    gc.freeze()  # what was imported stays: a collection looks only at what jobs left
    while (job := _next_job(jobs_fd)) is not None:
        answer(job, limits, send)
        gc.collect()  # frames in cycles are few objects and hundreds of megabytes: it would wait for many more


def answer(job: Job, limits: DecodeLimits, send: Send) -> None:
    """Do one job; its errors are replies."""
    try:
        match job:
            case PhotoJob():
                decode_photo(job, limits, send)
            case FilmJob():
                split_film(job, limits, send)
            case SamplesJob():
                take_samples(job, limits, send)
    except PermanentError as error:
        send(JobFailed(code=error.code, reason=str(error)), b"")
    except (MemoryError, av.error.MemoryError):
        reason = f"decoding needs more than the {limits.memory_bytes / 2**20:,.0f} MiB of memory allowed; make a proxy"
        send(JobFailed(code=LimitExceeded.code, reason=reason, memory=True), b"")
    except av.error.FFmpegError as error:
        send(JobFailed(code=DamagedMedia.code, reason=f"decoding failed: {error.strerror}"), b"")
    except FileNotFoundError as error:
        send(JobFailed(code=MediaNotFound.code, reason=f"the file has gone: {error.filename}"), b"")


def _next_job(fd: int) -> Job | None:
    head = _read_all(fd, LENGTHS.size)
    if head is None:
        return None
    size, _ = LENGTHS.unpack(head)
    assert size <= MAX_HEADER_BYTES
    header = _read_all(fd, size)
    return None if header is None else JOB.validate_json(header)


def _read_all(fd: int, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = os.read(fd, size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def die_with_parent(lifeline_fd: int) -> None:
    """End this process, whatever it is doing, as soon as the parent has gone."""

    def wait() -> None:
        os.read(lifeline_fd, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def main() -> None:
    limits = DecodeLimits.model_validate_json(sys.argv[1])
    die_with_parent(int(sys.argv[2]))
    replies_fd = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not come between replies
    av.logging.set_level(None)
    logging.getLogger("tifffile").disabled = True  # it tells of every odd tag
    serve(limits, 0, replies_fd, limit_self(limits))


if __name__ == "__main__":
    main()
