"""A face detector on one core in a thread of its own, beside models that have the others.

Two torch models at work in one process wait at their barriers for threads that the other keeps from running: on two
overloaded cores a search took .25 s with one thread and 7 s with two, and 25 times the computing. torch's number of
threads is that of the thread which sets it, and of all threads that come to torch later: it is set back for those.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rushes.processors.detection import Detections
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import DetectedFace, FaceDetector


class InOneThread:
    """FaceDetector around another that was made for one thread. Any thread may use it."""

    def __init__(self, detector: FaceDetector, *, torch: bool) -> None:
        """`torch`: whether the detector is one of torch's."""
        self._detector = detector
        self._torch = torch
        self._loaded = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="faces")

    @property
    def detector_id(self) -> str:
        return self._detector.detector_id

    @property
    def batch(self) -> int:
        return self._detector.batch

    def load(self) -> None:
        self._thread.submit(self._load).result()

    def unload(self) -> None:
        self._thread.submit(self._unload).result()

    def detect(self, images: Sequence[Image]) -> list[Detections[DetectedFace]]:
        return self._thread.submit(self._detect, images).result()

    def _detect(self, images: Sequence[Image]) -> list[Detections[DetectedFace]]:
        self._load()
        return self._detector.detect(images)

    def _load(self) -> None:
        if self._loaded:
            return
        if self._torch:
            import torch  # noqa: PLC0415 - seconds to import: only where faces are looked for

            others = torch.get_num_threads()
            self._detector.load()
            setting_back = threading.Thread(target=torch.set_num_threads, args=(others,))
            setting_back.start()
            setting_back.join()
        else:
            self._detector.load()
        self._loaded = True

    def _unload(self) -> None:
        self._detector.unload()
        self._loaded = False
