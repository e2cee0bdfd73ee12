"""Any torch model as an Embedder: device, precision, fixed batches and memory in one place; families give the tower.

Loading goes: weights in float32, a look whether the narrow precision agrees with it on a fixed input, then a first pass
(warm-up). Where the precision disagrees, float32 stays and the facts say so. Rows of a picture agree to rounding
whatever the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.devices import BATCHES, chosen_device, chosen_precision
from rushes.processors.embedding.fixed_batches import FixedBatches
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import (
    FACE_TEMPLATE,
    Facts,
    Image,
    Prepared,
    Reduction,
    Template,
    Vectors,
    unit_rows,
)
from rushes.schemas.errors import DependencyUnavailable
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    import torch

    Function = Callable[[torch.Tensor, torch.dtype], torch.Tensor]

AGREES: Final = 0.999
"""Cosine to float32 that a narrower precision must reach on every row of the fixed input."""

PROBES: Final = 2


class Tower(Protocol):
    """A model in memory, on whatever device it was moved to."""

    @property
    def model(self) -> "torch.nn.Module": ...

    @property
    def dim(self) -> int: ...

    def vectors(self, pixels: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
        """(n, d), not normalised, from what `prepare` gave, stacked and on the device."""
        ...


class GridTower(Tower, Protocol):
    """A tower whose feature map can be pooled."""

    def grid(self, pixels: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
        """(n, d, rows, columns)."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """A model by its weights, before it is in memory."""

    model_id: ModelId
    size: tuple[int, int]
    """Height and width of what the model sees."""
    prepare: Callable[[Image], Prepared]
    reduction: Callable[[int, int], Reduction]
    load: Callable[[], Tower]
    """In float32 on the CPU. Raises ConfigurationError where the weights are not those of the model."""
    template: Template = FACE_TEMPLATE
    """Of the aligned crops, where the model is used for faces."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    tower: Tower
    device: "torch.device"
    dtype: "torch.dtype"
    batches: FixedBatches
    facts: Facts

    def run(self, function: "Function", prepared: Sequence[Prepared]) -> "list[tuple[torch.Tensor, int]]":
        """What `function` gives of each pass, on the device, and how many of its rows count."""
        import torch  # noqa: PLC0415 - loaded by now

        def forward(stack: NDArray[np.generic]) -> torch.Tensor:
            return function(_moved(stack, self.device), self.dtype)

        with torch.inference_mode():
            return self.batches.run(forward, prepared)


class TorchEmbedder:
    """Embedder of a Backend, for faces too. Not for use by two threads at once, but for `prepare`."""

    weak = False

    def __init__(self, backend: Backend, options: BackendOptions) -> None:
        self._backend = backend
        self._options = options
        self._loaded: _Loaded | None = None

    @property
    def model_id(self) -> ModelId:
        return self._backend.model_id

    @property
    def dim(self) -> int:
        return self.ready().tower.dim

    @property
    def batch(self) -> int:
        """What the caller chose, else what suits the device. Raises ConfigurationError where that is not there."""
        return self._options.batch or BATCHES[chosen_device(self._options.device).type]

    @property
    def facts(self) -> Facts:
        return (
            self._loaded.facts if self._loaded else Facts(device=self._options.device, batch=self._options.batch or 1)
        )

    @property
    def out_of_memory(self) -> int:
        """How often a pass was tried anew in halves."""
        return self._loaded.batches.halved if self._loaded else 0

    @property
    def template(self) -> Template:
        return self._backend.template

    @property
    def crop_size(self) -> tuple[int, int]:
        return self._backend.size

    def load(self) -> None:
        self.ready()

    def unload(self) -> None:
        if self._loaded is not None:
            self._loaded = None
            _release()

    def prepare(self, image: Image) -> Prepared:
        return self._backend.prepare(image)

    def embed(self, images: Sequence[Image]) -> Vectors:
        return self.forward([self.prepare(image) for image in images])

    def reduction(self, height: int, width: int) -> Reduction:
        return self._backend.reduction(height, width)

    def forward(self, prepared: Sequence[Prepared]) -> Vectors:
        loaded = self.ready()
        if not prepared:
            return np.empty((0, loaded.tower.dim), np.float32)
        return unit_rows(gathered(loaded.run(loaded.tower.vectors, prepared)))

    def ready(self) -> _Loaded:
        """The model in memory. Raises DependencyUnavailable where there is no room for it."""
        if self._loaded is None:
            import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used

            try:
                self._loaded = _load(self._backend, self._options)
            except torch.OutOfMemoryError as error:
                _release()
                raise DependencyUnavailable(
                    f"expected memory on the device for {self.model_id}, found too little ({error}): end what else "
                    f"uses the device, or choose a smaller model",
                    retry_after_s=5.0,
                ) from error
        return self._loaded


def gathered(passes: "Sequence[tuple[torch.Tensor, int]]") -> NDArray[np.float32]:
    """Rows of all passes as one array. Waits for the device only here, so that passes queue up behind each other."""
    import torch  # noqa: PLC0415 - loaded by now

    rows = torch.cat([rows[:count] for rows, count in passes])
    return np.asarray(rows.float().cpu().numpy(), np.float32)


def _load(backend: Backend, options: BackendOptions) -> _Loaded:
    import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used

    if options.threads:
        torch.set_num_threads(options.threads)
    device = chosen_device(options.device)
    dtype = chosen_precision(options.precision, device)
    tower = _placed(backend, device)
    probes = _probes(backend)
    notes: list[str] = []
    if dtype != torch.float32 and (why := _strays(tower, probes, dtype, device)) is not None:
        notes.append(f"float32 instead of {str(dtype).removeprefix('torch.')}: {why}")
        tower, dtype = _placed(backend, device), torch.float32  # from its files: what was rounded stays rounded
    if options.compile:
        tower.model.compile()
    largest = options.batch or BATCHES[device.type]

    batches = FixedBatches(
        largest=largest,
        pad=device.type != "cpu" or options.compile,
        out_of_memory=torch.OutOfMemoryError,
        release=_release,
    )
    facts = Facts(
        device=str(device),
        precision=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads() if device.type == "cpu" else None,
        batch=largest,
        compiled=options.compile,
        notes=tuple(notes),
    )
    loaded = _Loaded(tower, device, dtype, batches, facts)
    gathered(loaded.run(tower.vectors, probes[:1] if device.type == "cpu" else probes[:1] * largest))
    return loaded


def _placed(backend: Backend, device: "torch.device") -> Tower:
    """In float32 on the device, for inference alone."""
    tower = backend.load()
    tower.model.eval().requires_grad_(requires_grad=False).to(device)
    return tower


def _strays(tower: Tower, probes: Sequence[Prepared], dtype: "torch.dtype", device: "torch.device") -> str | None:
    """Moves the model to `dtype`. Says why where its vectors then are not those of float32; None: they are."""
    import torch  # noqa: PLC0415 - loaded by now

    inputs = _moved(np.stack(probes), device)
    with torch.inference_mode():
        exact = unit_rows(tower.vectors(inputs, torch.float32).float().cpu().numpy())
        tower.model.to(dtype)
        try:
            narrow = unit_rows(tower.vectors(inputs, dtype).float().cpu().numpy())
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # an operation that this device lacks in this type
            return f"it fails there: {error}"
    worst = float(np.nan_to_num((exact * narrow).sum(axis=1), nan=-1.0).min())
    return None if worst >= AGREES else f"its vectors agree to a cosine of {worst:.5f}, at least {AGREES} is expected"


def _moved(stack: NDArray[np.generic], device: "torch.device") -> "torch.Tensor":
    """On the device; through pinned memory where the copy then runs beside the computing."""
    import torch  # noqa: PLC0415 - loaded by now

    tensor = torch.from_numpy(stack)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _probes(backend: Backend) -> list[Prepared]:
    """Fixed pictures with what pictures have: gradients, edges, fine structure, black and white."""
    height, width = backend.size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    pictures = []
    for index in range(PROBES):
        waves = np.sin(x * (0.05 + 0.11 * index)) * np.cos(y * 0.07) + ((x // 31 + y // 23) % 2) * 0.5
        planes = np.stack([x / width, y / height, waves / 3 + 0.5], axis=-1)
        planes[: height // 8] = index
        pictures.append((np.clip(planes, 0, 1) * 255).astype(np.uint8))
    return [backend.prepare(picture) for picture in pictures]


def _release() -> None:
    """Give cached device memory back."""
    import torch  # noqa: PLC0415 - loaded by now

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
