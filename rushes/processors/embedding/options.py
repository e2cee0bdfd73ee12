"""What a caller chooses of a model's running; the model itself is chosen by its family and weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16", "float16"]

Fetch = Callable[[str], Path]
"""From a model's name on the hub (`facebook/dinov2-small`) to a local folder with all its files; downloads where it
must. Raises ConfigurationError that says why it could not."""


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How to run a model. Vectors depend on `image_size` and `clip_frames` alone, and these are in the model's id."""

    device: str = "auto"
    """`auto` (CUDA, then MPS, then the CPU), `cpu`, `cuda`, `cuda:1`, `mps`."""
    precision: Precision = "auto"
    threads: int = 0
    """Of the CPU; 0: the library's own choice. torch's number of threads is that of the whole process."""
    batch: int | None = None
    """Pictures of one pass at most; None: what suits the device."""
    compile: bool = False
    """`torch.compile`: 1.1 times as fast on a CPU (ViT-S/14 in float32), for a start of minutes with a C++ compiler."""
    image_size: int | None = None
    """Side of the model's square input in pixels; None: what its weights were trained with."""
    clip_frames: int = 16
    """Frames that a model of clips looks at."""
    tiles: int = 6
    """Tiles of the three-level InternViT at most."""
    fetch: Fetch | None = None
    """None: nothing is downloaded."""
