"""Detectors in ONNX files, opened by onnxruntime on the CPU."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def file_hash(model_file: Path, what: str) -> str:
    """SHA-256 of the file and of the external weights beside it. Raises ConfigurationError where there is none."""
    if not model_file.is_file():
        raise ConfigurationError(f"expected {what} at {model_file}, found no such file")
    digest = hashlib.sha256()
    beside = (model_file.with_name(model_file.name + suffix) for suffix in (".data", "_data"))
    for part in (model_file, *beside):
        if part.is_file():
            with part.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def open_session(model_file: Path, threads: int) -> "InferenceSession":
    """Raises ConfigurationError where onnxruntime does not take the file."""
    import onnxruntime  # noqa: PLC0415 - half a second, and only where an ONNX model is used

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only: what it would log is in the error that it raises
    try:
        return onnxruntime.InferenceSession(str(model_file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise ConfigurationError(f"expected an ONNX model at {model_file}, found: {error}") from error
