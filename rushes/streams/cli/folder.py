"""`rushes run` and `rushes demo`: the whole pipeline in one process, on files."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rushes.infra.settings import Settings
    from rushes.streams.run.session import RunOutcome

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output; the screen goes to stderr.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the log of the stages.")]


class PresetOption(StrEnum):
    """The presets, for the command line."""

    FAST = "fast"
    BALANCED = "balanced"
    BEST = "best"
    FACES = "faces"
    OFFLINE = "offline"


Preset = Annotated[
    PresetOption | None, typer.Option(help="Which models look: see `rushes models list`; also RUSHES_MODELS__PRESET.")
]


class ExitCode(IntEnum):
    """How `rushes run` ends."""

    SORTED = 0
    SOME_FAILED = 1
    TRY_AGAIN = 75
    INTERRUPTED = 130


def run(
    folder: Annotated[
        Path, typer.Argument(help="What to sort, with all folders in it. Only read.", exists=True, file_okay=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where the results go. Default: ./rushes-NAME_OF_FOLDER")
    ] = None,
    library: Annotated[
        str | None, typer.Option(help="Name of the library. Default: the one that OUT holds, or `local`.")
    ] = None,
    preset: Preset = None,
    scene_model: Annotated[
        str | None, typer.Option(help="A model of `rushes models list`, `FAMILY:WEIGHTS` or `opencv`.")
    ] = None,
    face_model: Annotated[
        str | None, typer.Option(help="A model of `rushes models list`, `FAMILY:WEIGHTS` or `opencv`.")
    ] = None,
    *,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Sort a folder of footage and photos into scenes and characters.

    Results stay in OUT: a contact sheet (index.html), assignments.jsonl, clusters.json, failed.jsonl, keyframes and a
    Milvus Lite store. Stop it at any moment and give the same command again: it finishes what is missing and redoes
    nothing that is complete. A renamed file is known by its content.

    Exit codes: 0 all media sorted, 1 some failed or only in part (see failed.jsonl), 2 wrong settings or folders,
    75 an engine failed, 130 interrupted.
    """
    from rushes.infra.settings import Settings

    settings = _looking_with(Settings(), preset=preset, scene=scene_model, face=face_model)
    target = out if out is not None else Path(f"rushes-{folder.absolute().name}")
    options = _options(preset, scene_model, face_model)
    raise typer.Exit(_sort(folder, target, library, settings, options, as_json=as_json, verbose=verbose))


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where footage and results go.")] = Path("rushes-demo"),
    preset: Preset = None,
    *,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """See it work: footage made of photographs that installed packages ship becomes scenes and characters.

    Renders a film with cuts, pans and recurring places and people, some photos and one broken file, and sorts them
    as `rushes run` would, without services or downloads. Begins anew each time.
    """
    from rushes.infra.demo_footage import render_demo
    from rushes.infra.settings import Settings
    from rushes.streams.screens.console import SteadyConsole

    settings = _looking_with(Settings(), preset=preset)
    console = SteadyConsole(stderr=as_json)
    footage, results = out / "footage", out / "results"
    _clear(out)
    with console.status("rendering footage from photographs of scikit-image and matplotlib"):
        made = render_demo(footage)
    console.print(f"Footage: {len(made)} files in {footage}, one of them broken on purpose.")
    code = _sort(footage, results, "demo", settings, _options(preset), as_json=as_json, verbose=verbose)
    raise typer.Exit(ExitCode.SORTED if code == ExitCode.SOME_FAILED else code)


def _looking_with(settings: "Settings", *, preset: PresetOption | None, **named: str | None) -> "Settings":
    """The settings with the models of the command line. A preset's missing weights are no reason not to begin here,
    unless the settings say so: plain descriptors stand in, and the screen, the results and the log tell.
    """
    chosen: dict[str, object] = {key: value for key, value in named.items() if value is not None}
    if preset is not None:
        chosen["preset"] = preset.value
    if settings.models.allow_fallback is None:
        chosen["allow_fallback"] = True
    models = settings.models.model_copy(update=chosen)
    return settings.model_copy(update={"models": models})


def _options(
    preset: PresetOption | None, scene_model: str | None = None, face_model: str | None = None
) -> tuple[str, ...]:
    """As they were typed, for the line that a person types again."""
    typed = (("--preset", preset), ("--scene-model", scene_model), ("--face-model", face_model))
    return tuple(part for option, value in typed if value is not None for part in (option, str(value)))


def _sort(
    folder: Path,
    out: Path,
    library: str | None,
    settings: "Settings",
    options: tuple[str, ...],
    *,
    as_json: bool,
    verbose: bool,
) -> int:
    from rushes.infra.logging import configure_logging
    from rushes.schemas.ids import LibraryId
    from rushes.streams.run.out_folder import OutFolder
    from rushes.streams.run.screen_watcher import ScreenWatcher
    from rushes.streams.run.session import sort_folder
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.progress import ProgressScreen
    from rushes.streams.screens.summary import RunReport, print_summary, summary_json
    from rushes.streams.screens.wording import counted

    configure_logging(settings.log_format, settings.log_level if verbose else "error")
    console = SteadyConsole(stderr=as_json)
    target = OutFolder(out)
    library_id = LibraryId(library or target.library or "local")
    with own_engines(), ProgressScreen(console) as screen:
        outcome = sort_folder(folder, target, library_id, settings, ScreenWatcher(screen))
    report = RunReport(outcome.summary, str(folder), out, outcome.seconds, options)
    if as_json:
        sys.stdout.write(summary_json(report) + "\n")
    else:
        print_summary(report, console)
    if outcome.interrupted or outcome.unfinished:
        console.print(
            f"Stopped with {counted(outcome.unfinished, 'file', 'files')} to go: give the same command again to finish."
        )
    if outcome.interrupted:
        sys.stdout.flush()
        os._exit(ExitCode.INTERRUPTED)  # all is written; the models may be at a batch that nobody waits for
    return _exit_code(outcome)


@contextmanager
def own_engines() -> Iterator[None]:
    """What fails in here fails in this process: settings of a Kafka or Milvus elsewhere have nothing to do with it."""
    from rushes.schemas.errors import DependencyUnavailable

    try:
        yield
    except DependencyUnavailable as error:
        typer.echo(f"rushes: {error}", err=True)
        raise typer.Exit(ExitCode.TRY_AGAIN) from error


def _exit_code(outcome: "RunOutcome") -> int:
    from rushes.streams.run.library_results import NOT_MEDIA

    troubled = any(file.status != "sorted" and file.error != NOT_MEDIA for file in outcome.files)
    return ExitCode.SOME_FAILED if troubled or outcome.unfinished else ExitCode.SORTED


def _clear(out: Path) -> None:
    """Remove an earlier demo, in one step that a kill can't leave halfway in the way of the next."""
    import shutil

    from rushes.schemas.errors import ConfigurationError

    if not out.exists():
        return
    if not {path.name for path in out.iterdir()} <= {"footage", "results"}:
        raise ConfigurationError(f"{out} holds other things than an earlier demo: name another folder with --out")
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    out.rename(aside / "old")
    shutil.rmtree(aside, ignore_errors=True)
