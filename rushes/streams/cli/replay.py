"""`rushes replay`: a library's log decided anew, beside the live rows."""

from typing import Annotated

import typer


def replay(
    library: Annotated[str, typer.Option("--library", "-l", help="The library (tenant).")],
    into: Annotated[
        str | None,
        typer.Option(help="Prefix of the Milvus collections to fill; none: in memory, only compared."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Fold a library's log from its beginning into a fresh store and compare it with the live one.

    Nothing is published and the live rows stay as they are. Exit code 1 where the two differ.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from rushes.infra.library_log.kafka import KafkaLibraryLog
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.infra.store.memory import MemoryStore
    from rushes.infra.store.port import ItemStore
    from rushes.schemas.ids import Generation, LibraryId
    from rushes.streams.composition import open_store
    from rushes.streams.replaying import compare, replay_library

    settings = Settings()
    configure_logging(settings.log_format, settings.log_level)
    log = KafkaLibraryLog(settings.kafka, source="rushes/replay")
    fresh: ItemStore = MemoryStore()
    if into is not None:
        milvus = settings.milvus.model_copy(update={"prefix": into})
        fresh = open_store(settings.model_copy(update={"milvus": milvus}))
    library_id, generation = LibraryId(library), Generation(settings.generation)
    with Console(stderr=True).status(f"replaying library {library}"):
        entries = replay_library(log, library_id, generation, fresh)
        result = compare(open_store(settings), fresh, library_id, generation, entries)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        typer.echo(
            f"{result.entries} entries give {result.items} items in {result.clusters} clusters; "
            + ("the live rows are the same" if result.same else f"{len(result.different)} records differ from the live")
        )
        for name in result.different[:20]:
            typer.echo(f"  differs: {name}")
    if not result.same:
        raise typer.Exit(1)
