"""What is kept of a face sample: a picture that is sharp round its faces only, and the finds in the whole of it.

Of such a frame nothing but its faces is looked at. They are looked for here, once and in all of the frame, and the
finds travel with the picture: a stage that would find by the same means need not search again.
"""

from dataclasses import dataclass, replace

import cv2
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
    """Makes samples of whole pictures. `detector`: as `embed` has it; `jpeg_quality`: as of the whole pictures, whose
    decoded levels then code to the same numbers again."""

    def __init__(self, detector: FaceDetector, jpeg_quality: int) -> None:
        self._finder = FaceFinder(detector)
        self._jpeg_quality = jpeg_quality

    def load(self) -> None:
        self._finder.detector.load()

    def unload(self) -> None:
        self._finder.detector.unload()

    def sample_of(self, picture: Picture) -> Sample | None:
        """None where there is no face. A picture that can't be looked at here stays as it is, for `embed` to try."""
        image = decoded(picture.image)
        if image is None:
            return Sample(picture)
        (found,) = self._finder.find([image])
        if found.error is not None:
            log.warning("a face sample stays whole", time_us=picture.figures.time_us, why=found.error)
            return Sample(picture)
        if not found.faces:
            return None
        kept = faces_only(image, [face.box for face, _ in found.faces])
        smaller = replace(picture, image=encoded(kept, self._jpeg_quality), thumbnail=b"")
        return Sample(smaller, _finds(self._finder.finder_id, found))


def encoded(image: Image, quality: int) -> bytes:
    """A JPEG with codes of its own: of even blocks the usual ones make half as many bytes again. OpenCV takes two
    thirds of Pillow's time for it."""
    how = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), how)
    return jpeg.tobytes()


def _finds(finder: str, found: FoundFaces) -> FaceFinds:
    faces = tuple(
        FaceFind(box=face.box, landmarks=face.landmarks, score=face.score, second_score=second)
        for face, second in found.faces
    )
    return FaceFinds(finder=finder, faces=faces, rejected=found.rejected)
