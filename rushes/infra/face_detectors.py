"""The face detector by the setting's name. Only the modules of what is chosen are imported."""

from pathlib import Path

from rushes.processors.faces.detector import FaceDetector
from rushes.schemas.errors import ConfigurationError


def open_face_detector(name: str, *, longest_side: int, threads: int) -> FaceDetector | None:
    """None where `name` is `off`. Raises ConfigurationError, which names the setting."""
    setting = "RUSHES_MODELS__FACE_DETECTOR"
    family, _, weights = name.partition(":")
    path = Path(weights).expanduser()
    try:
        match family:
            case "off" if not weights:
                return None
            case "mtcnn" if not weights:
                from rushes.processors.faces.mtcnn import MtcnnDetector  # noqa: PLC0415 - only where named

                return MtcnnDetector(longest_side=longest_side, threads=threads)
            case "yunet" if weights:
                from rushes.processors.faces.yunet import YunetDetector  # noqa: PLC0415 - as above

                return YunetDetector(path, longest_side=longest_side)
            case "onnx" if weights:
                from rushes.processors.faces.onnx_detector import OnnxFaceDetector  # noqa: PLC0415 - as above

                return OnnxFaceDetector(path, longest_side=longest_side, threads=threads)
            case _:
                pass
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}={name}: {error}") from error
    raise ConfigurationError(f"expected {setting} to be mtcnn, yunet:FILE, onnx:FILE or off, found {name!r}")
