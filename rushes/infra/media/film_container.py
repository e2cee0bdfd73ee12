"""A film's file as a container with a stream of pictures, within the limits. Runs in the child.

Playlists and other formats that open further files are not opened at all.
"""

import os
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from rushes.infra.media.film_claims import claimed_s
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, NeedsProxy, UnsupportedMedia

FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,mxf,mxf_opatom,"
    "asf,flv,ogg,dv,gxf,wtv,rm,nut,yuv4mpegpipe,mjpeg,dnxhd,vc1,swf,nsv,3g2,mtv,bink,smk"
)
"""Containers that hold their own data. Playlists (hls, dash, concat, sdp) would make the decoder open other places."""

MAX_THREADS: Final = 8
"""Of one decoder. Each holds frames of its own: sixteen on 8K film of 10 bits would fill the memory allowed."""


def open_film(path: str, limits: DecodeLimits, *, recognised: bool) -> InputContainer:
    """The file as a container; `recognised` as in `FilmReader`.

    Raises UnsupportedMedia, DamagedMedia or LimitExceeded.
    """
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "max_pixels": str(limits.pixels)}
    try:
        container = av.open(path, options=options, metadata_errors="replace")
    except (av.error.MemoryError, MemoryError):
        raise
    except (av.error.FFmpegError, ValueError) as error:
        reason = reason_of(error)
        if recognised:
            raise DamagedMedia(f"the film's container can't be read: {reason}; copy the file again") from error
        raise UnsupportedMedia(
            f"expected a photo or film, found bytes that no decoder here knows ({reason}); make a proxy in MP4"
        ) from error

    claimed, allowed = claimed_s(container, Path(path)), limits.claimed_s
    if claimed > allowed:
        container.close()
        raise LimitExceeded(
            f"the film's header claims {claimed / 3600:,.0f} hours, at most {allowed / 3600:,.0f} are "
            "allowed; write it anew, cut it, or raise RUSHES_DECODE__CLAIMED_S"
        )
    return container


def film_stream(container: InputContainer, limits: DecodeLimits) -> VideoStream:
    """The stream of pictures, ready to be decoded by all cores; all others are passed over.

    Raises UnsupportedMedia where there is none, LimitExceeded for more pixels than allowed.
    """
    films = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not films:
        kinds = ", ".join(sorted({s.type for s in container.streams}))
        raise UnsupportedMedia(f"expected a stream of pictures, found only {kinds or 'an empty container'}")
    stream = films[0]
    context = stream.codec_context
    if context is None:
        raise NeedsProxy(
            "expected a film in a known codec, found one that no decoder here knows, as a camera's raw is; needs a"
            " proxy: write one as ProRes or H.264"
        )
    if context.width * context.height > limits.pixels:
        raise LimitExceeded(
            f"the film's header says {context.width} x {context.height} pixels, at most {limits.pixels:,} are"
            " decoded; make a proxy, or raise RUSHES_DECODE__PIXELS"
        )
    for other in container.streams:
        if other is not stream:
            other.discard = av.stream.Discard.all
    context.options = {"max_pixels": str(limits.pixels)}
    stream.thread_type = "AUTO"
    # one more than there are cores: a thread waits while its frame is read
    context.thread_count = min((os.cpu_count() or 1) + 1, MAX_THREADS)
    return stream


def reason_of(error: BaseException) -> str:
    """What FFmpeg says of an error."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
