"""What a photo's EXIF says: camera and time."""

from datetime import UTC, datetime

from PIL import ExifTags, Image


def camera_of(exif: Image.Exif) -> str | None:
    """Make and model, the make once; None where neither is told."""
    make, model = (str(exif.get(tag) or "").strip(" \x00") for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    if make and model.lower().startswith(make.lower()):
        make = ""
    return " ".join(part for part in (make, model) if part)[:200] or None


def captured_at_of(exif: Image.Exif) -> datetime | None:
    """When the photo was taken; without a zone where the camera told none."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    text = str(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime) or "").strip(" \x00")
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal) or "").strip(" \x00").replace(":", "")
    for form, stamp in (("%Y:%m:%d %H:%M:%S%z", text + offset), ("%Y:%m:%d %H:%M:%S", text)):
        try:
            taken = datetime.strptime(stamp, form)  # noqa: DTZ007  EXIF without an offset is local time of unknown zone
        except ValueError:
            continue
        return taken if taken.tzinfo is None else taken.astimezone(UTC)
    return None
