"""Embedders of pictures and texts in one space. The text tower is loaded when the first text comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Vectors, unit_rows
from rushes.processors.embedding.torch_embedder import Backend, TorchEmbedder
from rushes.processors.embedding.weights import Weights
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

BATCH: Final = 32
"""Texts of one pass."""


class Tokenizer(Protocol):
    """What is used of a tokenizer of transformers."""

    def __call__(self, text: list[str], **settings: object) -> dict[str, NDArray[np.int64]]: ...


@dataclass(frozen=True, slots=True)
class TextTower:
    """`vectors` gets the model and what the tokenizer gave, each (n, `length`)."""

    model: "torch.nn.Module"
    tokenizer: Tokenizer
    length: int
    vectors: "Callable[[torch.nn.Module, dict[str, torch.Tensor]], torch.Tensor]"


class ImageTextEmbedder(TorchEmbedder):
    """TorchEmbedder and TextEmbedder. Texts run in float32 beside the pictures' model: they are few."""

    def __init__(self, backend: Backend, options: BackendOptions, load_text: Callable[[], TextTower]) -> None:
        super().__init__(backend, options)
        self._load_text = load_text
        self._text: TextTower | None = None

    def unload(self) -> None:
        self._text = None
        super().unload()

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used

        loaded = self.ready()
        if not texts:
            return np.empty((0, loaded.tower.dim), np.float32)
        if self._text is None:
            self._text = self._load_text()
            self._text.model.eval().requires_grad_(requires_grad=False).to(loaded.device)
        tower = self._text
        rows = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                part = list(texts[start : start + BATCH])
                tokens = tower.tokenizer(
                    part, padding="max_length", truncation=True, max_length=tower.length, return_tensors="np"
                )
                inputs = {name: torch.from_numpy(np.asarray(ids)).to(loaded.device) for name, ids in tokens.items()}
                rows.append(tower.vectors(tower.model, inputs).float().cpu().numpy())
        return unit_rows(np.concatenate(rows))


def read_tokenizer(weights: Weights) -> Tokenizer:
    """The tokenizer beside the weights, from local files alone. Raises ConfigurationError."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - seconds to import

    try:
        return cast("Tokenizer", AutoTokenizer.from_pretrained(str(weights.path), local_files_only=True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"expected a tokenizer (tokenizer.json, tokenizer_config.json) in {weights.path} for texts, found none "
            f"that loads: {error}"
        ) from error
