"""`rushes shots`: where a film's shots begin and end, without Kafka, store or models."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rushes.streams.cli.folder import ExitCode

if TYPE_CHECKING:
    from rushes.infra.results.shot_list import ShotList
    from rushes.streams.screens.shots import ShotsScreen


class Form(StrEnum):
    """What goes to standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    EDL = "edl"


def shots(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Films. Only read.", show_default=False)],
    thumbnails: Annotated[
        Path | None,
        typer.Option("--thumbnails", help="Write the keyframes as JPEGs into this folder, named by film and shot."),
    ] = None,
    *,
    exact: Annotated[
        bool | None,
        typer.Option(
            "--exact/--fast",
            help="Decode every frame, or only what may hold a boundary where the codec allows. Default: --fast, or "
            "RUSHES_DECODE__SCAN.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a film, each on a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with the columns of PySceneDetect's scene list.")] = False,
    as_edl: Annotated[bool, typer.Option("--edl", help="An EDL (CMX 3600) by the film's own time code.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the log of the decoder.")] = False,
) -> None:
    """Find the shots of films: hard cuts, gradual transitions, keyframes, and whether a shot moves.

    In JSON, frames are counted as decoded, from 0, and ends are exclusive: a cut is the first frame of its new shot.

    Exit codes: 0 all films read, 1 some can't be read or only in part, 2 wrong arguments, 130 interrupted.
    """
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.streams.screens.shots import ShotsScreen
    from rushes.streams.shot_lists import find_shots

    form = _form(as_json=as_json, as_csv=as_csv, as_edl=as_edl)
    if form in {Form.CSV, Form.EDL} and len(files) > 1:
        raise typer.BadParameter(f"--{form} takes one FILE, found {len(files)}: give one command for each")
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level if verbose else "error")
    screen = ShotsScreen()
    limits = settings.decode
    if exact is not None:
        limits = limits.model_copy(update={"scan": "exact" if exact else "auto"})
    troubled = False
    try:
        for path, found in find_shots(files, limits, screen, thumbnails):
            if isinstance(found, str):
                screen.say(f"{path}: {found}")
                troubled = True
                continue
            troubled |= found.end.partial is not None
            _write(found, form, screen)
    except KeyboardInterrupt:
        sys.stdout.flush()
        os._exit(ExitCode.INTERRUPTED)  # decoding processes end with this one; there is nothing to save
    finally:
        screen.close()
    raise typer.Exit(ExitCode.SOME_FAILED if troubled else ExitCode.SORTED)


def _form(*, as_json: bool, as_csv: bool, as_edl: bool) -> Form:
    asked = [form for form, on in ((Form.JSON, as_json), (Form.CSV, as_csv), (Form.EDL, as_edl)) if on]
    if len(asked) > 1:
        raise typer.BadParameter(f"choose one of {', '.join(f'--{form}' for form in asked)}")
    return asked[0] if asked else Form.TABLE


def _write(found: "ShotList", form: Form, screen: "ShotsScreen") -> None:
    import json

    from rushes.infra.results.shot_list import shot_list_csv, shot_list_edl, shot_list_json

    match form:
        case Form.TABLE:
            screen.table(found)
            return
        case Form.JSON:
            text = json.dumps(shot_list_json(found)) + "\n"
        case Form.CSV:
            text = shot_list_csv(found)
        case Form.EDL:
            text = shot_list_edl(found)
    sys.stdout.write(text)
    sys.stdout.flush()
    if found.end.partial is not None:
        screen.say(f"{found.file}: only a part could be decoded: {found.end.partial}")
