"""Which device and precision a torch model runs on. What is chosen for the caller says why; what is asked for and is
not there is an error, never something else in silence."""

from typing import TYPE_CHECKING, Final

from rushes.processors.embedding.options import Precision
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

BATCHES: Final = {"cuda": 64, "mps": 16, "cpu": 8}
"""Pictures of one pass by device, of a backbone of ViT-S to ViT-L size at 224: a CPU gains nothing beyond a few."""

BFLOAT16_CPU: Final = ("avx512_bf16", "amx_bf16")
"""Instructions of a CPU that multiply bfloat16, as torch names them."""


def chosen_device(wanted: str) -> "torch.device":
    """`auto`: CUDA, then MPS, then the CPU. Raises ConfigurationError for one that is not there."""
    import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, found in there.items() if found))
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigurationError(f"expected a device auto, cpu, cuda, cuda:N or mps, found {wanted!r}") from error
    found = there.get(device.type, False)
    if found and device.type == "cuda":
        found = (device.index or 0) < torch.cuda.device_count()
    if not found:
        names = ", ".join(name for name, is_there in there.items() if is_there)
        raise ConfigurationError(f"expected the device {wanted}, found only {names}: choose one of them, or auto")
    return device


def chosen_precision(wanted: Precision, device: "torch.device") -> "torch.dtype":
    """`auto`: the narrow type where the device computes faster in it.

    On a CPU that is bfloat16 where it has instructions for it. Measured with AVX-512's, in processor time: 1.8 times as
    fast for a ViT-S/14, 2.0 for InceptionResnetV1, 2.1 for a ConvNeXt, 1.1 for a MobileNet v3; cosines from .9999.
    """
    import torch  # noqa: PLC0415 - loaded by now

    named = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if wanted != "auto":
        return named[wanted]
    match device.type:
        case "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        case "mps":
            return torch.float16
        case _:
            has = torch.cpu.get_capabilities()
            return torch.bfloat16 if any(has.get(name, False) for name in BFLOAT16_CPU) else torch.float32
