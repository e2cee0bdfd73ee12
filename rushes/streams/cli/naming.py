"""How people name a media at the command line: by its id, or by a file's path where results of a run are at hand."""

import re
from pathlib import Path

import typer


def media_id_of(media: str, out: Path | None) -> str:
    """The media id. Raises typer.BadParameter where it is neither one nor a file that was sorted into `out`."""
    if out is None:
        return media
    from rushes.streams.run.out_folder import OutFolder

    folder = OutFolder(out)
    known = folder.known_files()
    for path in (media, str(Path(media).absolute()), str(Path(folder.source or "") / media)):
        seen = known.get(path)
        if seen is not None and seen.sha256 is not None:
            return seen.sha256
    if re.fullmatch("[0-9a-f]{64}", media) is None and folder.exists():
        raise typer.BadParameter(
            f"expected a media id or the path of a file that was sorted into {out}, found {media!r}",
            param_hint="--media",
        )
    return media
