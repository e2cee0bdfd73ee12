"""Made-up film clips with known truth: cuts, fades, dissolves, wipes, and what is easily taken for a cut.

Pictures come from photographs that scikit-image and matplotlib ship, and from drawn rooms; a seed chooses crops,
tints, camera moves, things that move, noise and lengths. Another seed is another clip; the kinds are below.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import cv2
import matplotlib.cbook
import numpy as np
import skimage
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

WIDTH: Final = 320
HEIGHT: Final = 180
MARGIN: Final = 1.5
"""A scene is painted this many times larger than the frame, for the camera to move over."""

PHOTOS: Final = (
    "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "camera.png", "coins.png", "ihc.png", "moon.png",
    "retina.jpg", "hubble_deep_field.jpg", "motorcycle_left.png", "brick.png", "grass.png", "gravel.png",
    "clock_motion.png",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A gradual transition: first frame that is mixed, and first that is not any more."""

    start: int
    end: int
    kind: Literal["fade", "dissolve", "wipe"]


@dataclass(frozen=True, slots=True)
class Clip:
    """RGB frames (180, 320, 3) with their truth. `cuts`: first frame of each shot after a hard cut."""

    name: str
    frames: list[Picture]
    cuts: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()


@cache
def photo(name: str) -> Picture:
    """A photograph of an installed package, RGB."""
    if name == "grace_hopper.jpg":
        path = str(matplotlib.cbook.get_sample_data(name, asfileobj=False))
    else:
        path = str(Path(skimage.__file__).parent / "data" / name)
    read = cv2.imread(path, cv2.IMREAD_COLOR)
    assert read is not None, path
    return np.ascontiguousarray(read[..., ::-1])


def painted(rng: np.random.Generator) -> Floats:
    """A scene larger than the frame: a photograph's crop, or a drawn room; (270, 480, 3) float32."""
    height, width = round(HEIGHT * MARGIN), round(WIDTH * MARGIN)
    if rng.random() < 0.3:
        return _room(rng, height, width)
    source = photo(str(rng.choice([*PHOTOS, "grace_hopper.jpg"])))
    full_h, full_w = source.shape[:2]
    share = rng.uniform(0.55, 1.0)
    crop_w = int(min(full_w, full_h * 16 / 9) * share)
    crop_h = crop_w * 9 // 16
    top, left = rng.integers(0, full_h - crop_h + 1), rng.integers(0, full_w - crop_w + 1)
    crop = source[top : top + crop_h, left : left + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    scaled = cv2.resize(np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_AREA)
    tint = rng.uniform(0.75, 1.15, 3)
    tinted: Floats = np.clip(scaled * tint + rng.uniform(-20, 20), 0, 255).astype(np.float32)
    return tinted


def _room(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Walls, floor and furniture with a little texture."""
    room = np.empty((height, width, 3), np.float32)
    room[:] = rng.uniform(60, 220, 3)
    room[int(height * rng.uniform(0.55, 0.8)) :] = rng.uniform(30, 160, 3)
    for _ in range(rng.integers(4, 12)):
        h, w = int(rng.uniform(0.1, 0.5) * height), int(rng.uniform(0.06, 0.3) * width)
        y, x = rng.integers(0, height - h), rng.integers(0, width - w)
        room[y : y + h, x : x + w] = rng.uniform(10, 245, 3)
    light = np.linspace(rng.uniform(0.7, 1), rng.uniform(0.7, 1), width, dtype=np.float32)
    texture = cv2.GaussianBlur(rng.normal(0, 25, (height, width)).astype(np.float32), (0, 0), 2)
    lit: Floats = np.clip(room * light[None, :, None] + texture[..., None], 0, 255)
    return lit


def person(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Somebody to stand before a scene, head and shoulders: picture and mask (180, 320), both float32."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    wide = rng.uniform(0.10, 0.15) * WIDTH
    head_y, tall = rng.uniform(0.25, 0.4) * HEIGHT, rng.uniform(0.2, 0.28) * HEIGHT
    head = ((x - WIDTH / 2) / wide) ** 2 + ((y - head_y) / tall) ** 2 < 1
    body = ((x - WIDTH / 2) / (wide * 2.2)) ** 2 + ((y - HEIGHT) / (HEIGHT - head_y - tall * 0.6)) ** 2 < 1
    look = np.empty((HEIGHT, WIDTH, 3), np.float32)
    look[:] = cv2.resize(painted(rng), (WIDTH, HEIGHT)) * 0.4
    look[body] += rng.uniform(0, 150, 3).astype(np.float32)
    look[head] = look[head] * 0.4 + (rng.uniform(0.35, 1) * np.array([215, 170, 145])).astype(np.float32)
    mask = cv2.GaussianBlur((head | body).astype(np.float32), (0, 0), 1.2)
    return np.clip(look, 0, 255), mask


@dataclass(frozen=True, slots=True)
class Move:
    """How a camera moves over a scene: drift in frame widths a frame, zoom a frame, hand-held sway and jitter."""

    drift_x: float = 0.0
    drift_y: float = 0.0
    zoom: float = 0.0
    sway: float = 0.0
    jitter: float = 0.0


def some_move(rng: np.random.Generator) -> Move:
    """Tripod, slow pan, slow zoom or hand-held."""
    match rng.integers(0, 4):
        case 0:
            return Move()
        case 1:
            return Move(drift_x=float(rng.uniform(-0.006, 0.006)), drift_y=float(rng.uniform(-0.002, 0.002)))
        case 2:
            return Move(zoom=float(rng.uniform(-0.004, 0.004)))
        case _:
            return Move(sway=float(rng.uniform(0.004, 0.012)), jitter=0.001)


def filmed(
    rng: np.random.Generator, frames: int, move: Move | None = None, scene: Floats | None = None
) -> list[Floats]:
    """A shot: a camera over a scene, and in half of them something that moves before it."""
    scene = painted(rng) if scene is None else scene
    move = some_move(rng) if move is None else move
    walker = person(rng) if rng.random() < 0.5 else None
    step, place = rng.uniform(-0.008, 0.008), rng.uniform(-0.3, 0.3)
    phases = rng.uniform(0, 6.3, 3)
    shot = []
    for i in range(frames):
        t = i - frames / 2
        x = move.drift_x * t + move.sway * np.sin(0.21 * i + phases[0]) + rng.normal(0, 1) * move.jitter
        y = move.drift_y * t + move.sway * np.sin(0.17 * i + phases[1]) + rng.normal(0, 1) * move.jitter
        frame = view(scene, float(x), float(y), 1 + move.zoom * t)
        if walker is not None:
            frame = stand(frame, *walker, place + step * i + 0.01 * np.sin(0.3 * i + phases[2]))
        shot.append(frame)
    return shot


def view(scene: Floats, x: float, y: float, zoom: float = 1.0) -> Floats:
    """The frame of a scene whose centre is moved by (x, y) frame widths. The scene is mirrored at its edges."""
    matrix = np.array(
        [
            [1 / zoom, 0, scene.shape[1] / 2 + x * WIDTH - WIDTH / (2 * zoom)],
            [0, 1 / zoom, scene.shape[0] / 2 + y * WIDTH - HEIGHT / (2 * zoom)],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen: Floats = cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return seen


def stand(frame: Floats, look: Floats, mask: Floats, x: float, scale: float = 1.0) -> Floats:
    """A person before a frame, moved by `x` frame widths."""
    matrix = np.array([[scale, 0, x * WIDTH + WIDTH * (1 - scale) / 2], [0, scale, HEIGHT * (1 - scale)]])
    moved = cv2.warpAffine(mask, matrix, (WIDTH, HEIGHT))[..., None]
    placed: Floats = frame * (1 - moved) + cv2.warpAffine(look, matrix, (WIDTH, HEIGHT)) * moved
    return placed


def developed(rng: np.random.Generator, frames: list[Floats], grain: float | None = None) -> list[Picture]:
    """Float pictures as 8-bit frames, with the noise of a camera (sigma 0 to 6 levels unless told)."""
    sigma = float(rng.uniform(0, 6)) if grain is None else grain
    noise = [rng.normal(0, sigma, (HEIGHT, WIDTH, 1)).astype(np.float32) for _ in range(7)]
    return [np.clip(frame + noise[int(rng.integers(7))], 0, 255).astype(np.uint8) for frame in frames]


def _lengths(rng: np.random.Generator, shots: int, least: int = 15, most: int = 60) -> list[int]:
    return [int(n) for n in rng.integers(least, most, shots)]


def cuts(rng: np.random.Generator) -> Clip:
    """Plain cuts between unlike shots."""
    lengths = _lengths(rng, 6)
    frames = [frame for n in lengths for frame in filmed(rng, n)]
    return Clip("cuts", developed(rng, frames), cuts=tuple(int(at) for at in np.cumsum(lengths)[:-1]))


def lookalike(rng: np.random.Generator) -> Clip:
    """The same room with another person each time, at the same place."""
    room, lengths = painted(rng), _lengths(rng, 4)
    frames = []
    for n in lengths:
        who, x, scale = person(rng), rng.uniform(-0.05, 0.05), rng.uniform(1.0, 1.3)
        frames += [stand(view(room, 0, 0), *who, float(x + 0.01 * np.sin(0.2 * i)), float(scale)) for i in range(n)]
    return Clip("lookalike", developed(rng, frames), cuts=tuple(int(at) for at in np.cumsum(lengths)[:-1]))


def flashes(rng: np.random.Generator) -> Clip:
    """Photographers' flashes and a strobe: bright for 1 to 8 frames, with afterglow."""
    shot = filmed(rng, 150)
    for at in (30, 70, 110):
        power, glow, n = rng.uniform(0.6, 4), rng.uniform(0, 120), int(rng.integers(1, 9))
        for i in range(n):
            fading = 1.0 if i < n / 2 else 0.5
            shot[at + i] = shot[at + i] * np.float32(1 + power * fading) + np.float32(glow * fading)
    return Clip("flashes", developed(rng, shot))


def lights(rng: np.random.Generator) -> Clip:
    """Lights go on, off, or are dimmed; the same scene stays."""
    shot, level, gains = filmed(rng, 150, Move()), 1.0, []
    target, steps = level, 1
    for i in range(150):
        if i in {30, 70, 110}:
            target, steps = float(rng.choice([0.35, 0.6, 1.0, 1.5])), int(rng.choice([1, 2, 6, 25]))
        level += float(np.clip(target - level, -1 / steps, 1 / steps))
        gains.append(level)
    return Clip("lights", developed(rng, [f * np.float32(g) for f, g in zip(shot, gains, strict=True)]))


def pans(rng: np.random.Generator) -> Clip:
    """A camera that rests, whips to another place with motion blur, and rests again, several times."""
    wide = np.concatenate([painted(rng) for _ in range(4)], axis=1)
    blurred = cv2.GaussianBlur(wide, (61, 1), 15)
    x, frames = -1.5, []
    for _ in range(3):
        frames += [view(wide, x, 0) for _ in range(int(rng.integers(15, 40)))]
        n, far = int(rng.integers(5, 25)), float(rng.uniform(0.5, 1.3))
        for i in range(1, n + 1):
            eased = 0.5 - 0.5 * np.cos(np.pi * i / n)
            fast = far / n > 0.04 and 0.1 < i / n < 0.9
            frames.append(view(blurred if fast else wide, float(x + far * eased), 0))
        x += far
    frames += [view(wide, x, 0) for _ in range(20)]
    return Clip("pans", developed(rng, frames))


def zooms(rng: np.random.Generator) -> Clip:
    """Fast zooms in and out of one scene."""
    scene, zoom, frames = painted(rng), 0.8, []
    for _ in range(4):
        frames += [view(scene, 0, 0, zoom)] * int(rng.integers(10, 30))
        n, target = int(rng.integers(8, 25)), 2.2 if zoom < 1.5 else 0.8
        frames += [view(scene, 0, 0, float(zoom * (target / zoom) ** (i / n))) for i in range(1, n + 1)]
        zoom = target
    return Clip("zooms", developed(rng, frames))


def shake(rng: np.random.Generator) -> Clip:
    """Somebody runs with the camera, and knocks against something now and then."""
    scene, frames = painted(rng), []
    walker = person(rng)
    amount = rng.uniform(0.01, 0.03)
    place = np.zeros(2)
    for i in range(150):
        place = 0.8 * place + rng.normal(0, amount, 2)
        knock = rng.uniform(-0.12, 0.12, 2) if i % 37 == 20 else np.zeros(2)
        seen = view(scene, *(float(v) for v in place + knock))
        frames.append(stand(seen, *walker, float(0.15 * np.sin(0.05 * i) + place[0])))
    return Clip("shake", developed(rng, frames))


def passers(rng: np.random.Generator) -> Clip:
    """People walk by close to a fixed camera, in few frames, and somebody stays."""
    room, frames = painted(rng), []
    walks = [(person(rng), int(at), float(rng.uniform(0.04, 0.12))) for at in (20, 60, 100)]
    for i in range(150):
        frame = view(room, 0, 0)
        for who, at, speed in walks:
            x = -0.9 + speed * (i - at)
            if i >= at and x < 0.9:
                frame = stand(frame, *who, x, 1.6)
        frames.append(frame)
    return Clip("passers", developed(rng, frames))


def stalls(rng: np.random.Generator) -> Clip:
    """A recorder that drops frames: every picture several times, then a jump to where the pan is by then."""
    shot = filmed(rng, 160, Move(drift_x=float(rng.uniform(0.006, 0.015))))
    n = int(rng.integers(4, 9))
    return Clip("stalls", developed(rng, [shot[i - i % n] for i in range(160)]))


def _mixed(shots: list[list[Floats]], lengths: list[int]) -> tuple[list[Floats], list[Span]]:
    """Shots dissolved one into the next: both go on moving while they are mixed."""
    frames, spans = list(shots[0]), []
    for shot, n in zip(shots[1:], lengths, strict=True):
        start = len(frames) - n
        for i in range(n):
            share = np.float32((i + 1) / (n + 1))
            frames[start + i] = frames[start + i] * (1 - share) + shot[i] * share
        frames += shot[n:]
        spans.append(Span(start, start + n, "dissolve"))
    return frames, spans


def dissolves(rng: np.random.Generator) -> Clip:
    """Dissolves of 6 to 75 frames between shots that move."""
    lengths = [int(n) for n in rng.choice([6, 10, 15, 25, 40, 75], 3)]
    before, after = [0, *lengths], [*lengths, 0]
    shots = [filmed(rng, a + b + int(rng.integers(20, 50))) for a, b in zip(before, after, strict=True)]
    frames, spans = _mixed(shots, lengths)
    return Clip("dissolves", developed(rng, frames), spans=tuple(spans))


def still_dissolves(rng: np.random.Generator) -> Clip:
    """Dissolves between shots on a tripod."""
    lengths = [int(n) for n in rng.choice([6, 10, 15, 25, 40, 75], 3)]
    before, after = [0, *lengths], [*lengths, 0]
    shots = [filmed(rng, a + b + int(rng.integers(20, 50)), Move()) for a, b in zip(before, after, strict=True)]
    frames, spans = _mixed(shots, lengths)
    return Clip("still dissolves", developed(rng, frames), spans=tuple(spans))


def lookalike_dissolves(rng: np.random.Generator) -> Clip:
    """Dissolves from one person to another before the same wall."""
    room, lengths = painted(rng), [int(n) for n in rng.choice([10, 15, 25, 40], 2)]
    shots = []
    for a, b in zip([0, *lengths], [*lengths, 0], strict=True):
        who, x, scale = person(rng), rng.uniform(-0.05, 0.05), float(rng.uniform(1.0, 1.3))
        n = a + b + int(rng.integers(20, 50))
        shots.append([stand(view(room, 0, 0), *who, float(x + 0.01 * np.sin(0.2 * i)), scale) for i in range(n)])
    frames, spans = _mixed(shots, lengths)
    return Clip("lookalike dissolves", developed(rng, frames), spans=tuple(spans))


def fades(rng: np.random.Generator) -> Clip:
    """Fades out to black, white or a colour, a pause, and in again to another shot."""
    frames: list[Floats] = []
    spans = []
    colours = (np.zeros(3), np.full(3, 16.0), np.full(3, 255.0), np.array([20.0, 20.0, 60.0]))
    previous = filmed(rng, 40)
    for _ in range(2):
        colour = colours[int(rng.integers(4))].astype(np.float32)
        out, pause, into = (int(n) for n in (rng.integers(8, 50), rng.integers(0, 20), rng.integers(8, 50)))
        following = filmed(rng, 40 + into)
        tail = len(previous) - min(out, len(previous) - 10)
        frames += previous[:tail]
        spans.append(Span(len(frames), len(frames) + len(previous) - tail, "fade"))
        n = len(previous) - tail
        frames += [f + (colour - f) * np.float32((i + 1) / n) for i, f in enumerate(previous[tail:])]
        frames += [np.broadcast_to(colour, previous[0].shape).astype(np.float32)] * pause
        spans.append(Span(len(frames), len(frames) + into, "fade"))
        frames += [colour + (f - colour) * np.float32((i + 1) / (into + 1)) for i, f in enumerate(following[:into])]
        previous = following[into:]
    return Clip("fades", developed(rng, frames + previous), spans=tuple(spans))


def wipes(rng: np.random.Generator) -> Clip:
    """One picture pushes an edge over the other."""
    n = int(rng.integers(10, 40))
    first, second = filmed(rng, 40 + n), filmed(rng, 40 + n)
    frames = list(first)
    for i in range(n):
        edge = WIDTH * (i + 1) // (n + 1)
        frames[40 + i] = np.concatenate([second[i][:, :edge], first[40 + i][:, edge:]], axis=1)
    return Clip("wipes", developed(rng, frames + second[n:]), spans=(Span(40, 40 + n, "wipe"),))


def short_dissolves(rng: np.random.Generator) -> Clip:
    """Dissolves of 3 to 5 frames: too long for a cut with a blended frame, too short to be seen as one."""
    lengths = [int(n) for n in rng.integers(3, 6, 4)]
    before, after = [0, *lengths], [*lengths, 0]
    shots = [filmed(rng, a + b + int(rng.integers(20, 50))) for a, b in zip(before, after, strict=True)]
    frames, spans = _mixed(shots, lengths)
    return Clip("short dissolves", developed(rng, frames), spans=tuple(spans))


def shaped_wipes(rng: np.random.Generator) -> Clip:
    """Wipes of 6 to 45 frames from any side, from a corner, or from the middle, with a sharp or a soft edge."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    y, x = (y + 0.5) / HEIGHT, (x + 0.5) / WIDTH
    frames, spans = filmed(rng, 95), []
    for _ in range(2):
        shapes = (x, 1 - x, y, 1 - y, (x + y) / 2, (1 - x + y) / 2, np.hypot(x - 0.5, y - 0.5) / np.hypot(0.5, 0.5))
        when = shapes[int(rng.integers(len(shapes)))]
        n, soft = int(rng.choice([6, 10, 15, 25, 45])), float(rng.choice([0.01, 0.05, 0.2]))
        shot = filmed(rng, n + 50)
        start = len(frames) - n
        for i in range(n):
            reached = (i + 1) / (n + 1) * (1 + soft)
            share = np.clip((reached - when) / soft, 0, 1)[..., None].astype(np.float32)
            frames[start + i] = frames[start + i] * (1 - share) + shot[i] * share
        frames += shot[n:]
        spans.append(Span(start, start + n, "wipe"))
    return Clip("shaped wipes", developed(rng, frames), spans=tuple(spans))


KINDS: Final[tuple[Callable[[np.random.Generator], Clip], ...]] = (
    cuts, lookalike, flashes, lights, pans, zooms, shake, passers, stalls, dissolves, still_dissolves,
    lookalike_dissolves, fades, wipes, short_dissolves, shaped_wipes,
)  # fmt: skip
"""In this order for ever: a kind's place is part of its films' seed."""


def clips(seeds: range) -> Iterator[tuple[int, Clip]]:
    """A clip of every kind for each seed."""
    for seed in seeds:
        for number, kind in enumerate(KINDS):
            yield seed, kind(np.random.default_rng((seed, number)))
