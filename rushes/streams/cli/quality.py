"""`rushes quality`: how good photos and films are, and what spoils them."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def quality(
    paths: Annotated[list[Path], typer.Argument(metavar="FILES", help="Photos, films, or folders of them.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Score photos and films from 0 to 100, and show what the score is made of.

    Each figure is 0 to 1, bigger is better: sharpness (focus and motion blur, whatever is shown), exposure (distance
    from mid-grey, less what is clipped), contrast, noise (1 is none), resolution (of the detail, 1 from 1080 lines
    on: an enlarged picture has that of its original). The score is their weighted geometric mean: one bad figure
    spoils it. Of a film the medians over its keyframes are shown, and its worst moment; bars, slates and black don't
    count.

    Exit codes: 0 all files measured, 1 some could not be, 2 a path that isn't there.
    """
    from rushes.infra.inventory import walk
    from rushes.infra.logging import configure_logging
    from rushes.infra.media.decoder import MediaDecoder
    from rushes.infra.media.file_quality import FileQuality, quality_of_file
    from rushes.infra.settings import Settings
    from rushes.schemas.errors import ConfigurationError, PermanentError
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.quality import quality_json, quality_table

    if missing := [str(path) for path in paths if not path.exists()]:
        raise ConfigurationError(f"expected files or folders, found nothing at {', '.join(missing)}: check the path")
    settings = Settings()
    configure_logging(settings.log_format, "error")
    files = [file for path in paths for file in (walk(path, path / ".rushes") if path.is_dir() else [path])]
    if not files:
        raise ConfigurationError("expected photos or films, found no file in these folders")
    measured: list[FileQuality] = []
    failed: list[tuple[str, str, str]] = []
    console = SteadyConsole(stderr=True)
    decoder = MediaDecoder(settings.decode)
    try:
        with console.status("") as status:
            for number, file in enumerate(files):
                status.update(f"{number} of {len(files)} done: {file.name}")
                try:
                    measured.append(quality_of_file(file, decoder))
                except PermanentError as error:
                    failed.append((str(file), error.code, str(error)))
                except OSError as error:
                    failed.append((str(file), "unreadable", error.strerror or str(error)))
    except KeyboardInterrupt:
        console.print(f"Stopped after {len(measured)} of {len(files)} files.")
        raise typer.Exit(130) from None
    finally:
        decoder.close()
    if as_json:
        sys.stdout.write(quality_json(measured, failed) + "\n")
    elif measured:
        out = SteadyConsole()
        out.print(quality_table(measured, out))
    for path, _, reason in failed:
        console.print(f"{path}: {reason}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if failed else 0)
