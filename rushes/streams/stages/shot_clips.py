"""A shot as the scene model sees its motion: one vector for the shot, which all its keyframes' scenes have."""

import hashlib
import threading
import weakref
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import ClipEmbedder, Image
from rushes.schemas.errors import PermanentError, TransientError
from rushes.schemas.shots import ShotSplit

VERSION: Final = 1
"""Of how frames are chosen from a shot; part of what the cache knows a clip by."""


class ClipSource(Protocol):
    """Where the frames of shots come from."""

    def frames(self, shot: ShotSplit, count: int) -> list[Image]:
        """At most `count` frames, evenly spaced, in order, at least one. Raises PermanentError or TransientError."""
        ...

    def close(self) -> None: ...


class ShotClip:
    """The clip of one shot, read by whichever thread asks first and held as long as anybody holds what it got."""

    def __init__(self, shot: ShotSplit, source: ClipSource, model: ClipEmbedder) -> None:
        self._shot = shot
        self._source = source
        self._model = model
        self._reading = threading.Lock()
        self._ready: weakref.ref[NDArray[np.generic]] | None = None
        self._error: PermanentError | TransientError | None = None

    @property
    def digest(self) -> str:
        """Which frames of which bytes these are: a keyframe alone does not tell where its shot begins and ends."""
        shot = self._shot
        place = (VERSION, shot.media_id, shot.version, shot.start_us, shot.end_us)
        return hashlib.sha256(repr(place).encode()).hexdigest()[:16]

    def prepared(self) -> NDArray[np.generic]:
        """The model's numbers: the same object while anybody holds it. Raises PermanentError or TransientError."""
        with self._reading:
            if self._error is not None:
                raise self._error
            ready = None if self._ready is None else self._ready()
            if ready is None:
                try:
                    frames = self._source.frames(self._shot, self._model.clip_shape[0])
                except (PermanentError, TransientError) as error:
                    self._error = error
                    raise
                ready = self._model.prepare_clip(frames)
                self._ready = weakref.ref(ready)
            return ready
