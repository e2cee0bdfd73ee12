"""`rushes explain`: why an item is where it is."""

from pathlib import Path
from typing import Annotated

import typer


def explain(
    item: Annotated[str, typer.Argument(help="Item id, or the beginning of one, as in assignments.jsonl.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The results of `rushes run`.")] = None,
    library: Annotated[str | None, typer.Option("--library", "-l", help="A library of a running system.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Why an item is where it is: what decided, its figures, what else is near, and what would change it."""
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.processors.clustering.explaining import explain as explained
    from rushes.streams.folding import library_of_folder, library_of_log, path_in
    from rushes.streams.screens.explanation import json_of, lines_of

    if (out is None) == (library is None):
        raise typer.BadParameter("say where: --out FOLDER for the results of a run, or --library NAME over Kafka")
    settings = Settings()
    configure_logging(settings.log_format, "error")
    state = library_of_folder(out, settings) if out is not None else library_of_log(library or "", settings)
    found = [one for item_id, one in state.items.items() if item_id.startswith(item)]
    if len(found) != 1:
        known = "no item" if not found else f"{len(found)} items"
        raise typer.BadParameter(f"expected the id of one item of library {state.library_id}, found {known}: {item}")
    told = explained(state, found[0])
    if as_json:
        typer.echo(json_of(told))
    else:
        for line in lines_of(told, None if out is None else path_in(out, told.record.media_id)):
            typer.echo(line)
