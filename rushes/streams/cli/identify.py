"""`rushes identify`: who is in a picture or film, without taking it in."""

from pathlib import Path
from typing import Annotated

import typer


def identify(
    file: Annotated[Path, typer.Argument(help="A picture or film. Only read.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The results of `rushes run`.")] = None,
    library: Annotated[str | None, typer.Option("--library", "-l", help="A library of a running system.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Who is this, and where? The nearest characters and scenes of a library with their probability, unknown too.

    Results of a run are asked with the models that they were made with; a running system's models are set as for its
    workers. Nothing is stored, and nothing of the library changes.
    """
    from rushes.infra.logging import configure_logging
    from rushes.infra.media.decoder import MediaDecoder
    from rushes.infra.models import vision_models
    from rushes.infra.settings import Settings
    from rushes.schemas.errors import ConfigurationError
    from rushes.streams.folding import library_of_folder, library_of_log
    from rushes.streams.identifying import identify_file
    from rushes.streams.run.out_folder import OutFolder
    from rushes.streams.screens.identification import json_of, lines_of

    if (out is None) == (library is None):
        raise typer.BadParameter("say where: --out FOLDER for the results of a run, or --library NAME over Kafka")
    settings = Settings() if out is None else OutFolder(out).settings(Settings())
    configure_logging(settings.log_format, "error")
    state = library_of_folder(out, settings) if out is not None else library_of_log(library or "", settings)
    decoder = MediaDecoder(settings.decode)
    try:
        found = list(identify_file(file, state, vision_models(settings.models), decoder))
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror or error}") from error
    finally:
        decoder.close()
    if as_json:
        typer.echo(json_of(file, state.library_id, found))
    else:
        for line in lines_of(found):
            typer.echo(line)
