"""Whether a model fits the machine: an estimate of its memory against what is there."""

import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from rushes.infra.weights.registry import KnownModel

BATCH: Final = 16
"""Pictures at once, as the embedders take them."""

BYTES_A_VALUE: Final = 4
"""float32, as on a CPU; a GPU in bfloat16 needs half."""

LIVE_VALUES: Final = 24
"""Values held at once per token and channel of a transformer: peaks of ViT-S, B and L at 224 pixels, rounded up
(measured: docs/models.md)."""

RUNTIME_BYTES: Final = {"torch": 850 << 20, "onnx": 150 << 20}
"""Of the libraries themselves, once per process, where they take most (measured: docs/models.md)."""

_ONE_BY_ONE: Final = frozenset({"sface", "yunet"})
"""OpenCV's classes take a picture at a time."""

_ONNX: Final = frozenset({"onnx", *_ONE_BY_ONE})


@dataclass(frozen=True, slots=True)
class Device:
    """Memory of the device that would run it. `free_bytes`: now."""

    name: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether it fits: `yes`, `tight` (in the total, but not in what is free now) or `no`."""

    needs_bytes: int
    device: Device

    @property
    def verdict(self) -> str:
        if self.needs_bytes > self.device.total_bytes:
            return "no"
        return "yes" if self.needs_bytes <= self.device.free_bytes else "tight"


def memory_needed(model: KnownModel) -> int:
    """Bytes while it embeds batches of BATCH in float32: parameters, pictures, live activations and the runtime."""
    height, width = model.input_size or (640, 640)
    batch = 1 if model.family in _ONE_BY_ONE else BATCH
    pictures = batch * height * width * 3 * BYTES_A_VALUE
    activations = batch * model.tokens * (model.dim or 0) * LIVE_VALUES * BYTES_A_VALUE
    if model.tokens == 0:  # convolutional: maps of some 64 channels at half the size
        activations = batch * height * width // 4 * 64 * BYTES_A_VALUE
    runtime = RUNTIME_BYTES["onnx" if model.family in _ONNX else "torch"]
    return model.parameters * BYTES_A_VALUE + pictures + activations + runtime


def device_here() -> Device:
    """The first CUDA device, where the driver's tool tells of one; else main memory, within the container's limit."""
    with suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
        tool = shutil.which("nvidia-smi")
        if tool is not None:
            query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
            told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - fixed
            name, mib, free_mib = (part.strip() for part in told.stdout.splitlines()[0].split(","))
            return Device(name, int(mib) << 20, int(free_mib) << 20)
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    limit = _container_limit()
    if limit is not None and limit < total:
        total, free = limit, min(free, limit)
    return Device("main memory", total, free)


def _container_limit() -> int | None:
    """Of control group 2; None where there is none."""
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def device_of(model: KnownModel, device: Device) -> Device:
    """Where the model would run: those by ONNX and OpenCV run on the CPU, whatever else is there."""
    if model.family not in _ONNX or device.name == "main memory":
        return device
    memory = psutil.virtual_memory()
    return Device("main memory", memory.total, memory.available)


def fit(model: KnownModel, device: Device) -> Fit:
    """The estimate for one model on a device."""
    return Fit(memory_needed(model), device_of(model, device))
