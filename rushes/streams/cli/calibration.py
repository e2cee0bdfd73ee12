"""`rushes calibration`: what a library has learnt of its models, shown, given out and taken in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rushes.processors.clustering.library import Library
    from rushes.schemas.event import ItemKind

app = typer.Typer(
    help="What a library has learnt of its models: from which likeness on two things are one.",
    epilog="A profile that is imported is a start for what this library learns itself, as certain as it says it is.",
    no_args_is_help=True,
)
Out = Annotated[Path | None, typer.Option("--out", "-o", help="The results of `rushes run`.")]
LibraryName = Annotated[str | None, typer.Option("--library", "-l", help="A library of a running system.")]
Kind = Annotated[str | None, typer.Option(help="scene, face, person or region. All, if left out.")]


@app.command()
def show(
    out: Out = None,
    library: LibraryName = None,
    kind: Kind = None,
    plot: Annotated[Path | None, typer.Option(help="Write the distributions as a PNG.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Thresholds with their uncertainty, the two distributions of scores, and what would merge next."""
    import json

    from rushes.infra.results.calibration_plot import plot_calibration
    from rushes.processors.clustering.calibrated_rules import CalibratedRules
    from rushes.processors.clustering.profiles import next_merges, profile_of
    from rushes.streams.screens.calibration import json_of, lines_of

    state = _state(out, library)
    shown = []
    for one in _kinds(state, kind):
        profile, rules = profile_of(state, one), state.spaces[one].rules
        if profile is not None and isinstance(rules, CalibratedRules):
            shown.append((profile, rules.thresholds(None), next_merges(state, one)))
    if as_json:
        typer.echo(json.dumps([json_of(*one) for one in shown]))
    else:
        for each in shown:
            for line in lines_of(*each):
                typer.echo(line)
            typer.echo("")
    if plot is not None and shown:
        plot_calibration(plot, [(profile, [one.similarity for one in merges]) for profile, _, merges in shown])
        typer.echo(f"plot: {plot}", err=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where the profile goes (JSON).")],
    kind: Annotated[str, typer.Option(help="scene, face, person or region.")],
    out: Out = None,
    library: LibraryName = None,
) -> None:
    """Give out what the library has learnt of the model of a kind. It holds figures, no vectors and no pictures."""
    from rushes.infra.results.atomic import write_atomically
    from rushes.processors.clustering.profiles import profile_of

    state = _state(out, library)
    (one,) = _kinds(state, kind)
    profile = profile_of(state, one)
    if profile is None:
        raise typer.BadParameter(
            f"library {state.library_id} decides {kind} by the policy `fixed`, which learns nothing"
        )
    write_atomically(file, profile.model_dump_json(indent=1).encode() + b"\n")
    typer.echo(f"{profile.kind} {profile.model_id}: joins from {profile.join:.2f}, written to {file}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A profile that `rushes calibration export` wrote.", exists=True)],
    out: Out = None,
    library: LibraryName = None,
) -> None:
    """Begin from what another library has learnt of the same model. It becomes an entry of the library's log."""
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.schemas.ids import LibraryId
    from rushes.streams.cli.folder import own_engines
    from rushes.streams.profile_files import read_profile
    from rushes.streams.run.calibrating import import_into_folder, imported
    from rushes.streams.run.out_folder import OutFolder
    from rushes.streams.screens.wording import counted

    _one_place(out, library)
    settings = Settings()
    configure_logging(settings.log_format, "error")
    profile = read_profile(file)
    if out is not None:
        with own_engines():
            done = import_into_folder(OutFolder(out), settings, profile, file)
        moved = counted(done.moved, "item", "items")
        typer.echo(f"imported: {profile.kind} {profile.model_id} joins from {profile.join:.2f}; {moved} moved")
        if not done.of_use:
            typer.echo(f"it waits: nothing in {out} is a {profile.kind} of that model", err=True)
        return
    from rushes.infra.library_log.kafka import KafkaLibraryLog

    log = KafkaLibraryLog(settings.kafka, source="rushes/command-line")
    log.append([imported(LibraryId(library or ""), profile, file)])
    log.close()
    typer.echo(f"sent: {profile.kind} {profile.model_id} joins from {profile.join:.2f}")


def _one_place(out: Path | None, library: str | None) -> None:
    if (out is None) == (library is None):
        raise typer.BadParameter("say where: --out FOLDER for the results of a run, or --library NAME over Kafka")


def _state(out: Path | None, library: str | None) -> "Library":
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.streams.folding import library_of_folder, library_of_log

    _one_place(out, library)
    settings = Settings()
    configure_logging(settings.log_format, "error")
    return library_of_folder(out, settings) if out is not None else library_of_log(library or "", settings)


def _kinds(state: "Library", kind: str | None) -> "list[ItemKind]":
    found = [one for one in state.spaces if kind is None or one == kind]
    if kind is not None and not found:
        known = ", ".join(state.spaces) or "nothing"
        raise typer.BadParameter(f"library {state.library_id} holds {known}, found {kind!r}", param_hint="--kind")
    return found
