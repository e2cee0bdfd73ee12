"""What counts as a face in a picture: a detector's finds that a second look confirms."""

from collections.abc import Sequence
from dataclasses import dataclass

from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import DetectedFace, FaceDetector
from rushes.processors.faces.second_look import VERSION, Find, second_scores


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """Of one picture: its faces, best first, each with the score of its second look; `rejected`: first scores of finds
    that the second look takes for none; `error`: why nothing can be said, or not all."""

    faces: tuple[tuple[DetectedFace, float], ...] = ()
    rejected: tuple[float, ...] = ()
    error: str | None = None


class FaceFinder:
    """A detector with its second look."""

    def __init__(self, detector: FaceDetector) -> None:
        self.detector = detector

    @property
    def finder_id(self) -> str:
        """Who finds the same faces in the same picture: the detector's id, and the version of the second look."""
        return f"{self.detector.detector_id}+look-{VERSION}"

    def find(self, images: Sequence[Image]) -> list[FoundFaces]:
        """One per picture, in the same order. A find whose landmarks all fall together is left out."""
        detections = self.detector.detect(images)
        finds = [
            (index, Find(images[index], face))
            for index, detected in enumerate(detections)
            for face in detected.found
            if len(set(face.landmarks)) > 1
        ]
        scores = second_scores(self.detector, [find for _, find in finds])
        faces: list[list[tuple[DetectedFace, float]]] = [[] for _ in images]
        rejected: list[list[float]] = [[] for _ in images]
        for (index, find), score in zip(finds, scores, strict=True):
            if score > 0:
                faces[index].append((find.face, score))
            else:
                rejected[index].append(find.face.score)
        return [
            FoundFaces(tuple(own), tuple(others), detected.error)
            for own, others, detected in zip(faces, rejected, detections, strict=True)
        ]
