"""Any embedder in an ONNX file. Its input's layout, size and batch are read from the file itself."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.preprocessing import Preprocessing, numbers, read_preprocessing, sized
from rushes.processors.embedding.protocol import Facts, Image, Prepared, Reduction, Template, Vectors, unit_rows
from rushes.processors.embedding.shrinking import reduction
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MAX_DIM: Final = 16384
"""Values of a vector; the codec's limit."""

FLOATS: Final[dict[str, type[np.floating]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}

PROVIDERS: Final = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider", "cpu": "CPUExecutionProvider"}
"""Of onnxruntime by device, the fastest first."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: "InferenceSession"
    input_name: str
    output_name: str
    size: tuple[int, int]
    channels_first: bool
    fixed_batch: int | None
    dtype: type[np.floating]
    dim: int
    device: str
    numbers: NDArray[np.float32]
    """What each level becomes, (1, 256, 3)."""


class OnnxEmbedder:
    """Embedder of a file; for faces too, where its crops follow `template`. Raises ConfigurationError at `load`."""

    weak = False

    def __init__(
        self,
        model_file: Path,
        *,
        threads: int,
        batch: int = 16,
        default_size: tuple[int, int] = (224, 224),
        device: str = "auto",
    ) -> None:
        """Reads and hashes the file; `default_size` (height, width) serves a model that takes any size.

        `device` auto takes a GPU where this onnxruntime was built for one, else the CPU; `threads` 0 are the library's
        choice.
        """
        if not model_file.is_file():
            raise ConfigurationError(f"expected an ONNX embedder at {model_file}, found no such file")
        self._file = model_file
        self._threads = threads
        self._batch = batch
        self._default_size = default_size
        self._device = device
        self._how: Preprocessing = read_preprocessing(model_file)
        self._model_id = ModelId(f"onnx/{_weights_hash(model_file)[:16]}/{self._how.version}")
        self._loaded: _Loaded | None = None

    @property
    def model_id(self) -> ModelId:
        return self._model_id

    @property
    def dim(self) -> int:
        return self._ready().dim

    @property
    def batch(self) -> int:
        return self._batch

    @property
    def facts(self) -> Facts:
        loaded = self._loaded
        return Facts(
            device=self._device if loaded is None else loaded.device,
            precision="float32" if loaded is None else np.dtype(loaded.dtype).name,
            threads=self._threads or None,
            batch=self._batch if loaded is None else loaded.fixed_batch or self._batch,
        )

    @property
    def template(self) -> Template:
        return self._how.template

    @property
    def crop_size(self) -> tuple[int, int]:
        return self._ready().size

    def load(self) -> None:
        self._ready()

    def unload(self) -> None:
        self._loaded = None

    def embed(self, images: Sequence[Image]) -> Vectors:
        return self.forward([self.prepare(image) for image in images])

    def prepare(self, image: Image) -> Prepared:
        """(3, h, w) or (h, w, 3) uint8, as the model is laid out: a quarter of the bytes of its numbers."""
        model = self._ready()
        levels = sized(image, self._how, model.size)
        return np.array(levels.transpose(2, 0, 1) if model.channels_first else levels, order="C")

    def forward(self, prepared: Sequence[Prepared]) -> Vectors:
        model = self._ready()
        if not prepared:
            return np.empty((0, model.dim), np.float32)
        step = model.fixed_batch or self._batch
        rows = [_run(model, prepared[start : start + step]) for start in range(0, len(prepared), step)]
        return unit_rows(np.concatenate(rows))

    def reduction(self, height: int, width: int) -> Reduction:
        return reduction(height, width, self._ready().size, self._how.fit)

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _load(self._file, self._how, self._default_size, self._threads, self._device)
        return self._loaded


def _weights_hash(model_file: Path) -> str:
    """SHA-256 over the file and the external weights that ONNX exporters put beside it."""
    digest = hashlib.sha256()
    beside = (model_file.with_name(model_file.name + suffix) for suffix in (".data", "_data"))
    for part in (model_file, *beside):
        if part.is_file():
            with part.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def _load(model_file: Path, how: Preprocessing, default_size: tuple[int, int], threads: int, device: str) -> _Loaded:
    import onnxruntime  # noqa: PLC0415 - half a second, and only where an ONNX model is used

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait for work take cores from those that decode the next pictures: with the cores
    # shared, a forward pass of a MobileNet takes .75 of the time without (spinning threads win only on idle cores).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # fatal only: what it would log is in the error that it raises
    provider, settings = _provider(device, onnxruntime.get_available_providers())
    with _refused_by_name(model_file):
        providers: dict[str, dict[str, str]] = {PROVIDERS["cpu"]: {}} | {provider: settings}
        session = onnxruntime.InferenceSession(str(model_file), options, providers=list(reversed(providers.items())))
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in FLOATS:
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise ConfigurationError(f"expected {model_file} to have one float input of 4 axes (pictures), found {found}")
    shape = inputs[0].shape
    channels_first = _channels_first(model_file, shape, how)
    height, width = (shape[2], shape[3]) if channels_first else (shape[1], shape[2])
    fallback = how.size or default_size
    size = (height if isinstance(height, int) else fallback[0], width if isinstance(width, int) else fallback[1])
    fixed_batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
    dtype = FLOATS[inputs[0].type]
    blank = np.zeros((fixed_batch or 1, 3, *size) if channels_first else (fixed_batch or 1, *size, 3), dtype)
    with _refused_by_name(model_file):
        output_name, dim = _vector_output(model_file, session, inputs[0].name, blank, how)
    ran_on = next(name for name, known in PROVIDERS.items() if known == session.get_providers()[0])
    return _Loaded(
        session, inputs[0].name, output_name, size, channels_first, fixed_batch, dtype, dim, ran_on, numbers(how)
    )


def _provider(device: str, available: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The execution provider and its settings. Raises ConfigurationError for a device that is not there."""
    kind, _, index = device.partition(":")
    if kind == "auto":
        kind = next(name for name, provider in PROVIDERS.items() if provider in available)
    if kind not in PROVIDERS or PROVIDERS[kind] not in available:
        there = ", ".join(name for name, provider in PROVIDERS.items() if provider in available)
        raise ConfigurationError(
            f"expected a device auto, cpu, cuda, cuda:N or mps that onnxruntime was built for, found {device!r} where "
            f"there is {there}: choose one of them, or install the build for it (onnxruntime-gpu)"
        )
    return PROVIDERS[kind], {"device_id": index} if index else {}


@contextmanager
def _refused_by_name(model_file: Path) -> Iterator[None]:
    """Turns onnxruntime's own errors into one that names the file."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415 - loaded by now

    try:
        yield
    except (
        state.Fail,
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.NotImplemented,
        state.RuntimeException,
        state.NoSuchFile,
    ) as error:
        raise ConfigurationError(f"expected an ONNX embedder at {model_file}, found one that fails: {error}") from error


def _channels_first(model_file: Path, shape: Sequence[int | str | None], how: Preprocessing) -> bool:
    if how.layout is not None:
        return how.layout == "nchw"
    if shape[1] == 3 and shape[3] != 3:
        return True
    if shape[3] == 3 and shape[1] != 3:
        return False
    raise ConfigurationError(
        f"expected {model_file} to take (n, 3, h, w) or (n, h, w, 3), found {list(shape)}: "
        f'say "layout": "nchw" or "nhwc" in {model_file.name}.json'
    )


def _vector_output(
    model_file: Path, session: "InferenceSession", input_name: str, blank: NDArray[np.floating], how: Preprocessing
) -> tuple[str, int]:
    """Name and dimension of the output that is one vector per picture, found by running a blank one."""
    names = [output.name for output in session.get_outputs() if how.output in (None, output.name)]
    shapes = []
    for name, value in zip(names, session.run(names, {input_name: blank}) if names else [], strict=True):
        dim = int(np.prod(value.shape[1:])) if value.ndim >= 2 else 0
        shapes.append(f"{name} {value.shape}")
        if 0 < dim <= MAX_DIM and len(value) == len(blank) and max(value.shape[1:]) == dim:
            return name, dim
    wanted = f"an output {how.output!r}" if how.output else "an output"
    raise ConfigurationError(
        f"expected {model_file} to have {wanted} of shape (n, d) with d up to {MAX_DIM}, found "
        f'{", ".join(shapes) or "none"}: name the right one as "output" in {model_file.name}.json'
    )


def _run(model: _Loaded, prepared: Sequence[Prepared]) -> NDArray[np.floating]:
    """(n, d), not normalised. A fixed batch is filled up with blanks, whose rows are dropped."""
    stack = np.zeros((model.fixed_batch or len(prepared), *prepared[0].shape), np.float32)
    for place, picture in zip(stack, prepared, strict=False):
        levels = np.asarray(picture, np.uint8)
        if model.channels_first:
            for channel, plane in enumerate(levels):
                cv2.LUT(plane, model.numbers[:, :, channel], place[channel])
        else:
            cv2.LUT(levels, model.numbers, place)
    fed = stack.astype(model.dtype, copy=False)
    rows: NDArray[np.floating] = model.session.run([model.output_name], {model.input_name: fed})[0]
    return rows[: len(prepared)].reshape(len(prepared), model.dim)
