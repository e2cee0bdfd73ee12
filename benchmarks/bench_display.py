"""What a display transform costs: python benchmarks/bench_display.py

A frame of 3840 x 2160 in 10 bits is turned into the picture that is stored, without a transform and with each of some,
one after the other in each round. Told: seconds of one core, median and spread.
"""

import statistics
import time
from fractions import Fraction
from typing import Final

import av
import numpy as np
from environment import describe

from rushes.infra.media.film_pictures import KeptFrame

ROUNDS: Final = 7
WIDTH, HEIGHT = 3840, 2160
TRANSFORMS: Final = (None, "smpte2084/bt2020/1000", "arib-std-b67/bt2020", "s-log3/s-gamut3.cine", "sdr/smpte432")


def frame() -> av.VideoFrame:
    """Soft shapes over all tones, and noise as of a sensor."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    shapes = [32_768 * (1 + np.sin(6.3 * (fx * x + fy * y))) for fx, fy in ((1, 0.5), (0.7, 2), (2, 1.3))]
    noise = np.random.default_rng(1).normal(0, 600, (HEIGHT, WIDTH, 1))
    codes = np.clip(np.stack(shapes, axis=-1) + noise, 0, 65_535).astype(np.uint16)
    return av.VideoFrame.from_ndarray(codes, format="rgb48le").reformat(format="yuv420p10le")


def main() -> None:
    print(describe("av", "numpy", "pillow"))
    picture = frame()
    seconds: dict[str | None, list[float]] = {name: [] for name in TRANSFORMS}
    for name in TRANSFORMS:
        KeptFrame.of(picture, Fraction(1), HEIGHT, name).to_image()  # tables are made once
    for _ in range(ROUNDS):
        for name in TRANSFORMS:
            kept = KeptFrame.of(picture, Fraction(1), HEIGHT, name)
            begin_s = time.process_time()
            kept.to_image()
            seconds[name].append(time.process_time() - begin_s)
    for name, each in seconds.items():
        print(f"{name or 'none':24} {statistics.median(each):.3f} s ({min(each):.3f} to {max(each):.3f})")


if __name__ == "__main__":
    main()
