"""Media that tests make for themselves: scenes that look like none other, films of them, broken files."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def scene(seed: int, height: int = 90, width: int = 160) -> Picture:
    """A picture of soft coloured shapes, (height, width, 3) uint8; another seed is another picture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = y / height, x / width
    channels = []
    for _ in range(3):
        level = np.full((height, width), rng.uniform(60, 180))
        for _ in range(6):
            fx, fy, phase = rng.uniform(0.5, 4), rng.uniform(0.5, 4), rng.uniform(0, 6.3)
            level += rng.uniform(10, 30) * np.sin(6.3 * (fx * x + fy * y) + phase)
        channels.append(level)
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def still(picture: Picture, frames: int) -> Iterator[Picture]:
    """The same picture again and again."""
    for _ in range(frames):
        yield picture


def pan(seed: int, frames: int, height: int = 90, width: int = 160) -> Iterator[Picture]:
    """A camera that moves over a wide picture, two pixels a frame."""
    wide = scene(seed, height, width + 2 * frames)
    for i in range(frames):
        yield wide[:, 2 * i : 2 * i + width]


def fade(picture: Picture, frames: int, *, out: bool) -> Iterator[Picture]:
    """To or from black."""
    for i in range(frames):
        share = (i + 1) / frames
        yield (picture * ((1 - share) if out else share)).astype(np.uint8)


def write_film(
    path: Path,
    pictures: Iterable[Picture],
    *,
    rate: int = 25,
    codec: str = "libx264",
    gop: int = 25,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode pictures of one size into a film; the container goes by the path's suffix."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        container.metadata.update(metadata or {})
        stream = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = gop
                if pixel_aspect is not None:
                    stream.codec_context.sample_aspect_ratio = pixel_aspect
                defaults = {"preset": "ultrafast", "crf": "18"} if codec == "libx264" else {}
                stream.codec_context.options = defaults | (options or {})
                if rotation:
                    stream.set_display_rotation(rotation)
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")):
                container.mux(packet)
        assert stream is not None
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """A file of a second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 48000
        for packet in [*stream.encode(samples), *stream.encode(None)]:
            container.mux(packet)
    return path


def claim_duration(path: Path, hours: int) -> Path:
    """Rewrite the durations in an MP4's headers (mvhd, tkhd, mdhd, elst), and leave the data as it is."""
    data = bytearray(path.read_bytes())
    # box: (place of the timescale or None for the movie's, place of the duration), version 0, from the box's name
    movie_scale = 1000
    for name, scale_at, duration_at in ((b"mvhd", 16, 20), (b"tkhd", None, 24), (b"mdhd", 16, 20), (b"elst", None, 12)):
        at = data.find(name)
        while at >= 0:
            scale = movie_scale if scale_at is None else struct.unpack_from(">I", data, at + scale_at)[0]
            if name == b"mvhd":
                movie_scale = scale
            struct.pack_into(">I", data, at + duration_at, min(hours * 3600 * scale, 2**32 - 1))
            at = data.find(name, at + 4)
    path.write_bytes(data)
    return path


def claim_duration_mkv(path: Path, hours: int) -> Path:
    """Rewrite the duration in a Matroska file's header, and in its statistics tag."""
    data = bytearray(path.read_bytes())
    at = data.find(b"\x44\x89\x88") + 3
    assert at > 2
    struct.pack_into(">d", data, at, hours * 3_600_000.0)
    said = data.find(b"00:00:")
    assert said > 0
    data[said : said + 8] = f"{hours - 1:02}:59:59".encode()[-8:]
    path.write_bytes(data)
    return path


def write_png_bomb(path: Path, side: int) -> Path:
    """A PNG of `side` x `side` black pixels in a few kilobytes: the header is honest, the size is not sane."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    packer = zlib.compressobj(9)
    row = bytes(side // 8 + 2)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path
