"""Which display transform a film needs: told by its frames' tags, by its container's, or by what its maker wrote."""

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import av
from av.sidedata.sidedata import SideDataContainer, Type

from rushes.infra.media.film_claims import top_level_boxes
from rushes.processors.display.curves import HLG_NITS, PQ_NITS, REFERENCE_WHITE_NITS
from rushes.processors.display.transform import DisplayTransform
from rushes.schemas.errors import NeedsProxy

TRANSFERS: Final = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 11: "iec61966-2-4",
    13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67",
}  # fmt: skip
"""ISO/IEC 23091-2 transfer characteristics by number."""

_IPT: Final = 15
"""Matrix IPT-C2 (SMPTE ST 2128): shown as any other, its pictures are green and purple."""

HDR: Final = ("smpte2084", "arib-std-b67")
"""Curves of HDR: PQ and HLG."""

_WIDE: Final = {9: "bt2020", 11: "smpte431", 12: "smpte432"}
"""ISO/IEC 23091-2 colour primaries wider than a screen's, by number. Those of BT.601 differ by less than is seen."""

_TELLING: Final = ("gamma", "log", "colorspace", "color_space", "colorprofile", "transfer", "look", "lut")
"""Parts of tag names under which makers write the curve, such as `com.arri.camera.ColorGammaSxS`."""

_LOGS: Final = (
    ("slog3sgamut3cine", "s-log3", "s-gamut3.cine"),
    ("slog3sgamut3", "s-log3", "s-gamut3"),
    ("slog3", "s-log3", "s-gamut3.cine"),
    ("logc4", "logc4", "arri-wide-gamut-4"),
    ("logc", "logc3", "alexa-wide-gamut"),
    ("vlog", "v-log", "v-gamut"),
    ("canonlog3", "c-log3", "cinema-gamut"),
    ("clog3", "c-log3", "cinema-gamut"),
    ("canonlog2", "c-log2", "cinema-gamut"),
    ("clog2", "c-log2", "cinema-gamut"),
    ("applelog2", None, None),  # other primaries and curve than Apple Log, not published in full
    ("applelog", "apple-log", "bt2020"),
    ("flog2", "f-log2", "bt2020"),
    ("flog", "f-log", "bt2020"),
    ("nlog", "n-log", "bt2020"),
    ("dlogm", None, None),  # DJI has not published it
    ("dlog", "d-log", "d-gamut"),
)
"""What a maker's value contains, lower case without punctuation: curve and primaries. The first that fits counts."""

SONY_XML_BYTES: Final = 256 * 1024
"""Sony's clip metadata in an MP4: a top-level `meta` box of some kilobytes."""

_SONY_ITEM: Final = re.compile(rb'name="(Capture(?:GammaEquation|ColorPrimaries))"\s+value="([^"]{1,64})"')


def colour_of(frame: av.VideoFrame, tags: Mapping[str, str], mp4: Path | None) -> tuple[str | None, str | None]:
    """Name of the film's transfer curve, and of the display transform that it needs (None: none).

    `tags`: metadata of container and streams, by lower-case name. `mp4`: the film's file where it is made of boxes.
    Raises NeedsProxy for colours that can't be turned into pictures here.
    """
    if int(frame.colorspace) == _IPT:
        raise NeedsProxy(
            "found a film in Dolby Vision's own colours (profile 5), which only its decoders turn into pictures; needs"
            " a proxy: write one as HDR10, HLG or SDR"
        )
    transfer, transform = transform_of(int(frame.color_trc), int(frame.color_primaries), _peak_nits(frame))
    if transfer in HDR:
        return transfer, transform
    if (log := log_of(tags) or (log_of(_sony_tags(mp4)) if mp4 is not None else None)) is not None:
        return log.curve, log.name
    return transfer, transform


def transform_of(transfer: int, primaries: int, peak_nits: int = int(HLG_NITS)) -> tuple[str | None, str | None]:
    """The same of a picture whose curve and primaries are told by their numbers in ISO/IEC 23091-2."""
    name, wide = TRANSFERS.get(transfer), _WIDE.get(primaries)
    if name in HDR:
        return name, DisplayTransform(name, wide or "bt2020", peak_nits).name
    if name == "linear":
        return name, DisplayTransform(name, wide or "bt709").name
    return name, None if wide is None else DisplayTransform("sdr", wide).name


def log_of(tags: Mapping[str, str]) -> DisplayTransform | None:
    """The transform of a camera log that a maker's tag names.

    >>> log_of({"com.arri.camera.colorgammasxs": "LOG-C"}).name
    'logc3/alexa-wide-gamut'
    """
    for name, value in tags.items():
        if not any(part in name.lower() for part in _TELLING):
            continue
        said = re.sub(r"[^a-z0-9]", "", value.lower())
        for part, curve, primaries in _LOGS:
            if part in said:
                return DisplayTransform(curve, primaries) if curve is not None and primaries is not None else None
    return None


def _peak_nits(frame: av.VideoFrame) -> int:
    """MaxCLL (CTA-861.3) where the film has it, else what most of it is graded to."""
    beside = cast("SideDataContainer", frame.side_data)  # the library's stub names another class
    data = beside.get(Type.CONTENT_LIGHT_LEVEL)
    light: int = struct.unpack_from("=I", bytes(data))[0] if data is not None else 0
    return round(min(max(light, REFERENCE_WHITE_NITS), PQ_NITS)) if light > 0 else int(HLG_NITS)


def _sony_tags(path: Path) -> dict[str, str]:
    """Gamma and primaries in the clip metadata that Sony's cameras put into their MP4s; none in other files."""
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for name, at, size in top_level_boxes(file):
            if name == b"meta" and size <= SONY_XML_BYTES:
                file.seek(at)
                found |= {item.decode(): value.decode("ascii", "replace") for item, value in
                          _SONY_ITEM.findall(file.read(size))}  # fmt: skip
    gamma, primaries = found.get("CaptureGammaEquation"), found.get("CaptureColorPrimaries", "")
    return {"capturegammaequation": f"{gamma.removesuffix('-cine')}-{primaries}"} if gamma is not None else {}
