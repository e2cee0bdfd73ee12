"""Where a picture lies, as the contact sheet links it: relative to the output folder, so that the folder may move."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


class Links:
    """Percent-encoded links from `out/index.html` to blobs.

    >>> links = Links(Path("/home/a/out"))
    >>> links.to("/home/a/out/blobs/frame 1.jpg")
    'blobs/frame%201.jpg'
    >>> links.to("s3://bucket/frame.jpg") is None
    True
    """

    def __init__(self, out: Path) -> None:
        self._bases = tuple(dict.fromkeys((out.absolute(), out.resolve())))

    def to(self, uri: str | None) -> str | None:
        """The link, absolute where the blob lies outside; None where a browser can't show it from the disk."""
        if not uri:
            return None
        parts = urlsplit(uri)
        if parts.scheme == "file":
            path = Path(unquote(parts.path, errors="surrogateescape"))
        elif parts.scheme == "":
            path = Path(uri)
        else:
            return None
        if not path.is_absolute():
            return None if ".." in path.parts else _quoted(path)
        for base in self._bases:
            if path.is_relative_to(base):
                return _quoted(path.relative_to(base))
        return path.as_uri()


def _quoted(path: Path) -> str:
    return quote(path.as_posix(), errors="surrogateescape")
