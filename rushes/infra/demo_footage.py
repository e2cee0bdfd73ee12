"""Footage for the demo, rendered from photographs that installed packages ship: nothing is downloaded.

People: scikit-image's astronaut (Eileen Collins) and camera (a cameraman), matplotlib's grace_hopper. Places: a café
table, a launch pad, a garage, a cat at home, and a gallery wall on which portraits of all three hang. Places and
people come back in several shots and photos, framed differently, as in real rushes.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""(h, w, 3) uint8 RGB."""

WIDTH: Final = 1280
HEIGHT: Final = 720
FRAMES_PER_SECOND: Final = 25
START_TIMECODE: Final = "10:00:00:00"
REEL: Final = "A001DEMO"
FILM: Final = "day-1/A001_demo.mov"
BROKEN_FILM: Final = "day-2/B002_card-error.mp4"

Source = Literal["astronaut", "camera", "grace_hopper", "coffee", "rocket", "motorcycle", "chelsea", "gallery"]
_SCIKIT_IMAGE: Mapping[str, str] = {
    "astronaut": "astronaut.png",
    "camera": "camera.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "motorcycle": "motorcycle_left.png",
    "chelsea": "chelsea.png",
    "brick": "brick.png",
}
_MATPLOTLIB: Mapping[str, str] = {"grace_hopper": "grace_hopper.jpg"}


@dataclass(frozen=True, slots=True)
class Framing:
    """A 16:9 window into a photograph: its centre and width in 0..1 of the photograph's width and height."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Shot:
    """A photograph seen for a while; the window moves from `start` to `end` where there is one."""

    source: Source
    frames: int
    start: Framing
    end: Framing | None = None


SHOTS: Final[tuple[Shot, ...]] = (
    Shot("rocket", 70, Framing(0.50, 0.55, 1.0), Framing(0.50, 0.60, 0.80)),
    Shot("astronaut", 70, Framing(0.50, 0.30, 1.0)),
    Shot("coffee", 70, Framing(0.45, 0.50, 0.90), Framing(0.55, 0.50, 0.90)),
    Shot("grace_hopper", 70, Framing(0.50, 0.36, 0.98)),
    Shot("motorcycle", 70, Framing(0.41, 0.50, 0.80), Framing(0.51, 0.50, 0.80)),
    Shot("camera", 70, Framing(0.50, 0.30, 1.0)),
    Shot("astronaut", 55, Framing(0.46, 0.28, 0.82), Framing(0.46, 0.28, 0.74)),
    Shot("rocket", 70, Framing(0.50, 0.60, 0.86)),
    Shot("gallery", 80, Framing(0.50, 0.50, 0.95)),
    Shot("grace_hopper", 55, Framing(0.46, 0.375, 0.90)),
    Shot("coffee", 55, Framing(0.50, 0.50, 0.96)),
    Shot("camera", 55, Framing(0.42, 0.26, 0.72)),
    Shot("chelsea", 70, Framing(0.50, 0.45, 1.0), Framing(0.50, 0.45, 0.85)),
    Shot("motorcycle", 55, Framing(0.46, 0.50, 0.80)),
    Shot("gallery", 70, Framing(0.50, 0.50, 1.0)),
    Shot("astronaut", 55, Framing(0.46, 0.28, 0.86)),
)
"""The film: 41.6 s, every cut between different photographs."""

CUTS: Final[tuple[int, ...]] = tuple(sum(shot.frames for shot in SHOTS[:place]) for place in range(1, len(SHOTS)))
"""First frame of every shot but the first."""

_PHOTOS: Final[tuple[tuple[str, Source, Framing], ...]] = (
    ("photos/astronaut_portrait.jpg", "astronaut", Framing(0.45, 0.27, 0.78)),
    ("photos/café.jpg", "coffee", Framing(0.50, 0.50, 0.98)),
    ("photos/cameraman.png", "camera", Framing(0.45, 0.28, 0.84)),
    ("photos/grace_hopper.webp", "grace_hopper", Framing(0.50, 0.37, 0.92)),
    ("photos/pad at dusk.jpg", "rocket", Framing(0.50, 0.58, 0.93)),
    ("photos/cat.webp", "chelsea", Framing(0.50, 0.45, 0.94)),
)
_JPEG_QUALITY: Final = 92
_ENCODER: Final = {"preset": "superfast", "crf": "23", "x264-params": "rc-lookahead=0:bframes=0:ref=1:mbtree=0"}
"""Half the time of x264's preset alone; the film stays near 5 MB."""
_ENCODER_THREADS: Final = 2
"""Fixed: the same number of threads gives the same bytes."""


def render_demo(folder: Path) -> list[Path]:
    """Render the film, the photos and a broken file below `folder`; returns their paths, sorted.

    The same installed packages give the same bytes. Takes some seconds on two cores.
    """
    pictures = _pictures()
    film = folder / FILM
    film.parent.mkdir(parents=True, exist_ok=True)
    _write_film(film, pictures)
    paths = [film]
    for name, source, framing in _PHOTOS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(_framed(pictures[source], framing))
        if path.suffix == ".jpg":
            picture.save(path, quality=_JPEG_QUALITY)
        elif path.suffix == ".webp":
            picture.save(path, quality=_JPEG_QUALITY, method=2)
        else:
            picture.save(path, compress_level=1)
        paths.append(path)
    broken = folder / BROKEN_FILM
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text("The card reader stopped here; this is no film.\n", encoding="utf-8")
    return sorted([*paths, broken])


def _pictures() -> dict[str, Picture]:
    skimage, matplotlib = files("skimage").joinpath("data"), files("matplotlib").joinpath("mpl-data", "sample_data")
    raw = {name: skimage.joinpath(file).read_bytes() for name, file in _SCIKIT_IMAGE.items()}
    raw |= {name: matplotlib.joinpath(file).read_bytes() for name, file in _MATPLOTLIB.items()}
    pictures = {name: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for name, data in raw.items()}
    pictures["gallery"] = _gallery(pictures)
    return pictures


def _gallery(pictures: Mapping[str, Picture]) -> Picture:
    """A brick wall with framed portraits of all three people, (720, 1280, 3)."""
    brick = cv2.resize(pictures["brick"], (640, 640), interpolation=cv2.INTER_AREA)
    wall = np.tile(brick, (2, 2, 1))[:HEIGHT, :WIDTH]
    tinted = (wall.astype(np.float32) * np.array([1.0, 0.72, 0.58], np.float32) * 0.85).clip(0, 255).astype(np.uint8)
    crops = {"astronaut": (110, 10, 230), "grace_hopper": (120, 40, 290), "camera": (125, 45, 170)}
    for place, (name, (left, top, side)) in enumerate(crops.items()):
        portrait = cv2.resize(
            pictures[name][top : top + side, left : left + side], (300, 300), interpolation=cv2.INTER_CUBIC
        )
        x, y = 95 + place * 395, 190
        tinted[y - 26 : y + 326, x - 26 : x + 326] = (46, 34, 26)
        tinted[y - 14 : y + 314, x - 14 : x + 314] = (232, 228, 216)
        tinted[y : y + 300, x : x + 300] = portrait
    return tinted


def _framed(picture: Picture, framing: Framing) -> Picture:
    """The window at 1280x720; kept inside the photograph, however it was asked for."""
    height, width = picture.shape[:2]
    w = min(framing.width * width, width, height * WIDTH / HEIGHT)
    h = w * HEIGHT / WIDTH
    x = min(max(framing.x * width - w / 2, 0), width - w)
    y = min(max(framing.y * height - h / 2, 0), height - h)
    scale = WIDTH / w
    move = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], np.float64)
    framed = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(framed, np.uint8)


def _between(start: Framing, end: Framing, share: float) -> Framing:
    return Framing(
        start.x + (end.x - start.x) * share,
        start.y + (end.y - start.y) * share,
        start.width + (end.width - start.width) * share,
    )


def _frames(pictures: Mapping[str, Picture]) -> Iterator[av.VideoFrame]:
    for shot in SHOTS:
        picture = pictures[shot.source]
        still = None if shot.end is not None else _yuv(_framed(picture, shot.start))
        for number in range(shot.frames):
            if still is not None:
                planes = still
            else:
                assert shot.end is not None
                planes = _yuv(_framed(picture, _between(shot.start, shot.end, number / (shot.frames - 1))))
            yield av.VideoFrame.from_ndarray(planes, format="yuv420p")


def _yuv(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)


def _write_film(path: Path, pictures: Mapping[str, Picture]) -> None:
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.thread_count = _ENCODER_THREADS
        stream.options = dict(_ENCODER)
        stream.metadata["timecode"] = START_TIMECODE
        stream.metadata["reel_name"] = REEL
        for number, frame in enumerate(_frames(pictures)):
            frame.pts = number
            frame.time_base = Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
