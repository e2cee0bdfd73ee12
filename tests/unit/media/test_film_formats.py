"""Films as cameras and post production write them: containers and codecs, by real encoded files."""

from pathlib import Path

import numpy as np
import pytest

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.messages import FilmEnded, FilmOpened, ShotFound
from rushes.infra.media.sniff import SNIFF_BYTES, sniff
from rushes.infra.settings import DecodeLimits
from tests.making_formats import write_deep_film
from tests.making_media import scene

X264 = {"preset": "ultrafast", "crf": "12"}


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


def cuts(height: int, width: int) -> list[np.ndarray]:
    first, second = (scene(seed, height, width).astype(np.uint16) * 257 for seed in (1, 2))
    return [first] * 12 + [second] * 12


def told(decoder: MediaDecoder, path: Path):
    parts = list(decoder.film(path))
    (facts,) = [part.facts for part in parts if isinstance(part, FilmOpened)]
    assert isinstance(parts[-1], FilmEnded)
    return facts, [part.begin.start_frame for part in parts if isinstance(part, ShotFound)], parts[-1]


@pytest.mark.parametrize(
    ("name", "container", "codec", "encoder", "pix_fmt", "size", "options"),
    [
        ("prores.mov", "mov", "prores", "prores_ks", "yuv422p10le", (96, 160), {}),
        ("dnxhd.mov", "mov", "dnxhd", "dnxhd", "yuv422p", (720, 1280), {"b": "60M"}),
        ("dnxhr.mov", "mov", "dnxhd", "dnxhd", "yuv422p", (144, 256), {"profile": "dnxhr_sq"}),
        ("op1a.mxf", "mxf", "mpeg2video", "mpeg2video", "yuv422p", (96, 160), {"q": "2"}),
        ("dnxhr.mxf", "mxf", "dnxhd", "dnxhd", "yuv422p", (144, 256), {"profile": "dnxhr_sq"}),
        ("camera.mts", "mpegts", "h264", "libx264", "yuv420p", (96, 160), X264),
        ("disc.m2ts", "mpegts", "h264", "libx264", "yuv420p", (96, 160), X264),
        ("av1.mp4", "mp4", "av1", "libsvtav1", "yuv420p10le", (96, 160), {"preset": "12"}),
        ("vp9.webm", "webm", "vp9", "libvpx-vp9", "yuv420p", (96, 160), {"deadline": "realtime", "cpu-used": "8"}),
        ("motion-jpeg.avi", "avi", "mjpeg", "mjpeg", "yuvj420p", (96, 160), {}),
        ("cineform.mov", "mov", "cfhd", "cfhd", "yuv422p10le", (96, 160), {}),
        ("dv.mov", "mov", "dvvideo", "dvvideo", "yuv420p", (576, 720), {}),
    ],
)
def test_a_film_of_each_format_is_split(decoder, tmp_path, name, container, codec, encoder, pix_fmt, size, options):
    film = write_deep_film(
        tmp_path / name, cuts(*size), codec=encoder, pix_fmt=pix_fmt, options=options, full_range=pix_fmt == "yuvj420p"
    )
    assert sniff(film.read_bytes()[:SNIFF_BYTES]) == "video"
    facts, starts, end = told(decoder, film.rename(tmp_path / "nameless"))
    assert container in facts.container
    assert facts.codec == codec
    assert (starts, end.frames, end.partial) == ([0, 12], 24, None)
