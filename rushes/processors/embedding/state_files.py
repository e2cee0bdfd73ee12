"""Tensors of a weight file that is no folder of transformers: safetensors, or torch's own format without code in it."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


def read_state(file: Path) -> "dict[str, torch.Tensor]":
    """By name. Raises ConfigurationError for a file that holds anything but tensors (a pickle can hold a program)."""
    import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used
    from safetensors import SafetensorError  # noqa: PLC0415 - as above
    from safetensors.torch import load_file  # noqa: PLC0415 - as above

    try:
        if file.suffix == ".safetensors":
            return load_file(str(file))
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ConfigurationError(f"expected tensors in {file}, found a file that does not load: {error}") from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ConfigurationError(f"expected a dict of tensors by name in {file}, found {type(state).__name__}")
    return {str(name): value for name, value in state.items()}
