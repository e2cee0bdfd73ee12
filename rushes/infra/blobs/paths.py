"""Which paths a blob may have: relative, nothing that climbs, the same on every store."""

import re
from typing import Final

from rushes.schemas.errors import ForbiddenUri

UNFINISHED: Final = ".~unfinished"
"""Ending of files that are being written; no blob's name ends so."""


_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f\\*?\[\]]")
"""Control characters, which not every store carries; the backslash; and what fsspec would expand as a pattern."""


def checked(path: str) -> str:
    """The path of a blob, as it is. Raises ForbiddenUri for one that could leave the store or mean two things.

    >>> checked("library/media/frame.jpg")
    'library/media/frame.jpg'
    """
    parts = path.split("/")
    if _REFUSED.search(path) or any(part in {"", ".", ".."} or part.endswith(UNFINISHED) for part in parts):
        raise ForbiddenUri(f"expected a relative path of plain names, such as library/media/frame.jpg, found {path!r}")
    return path


def checked_folder(path: str) -> str:
    """The path of a folder without a slash at its end; raises likewise. The root, "", is none: see `list`."""
    return checked(path.removesuffix("/"))
