"""What finds things in pictures, whatever they are and whatever model stands behind it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from rushes.processors.embedding.protocol import Image

Found = TypeVar("Found")
"""One thing found: a face, a person."""

Model = TypeVar("Model")
"""What a detector has in memory to work with."""


@dataclass(frozen=True, slots=True)
class Detections(Generic[Found]):
    """What was found in one picture, best first; or why nothing can be said of it."""

    found: tuple[Found, ...] = ()
    error: str | None = None


class Detector(Protocol[Found]):
    """Pictures of any sizes in, finds out."""

    @property
    def detector_id(self) -> str:
        """`family/weights hash/version`, the version with all that changes what is found."""
        ...

    @property
    def batch(self) -> int: ...

    def load(self) -> None:
        """Take the model into memory; again does nothing. Raises ConfigurationError where it can't be used."""
        ...

    def unload(self) -> None: ...

    def detect(self, images: Sequence[Image]) -> list[Detections[Found]]:
        """One per picture, in the same order."""
        ...


class LazyDetector(ABC, Generic[Model]):
    """All of a Detector but `detect`: who it is, and its model, which comes into memory when it is first needed."""

    def __init__(self, detector_id: str, batch: int = 1) -> None:
        self._id = detector_id
        self._batch = batch
        self._model: Model | None = None

    @property
    def detector_id(self) -> str:
        return self._id

    @property
    def batch(self) -> int:
        return self._batch

    def load(self) -> None:
        self._ready()

    def unload(self) -> None:
        self._model = None

    @abstractmethod
    def _open(self) -> Model:
        """The model, ready for use. Raises ConfigurationError where it can't be."""

    def _ready(self) -> Model:
        if self._model is None:
            self._model = self._open()
        return self._model


def each_alone_on_failure(
    detect: Callable[[Sequence[Image]], list[Detections[Found]]], pictures: Sequence[Image], detector: str
) -> list[Detections[Found]]:
    """`detect` of the batch; where that fails, of each picture alone, so that only the one to blame has an error.

    `detector`: what failed, in the error's words.
    """
    try:
        return detect(pictures)
    except RuntimeError as error:  # torch's, for want of memory too
        if len(pictures) == 1:
            return [Detections(error=f"the {detector} failed: {error}")]
        return [found for picture in pictures for found in each_alone_on_failure(detect, [picture], detector)]
