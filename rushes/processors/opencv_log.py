"""What OpenCV writes to stderr on its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def errors_only() -> Iterator[None]:
    """No warnings while a network is opened: OpenCV 5 warns that its new engine takes no target, which its own classes
    set to the default. The level is that of the process.
    """
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
