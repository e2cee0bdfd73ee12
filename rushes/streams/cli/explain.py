"""`rushes explain`: why an item is where it is."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rushes.streams.cli.naming import media_id_of

if TYPE_CHECKING:
    from rushes.processors.clustering.items import Item
    from rushes.processors.clustering.library import Library


def explain(
    item: Annotated[
        str | None, typer.Argument(help="Item id, or the beginning of one, as in assignments.jsonl and on events.")
    ] = None,
    media: Annotated[
        str | None, typer.Option(help="Everything in a media, by its id or (with --out) by a file's path.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The results of `rushes run`.")] = None,
    library: Annotated[str | None, typer.Option("--library", "-l", help="A library of a running system.")] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; of a media, one in each line for each item.")
    ] = False,
) -> None:
    """Why an item is where it is: what decided, its figures, what else is near, and what would change it."""
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.processors.clustering.explaining import explain as explained
    from rushes.streams.folding import library_of_folder, library_of_log, path_in
    from rushes.streams.screens.explanation import json_of, lines_of

    if (out is None) == (library is None):
        raise typer.BadParameter("say where: --out FOLDER for the results of a run, or --library NAME over Kafka")
    if (item is None) == (media is None):
        raise typer.BadParameter("say what: an item id, or --media and the id or path of a media")
    settings = Settings()
    configure_logging(settings.log_format, "error")
    state = library_of_folder(out, settings) if out is not None else library_of_log(library or "", settings)
    where = f"--out {shlex.quote(str(out))}" if out is not None else f"--library {shlex.quote(library or '')}"
    found = _item(state, item) if item is not None else _items_in(state, media_id_of(media or "", out))
    for at, one in enumerate(found):
        told = explained(state, one, where)
        if as_json:
            typer.echo(json_of(told))
            continue
        if at:
            typer.echo("")
        for line in lines_of(told, None if out is None else path_in(out, told.record.media_id)):
            typer.echo(line)


def _item(state: "Library", begins: str) -> "list[Item]":
    found = [one for item_id, one in state.items.items() if item_id.startswith(begins)]
    if len(found) != 1:
        known = "no item" if not found else f"{len(found)} items"
        raise typer.BadParameter(f"expected the id of one item of library {state.library_id}, found {known}: {begins}")
    return found


def _items_in(state: "Library", media_id: str) -> "list[Item]":
    """The items of a media as they come in it: by time, scenes before who is in them."""
    found = [
        (one.record.time_us or 0, one.kind != "scene", one.kind, one.item_id, one)
        for one in state.items.values()
        if one.media_id == media_id and one.record is not None
    ]
    if not found:
        raise typer.BadParameter(f"library {state.library_id} has nothing of media {media_id}", param_hint="--media")
    return [one for *_, one in sorted(found, key=lambda row: row[:-1])]
