"""Colour profiles (ICC) of photos: phones take them in Display P3, cameras in Adobe RGB, printers in CMYK."""

import io
from typing import Final

from PIL import Image, ImageCms

_SPACES: Final = {"RGB ": ("RGB",), "CMYK": ("CMYK",), "GRAY": ("L",)}
"""Modes of pictures that a profile of this colour space can be for."""

_NAME_CHARACTERS: Final = 64


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """The picture in sRGB, and the name of the profile it was taken from (None: nothing was done).

    By lcms2, relative colorimetric with black point compensation, as browsers do it. A profile that can't be read, or
    is for another kind of picture, counts as none.
    """
    if not profile:
        return image, None
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        name = " ".join(ImageCms.getProfileDescription(source).split())[:_NAME_CHARACTERS]
        if name.lower().startswith("srgb") or image.mode not in _SPACES.get(source.profile.xcolor_space, ()):
            return image, None
        shown = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image, None
    return (image, None) if shown is None else (shown, f"icc/{name or 'unnamed'}")
