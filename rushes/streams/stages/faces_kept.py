"""What is kept of a face sample: a picture that is sharp round its faces only, and the finds in the whole of it.

Of such a frame nothing but its faces is looked at. They are looked for here, once and in all of the frame, and the
finds travel with the picture: a stage that would find by the same means need not search again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import structlog

from rushes.infra.media.decoder import Picture
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import FaceDetector
from rushes.processors.faces.faces_only import faces_only
from rushes.processors.faces.finder import FaceFinder, FoundFaces
from rushes.schemas.shots import FaceFind, FaceFinds
from rushes.streams.stages.embed_reading import decoded

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame as it will be stored. `faces`: what was found in it, where its picture shows little else."""

    picture: Picture
    faces: FaceFinds | None = None


class FacesKept:
    """Makes samples of pictures that are levels. `detector`: as `embed` has it; `jpeg_quality`: as of keyframes."""

    def __init__(self, detector: FaceDetector, jpeg_quality: int) -> None:
        self._finder = FaceFinder(detector)
        self._jpeg_quality = jpeg_quality

    def load(self) -> None:
        self._finder.detector.load()

    def unload(self) -> None:
        self._finder.detector.unload()

    def sample_of(self, picture: Picture) -> Sample | None:
        """None where there is no face. A picture that can't be looked at here goes out whole, for `embed` to try.

        Faces are looked for in the JPEG that would be stored of the whole picture, so that they are the same whether it
        stays whole or not; what is stored is coded from the levels, so that it is coded once.
        """
        figures = picture.figures
        levels = np.frombuffer(picture.image, np.uint8).reshape(figures.height, figures.width, 3)
        jpeg = _encoded(levels, self._jpeg_quality)
        image = decoded(jpeg)
        assert image is not None, "what was coded here decodes here"
        (found,) = self._finder.find([image])
        if found.error is not None:
            log.warning("a face sample stays whole", time_us=figures.time_us, why=found.error)
            return Sample(_as_stored(picture, jpeg))
        if not found.faces:
            return None
        kept = faces_only(levels, [face.box for face, _ in found.faces])
        jpeg = _encoded(kept, self._jpeg_quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1)
        return Sample(_as_stored(picture, jpeg), _finds(self._finder.finder_id, found))


def _encoded(image: Image, quality: int, *how: int) -> bytes:
    """A JPEG. With codes of its own (`IMWRITE_JPEG_OPTIMIZE`) one of even blocks takes two thirds of the bytes; of
    Pillow the same JPEG takes half as long again."""
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality, *how])
    return jpeg.tobytes()


def _as_stored(picture: Picture, jpeg: bytes) -> Picture:
    """With a JPEG in place of the levels; it is its own thumbnail."""
    figures = picture.figures.model_copy(update={"coding": "jpeg", "image_bytes": len(jpeg)})
    return Picture(figures, jpeg, b"")


def _finds(finder: str, found: FoundFaces) -> FaceFinds:
    faces = tuple(
        FaceFind(box=face.box, landmarks=face.landmarks, score=face.score, second_score=second)
        for face, second in found.faces
    )
    return FaceFinds(finder=finder, faces=faces, rejected=found.rejected)
