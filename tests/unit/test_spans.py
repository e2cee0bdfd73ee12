"""Files of one recording are known by their cameras' names, and other files are left alone."""

from collections import defaultdict

import pytest

from rushes.processors.spans import SpanPart, span_part


def groups(*uris: str) -> list[list[str]]:
    """Recordings of more than one file, each in order."""
    found = defaultdict(list)
    for uri in uris:
        if (part := span_part(uri)) is not None:
            found[part.folder, part.name].append((part.index, uri))
    return [[uri for _, uri in sorted(files)] for files in found.values() if len(files) > 1]


@pytest.mark.parametrize(
    "names",
    [
        ["GX010123.MP4", "GX020123.MP4", "GX030123.MP4"],
        ["GH010007.MP4", "GH020007.MP4"],
        ["GOPR0123.MP4", "GP010123.MP4", "GP020123.MP4"],
        ["A001_C001_0101AB_001.R3D", "A001_C001_0101AB_002.R3D"],
        ["AA000101.MXF", "AA000102.MXF"],
        ["A001C001_140101AB_CANON_01.MXF", "A001C001_140101AB_CANON_02.MXF"],
        ["C0001_01.MXF", "C0001_02.MXF"],
        ["DJI_0001_001.MP4", "DJI_0001_002.MP4"],
        ["Interview_S001.mov", "Interview_S002.mov"],
        ["reel_00086400.dpx", "reel_00086401.dpx"],
        ["comp.0000.exr", "comp.0001.exr", "comp.0002.exr"],
    ],
)
def test_chapters_of_one_recording_come_together_in_order(names):
    assert groups(*reversed(names)) == [names]


@pytest.mark.parametrize(
    "names",
    [
        ["GX010123.MP4", "GX010124.MP4"],
        ["00001.MTS", "00002.MTS"],
        ["DJI_0001.MP4", "DJI_0002.MP4"],
        ["DJI_20240101120000_0001_D.MP4", "DJI_20240101120500_0002_D.MP4"],
        ["C0001.MP4", "C0002.MP4"],
        ["A001_C001_0101AB_001.R3D", "A001_C002_0101AC_001.R3D"],
        ["IMG_0001.MOV", "IMG_0002.MOV"],
        ["holiday_1.mp4", "holiday_2.mp4"],
        ["IMG_0001.dng", "IMG_0002.dng"],
        ["IMG_0001.jpg", "IMG_0002.jpg"],
        ["card1/GX010123.MP4", "card2/GX020123.MP4"],
    ],
)
def test_other_recordings_stay_apart(names):
    assert groups(*names) == []


def test_a_uri_of_any_scheme_is_read_by_its_path():
    part = span_part("s3://footage/day%201/gx020123.mp4?versionId=3")
    assert part == SpanPart("s3://footage/day 1", "GX0123", 2)
