"""Films with known cuts and transitions, as files: python benchmarks/shot_material.py OUT [--seeds 100:103]

Writes OUT/KIND-SEED.mp4 for every kind of clip, OUT/VARIANT-SEED.* for one clip in many formats, and OUT/shots.json,
which says for each file `hard_cuts` (first frame of the new shot, counting decoded frames) and `gradual` (first mixed
frame, first behind, kind). The same seeds give the same pictures; seeds from 100 on were never developed on.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import av
import numpy as np
from shot_scenes import HEIGHT, WIDTH, Clip, Picture, Span, clips, developed, dissolves, filmed

RATE: Final = 25
GOP: Final = 12
MIXED: Final = 14
"""What `mixed` has in its seeds beside those of `KINDS`, of which there were so many: its films stay the same."""

PTS_WRAP: Final = 2**33
"""The timestamps of a transport stream have 33 bits, in 1/90000 s."""

TICKS: Final = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a clip becomes a file."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = (("preset", "veryfast"), ("crf", "23"))
    rotation: int = 0
    first_pts: int = 0
    dropped_packets: int = 0
    frame_ticks: Callable[[int], int] = lambda _: 90_000 // RATE


PLAIN: Final = Encoding()


def write(path: Path, frames: Iterable[Picture], how: Encoding = PLAIN) -> Path:
    """Encode RGB frames of 320 x 180; timestamps count 1/90000 s from `how.first_pts`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(how.codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, how.pixels
        stream.codec_context.gop_size = GOP
        stream.codec_context.time_base = TICKS
        stream.time_base = TICKS
        stream.codec_context.options = dict(how.options)
        if how.rotation:
            stream.set_display_rotation(how.rotation)
        for packet in islice(_packets(stream, frames, how), how.dropped_packets, None):
            container.mux(packet)
    return path


def _packets(stream: av.VideoStream, frames: Iterable[Picture], how: Encoding) -> Iterator[av.Packet]:
    pts = how.first_pts
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = pts, TICKS
        pts += how.frame_ticks(number)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def mixed(rng: np.random.Generator) -> Clip:
    """Cuts and a dissolve in one clip: what the formats are tried on."""
    first, second = dissolves(rng), [filmed(rng, int(rng.integers(25, 45))) for _ in range(3)]
    cuts, frames = [], list(first.frames)
    for shot in second:
        cuts.append(len(frames))
        frames += developed(rng, shot)
    return Clip("mixed", frames, tuple(cuts), first.spans)


def interlaced(clip: Clip) -> Clip:
    """Two frames woven into one, field by field: half the rate. A cut may fall between the fields of a frame."""
    pairs = zip(clip.frames[0::2], clip.frames[1::2], strict=False)
    woven = []
    for first, second in pairs:
        frame = first.copy()
        frame[1::2] = second[1::2]
        woven.append(frame)
    spans = tuple(Span(s.start // 2, s.end // 2, s.kind) for s in clip.spans)
    return Clip("interlaced", woven, tuple((cut + 1) // 2 for cut in clip.cuts), spans)


def blended(clip: Clip) -> Clip:
    """Every cut has one frame that is half of both, as a change of frame rate leaves it."""
    frames = list(clip.frames)
    for cut in clip.cuts:
        frames[cut] = ((frames[cut - 1].astype(np.uint16) + frames[cut]) // 2).astype(np.uint8)
    return replace(clip, frames=frames)


def later(clip: Clip, frames: int) -> Clip:
    """The clip without its first frames."""
    spans = tuple(Span(s.start - frames, s.end - frames, s.kind) for s in clip.spans if s.start >= frames)
    return Clip(clip.name, clip.frames[frames:], tuple(c - frames for c in clip.cuts if c > frames), spans)


H264: Final = PLAIN.options
VARIANTS: Final[dict[str, tuple[Encoding, Callable[[Clip], Clip]]]] = {
    "h264": (PLAIN, lambda clip: clip),
    "starved": (replace(PLAIN, options=(("preset", "veryfast"), ("crf", "38"))), lambda clip: clip),
    "vfr": (replace(PLAIN, suffix=".mkv", frame_ticks=lambda i: (1500, 3600, 7200)[i % 3]), lambda clip: clip),
    "interlaced": (replace(PLAIN, options=(*H264, ("flags", "+ildct+ilme"), ("x264-params", "tff=1"))), interlaced),
    "blended": (PLAIN, blended),
    "hevc10": (
        Encoding(".mkv", "libx265", "yuv420p10le", (("preset", "ultrafast"), ("x265-params", "log-level=none"))),
        lambda clip: clip,
    ),
    "prores": (Encoding(".mov", "prores_ks", "yuv422p10le", ()), lambda clip: clip),
    "wrap": (replace(PLAIN, suffix=".ts", first_pts=PTS_WRAP - 90_000), lambda clip: clip),
    "rotated": (replace(PLAIN, rotation=90), lambda clip: clip),
    "headless": (
        replace(PLAIN, suffix=".ts", options=(*H264, ("bf", "0"), ("sc_threshold", "0")), dropped_packets=5),
        lambda clip: clip,
    ),
}
"""One clip in many formats: what its encoding is, and what happens to its frames first. `headless` begins in the middle
of a group of pictures, so that what is decoded begins with its second key frame."""


def films(seeds: range) -> Iterator[tuple[str, Clip, Encoding]]:
    """File names with their clips (frames and truth as decoded) and encodings."""
    for seed, clip in clips(seeds):
        yield f"{clip.name.replace(' ', '-')}-{seed}.mp4", clip, PLAIN
    for seed in seeds:
        clip = mixed(np.random.default_rng((seed, MIXED)))
        for name, (how, change) in VARIANTS.items():
            yield f"{name}-{seed}{how.suffix}", change(clip), how


def truth_of(clip: Clip, how: Encoding) -> dict[str, object]:
    """What is known of a film, as `shots.json` tells it."""
    decoded = later(clip, GOP) if how.dropped_packets else clip
    return {
        "hard_cuts": list(decoded.cuts),
        "gradual": [[span.start, span.end, span.kind] for span in decoded.spans],
        "frames_decoded": len(decoded.frames),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="100:103", help="first and last but one seed (default: %(default)s)")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    truth = {}
    for name, clip, how in films(range(*(int(n) for n in chosen.seeds.split(":")))):
        write(chosen.out / name, clip.frames, how)
        truth[name] = truth_of(clip, how)
        print(name, truth[name])
    (chosen.out / "shots.json").write_text(json.dumps({"videos": truth}, indent=1))


if __name__ == "__main__":
    main()
