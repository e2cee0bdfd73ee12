"""`rushes feedback`: corrections, on the results of a run (`--out`) or on a running system (`--library`)."""

import getpass
import os
import shlex
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rushes.streams.cli.naming import media_id_of

if TYPE_CHECKING:
    from rushes.infra.settings import Settings
    from rushes.schemas.feedback import FeedbackAction, FeedbackGiven, ItemRef

app = typer.Typer(
    help="Correct what was sorted. A correction holds for ever; `undo` takes it back.",
    epilog="An item is named by --item ID, or by --media, --time and --box as the contact sheet shows them.",
    no_args_is_help=True,
)
Items = Annotated[list[str] | None, typer.Option("--item", "-i", help="Item id; repeat for several.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="The results of `rushes run` to correct.")]
Library = Annotated[str | None, typer.Option("--library", "-l", help="The library of a running system to correct.")]
Actor = Annotated[str | None, typer.Option(help="Who says so. Your user name, if left out.")]
Media = Annotated[str | None, typer.Option(help="Instead of --item: media id, or (with --out) a file's path.")]
Time = Annotated[float | None, typer.Option("--time", help="With --media: seconds; left out for a photo.")]
BoxText = Annotated[str | None, typer.Option("--box", help="With --media: x0,y0,x1,y1 in 0..1; left out: whole frame.")]
Kind = Annotated[str, typer.Option(help="With --media: face, scene, person or region.")]


@app.command()
def move(
    to: Annotated[str, typer.Option("--to", help="The cluster they belong in, or `new`.")],
    items: Items = None,
    media: Media = None,
    time: Time = None,
    box: BoxText = None,
    kind: Kind = "face",
    out: Out = None,
    library: Library = None,
    actor: Actor = None,
) -> None:
    """These items belong in that cluster."""
    from rushes.schemas.feedback import Move

    refs = _refs(items, media, time, box, kind, out)
    _give(Move(items=refs, to_cluster_id=None if to == "new" else to), out, library, actor)


@app.command()
def confirm(
    items: Items = None,
    media: Media = None,
    time: Time = None,
    box: BoxText = None,
    kind: Kind = "face",
    out: Out = None,
    library: Library = None,
    actor: Actor = None,
) -> None:
    """These items are right where they are."""
    from rushes.schemas.feedback import Confirm

    _give(Confirm(items=_refs(items, media, time, box, kind, out)), out, library, actor)


@app.command()
def reject(
    cluster: Annotated[str, typer.Option("--cluster", "-c", help="The cluster they are not of.")],
    items: Items = None,
    media: Media = None,
    time: Time = None,
    box: BoxText = None,
    kind: Kind = "face",
    out: Out = None,
    library: Library = None,
    actor: Actor = None,
) -> None:
    """These items are not of that cluster ("not this person")."""
    from rushes.schemas.feedback import Reject

    _give(Reject(items=_refs(items, media, time, box, kind, out), cluster_id=cluster), out, library, actor)


@app.command()
def undo(
    feedback_id: Annotated[str, typer.Argument(help="As the correction printed it.")],
    out: Out = None,
    library: Library = None,
    actor: Actor = None,
) -> None:
    """Take a correction back; what it had overruled holds again."""
    from rushes.schemas.feedback import Undo

    _give(Undo(feedback_id=feedback_id), out, library, actor)


def _refs(
    items: list[str] | None, media: str | None, time: float | None, box: str | None, kind: str, out: Path | None
) -> "tuple[ItemRef, ...]":
    from pydantic import ValidationError

    from rushes.schemas.feedback import Anchor, ItemRef

    refs = []
    try:
        refs = [ItemRef(item_id=item) for item in items or ()]
    except ValidationError as error:
        raise typer.BadParameter(
            "expected item ids as in assignments.jsonl (36 characters), found another", param_hint="--item"
        ) from error
    if media is not None:
        place = {
            "media_id": media_id_of(media, out),
            "kind": kind,
            "time_us": None if time is None else round(time * 1_000_000),
            "box": None if box is None else _corners(box),
        }
        try:
            refs.append(ItemRef(anchor=Anchor.model_validate(place)))
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise typer.BadParameter(f"no item can be there: {found}", param_hint="--media") from error
    if not refs:
        raise typer.BadParameter("name at least one item: --item ID, or --media with --time and --box")
    return tuple(refs)


def _corners(box: str) -> tuple[float, ...]:
    try:
        corners = tuple(float(corner) for corner in box.split(","))
    except ValueError:
        corners = ()
    if len(corners) != 4:
        raise typer.BadParameter(f"expected x0,y0,x1,y1 in 0..1, found {box!r}", param_hint="--box")
    return corners


def _give(change: "FeedbackAction", out: Path | None, library: str | None, actor: str | None) -> None:
    from datetime import UTC, datetime

    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.schemas.feedback import FeedbackGiven

    if (out is None) == (library is None):
        raise typer.BadParameter("say where: --out FOLDER for the results of a run, or --library NAME over Kafka")
    settings = Settings()
    configure_logging(settings.log_format, "warning")
    feedback_id = f"f-{uuid.uuid4().hex[:12]}"
    if out is not None:
        from rushes.streams.cli.folder import own_engines
        from rushes.streams.run.correcting import correct_folder
        from rushes.streams.run.out_folder import OutFolder

        folder = OutFolder(out)
        given = FeedbackGiven(
            library_id=folder.library or "local",
            feedback_id=feedback_id,
            actor=actor or _user(),
            given_at=datetime.now(UTC),
            change=change,
        )
        with own_engines():
            for line in correct_folder(folder, settings, given):
                typer.echo(line)
        typer.echo(f"undo with: rushes feedback undo {feedback_id} --out {shlex.quote(str(out))}")
        return
    given = FeedbackGiven(
        library_id=library or "",
        feedback_id=feedback_id,
        actor=actor or _user(),
        given_at=datetime.now(UTC),
        change=change,
    )
    _publish(settings, given)
    typer.echo(f"sent; undo with: rushes feedback undo {feedback_id} --library {library}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number that has no name
        return f"user-{os.getuid()}"


def _publish(settings: "Settings", given: "FeedbackGiven") -> None:
    from datetime import UTC, datetime

    from rushes.infra.kafka.publish import Publication, publish
    from rushes.infra.kafka.topics import topic_name
    from rushes.schemas.channels import Channel
    from rushes.schemas.envelope import encode, headers_of
    from rushes.schemas.ids import EventId

    headers = headers_of(EventId(given.feedback_id), given.type, "rushes/command-line", datetime.now(UTC).isoformat())
    publish(
        settings.kafka,
        [Publication(topic_name(settings.kafka, Channel.FEEDBACK), given.key, encode(given), headers)],
    )
