"""Recordings that a camera cut into several files, told by the files' names.

Cards are formatted so that no file passes 4 GB, and cameras that go on in a next file number the pieces. Only names
that hold such a number are read: GoPro's (GX010123.MP4, GX020123.MP4; before the HERO6 GOPR0123.MP4, GP010123.MP4),
RED's (A001_C001_0101AB_001), Canon's (XF: AA000101.MXF; XF-AVC: A001C001_140101AB_CANON_01), Sony's (C0001_01), DJI's
(DJI_0001_001) and Blackmagic's (Take_S001); and the numbered frames of a scan or an effect (A_0001.dpx, a.1001.exr),
which are a recording with a file a frame. Cameras that just take the next number (AVCHD's 00001.MTS, most of DJI's)
say nothing by it: those clips stand alone.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class SpanPart:
    """A file's place in a recording. `folder` and `name` are the same for all its files.

    `index`: chapters count from 1, frames as their names do.
    """

    folder: str
    name: str
    index: int


_SCHEMES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<lead>G[HXS])(?P<index>\d\d)(?P<rest>\d{4})\.(?:mp4|mov|360)",
        r"(?P<lead>[A-Z]\d{3}_[A-Z]\d{3}_\d{4}[0-9A-Z]{2})_(?P<index>\d{3})\.(?:r3d|mov|mp4|mxf)",
        r"(?P<lead>[A-Z]{2}\d{4})(?P<index>\d\d)\.mxf",
        r"(?P<lead>.*_CANON)_(?P<index>\d\d)\.(?:mxf|mp4)",
        r"(?P<lead>C\d{4})_(?P<index>\d\d)\.(?:mxf|mp4)",
        r"(?P<lead>DJI_\d{4})_(?P<index>\d{3})\.(?:mp4|mov)",
        r"(?P<lead>.+)_S(?P<index>\d{3})\.(?:mov|mxf|mp4|braw)",
        r"(?P<lead>.+)[._](?P<index>\d{4,8})\.(?:dpx|exr)",
    )
)

_OLD_GOPRO: Final = re.compile(r"(?:GOPR|GP(?P<index>\d\d))(?P<rest>\d{4})\.mp4", re.IGNORECASE)
"""The first chapter has letters where the others have their number, from 01 on."""


def span_part(uri: str) -> SpanPart | None:
    """Which part of which recording the file at a uri or path is; None where its name tells no such thing.

    >>> span_part("file:///card/100GOPRO/GX020123.MP4")
    SpanPart(folder='file:///card/100GOPRO', name='GX0123', index=2)
    >>> span_part("/card/holiday.mp4") is None
    True
    """
    split = urlsplit(uri)
    path = PurePosixPath(unquote(split.path))
    folder = f"{split.scheme}://{split.netloc}{path.parent}" if split.scheme else str(path.parent)
    if old := _OLD_GOPRO.fullmatch(path.name):
        return SpanPart(folder, f"GOPR{old['rest']}", 1 + int(old["index"] or 0))
    for scheme in _SCHEMES:
        if found := scheme.fullmatch(path.name):
            index = int(found["index"])
            name = found["lead"].upper() + found.groupdict().get("rest", "")
            return SpanPart(folder, name, index)
    return None
