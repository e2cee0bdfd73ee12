"""`rushes upload`, `delete`, `status` and `letters`: a producer's side of a running system, over Kafka."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from rushes.infra.settings import KafkaSettings
    from rushes.schemas.channels import Channel
    from rushes.schemas.status import DeadLetter, MediaStatus

Library = Annotated[str, typer.Option("--library", "-l", help="The library (tenant).")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document a line instead of a table.")]


def upload(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", exists=True)],
    library: Library,
) -> None:
    """Announce files to a running system. The media id is the content's hash, so a file sent twice is one media.

    The workers read the files by their path: it must lie under one of their RUSHES_SOURCES__ROOTS.
    """
    from rushes.infra.inventory import take_inventory, walk
    from rushes.infra.settings import Settings
    from rushes.schemas.media import MediaUploaded

    files = [file for path in paths for file in (walk(path, path / ".rushes") if path.is_dir() else [path])]
    events: list[BaseModel] = []
    for file in files:
        seen = take_inventory(file, file.parent / ".rushes", {}, lambda _done, _total: None)
        media = seen.media()
        if not media:
            typer.echo(f"{file}: {seen.unreadable()[0].problem if seen.unreadable() else 'no file'}", err=True)
            continue
        events.append(
            MediaUploaded(
                library_id=library,
                media_id=media[0].media_id,
                uri=file.absolute().as_uri(),
                sha256=media[0].media_id,
                attributes={"paths": [str(file.absolute())]},
            )
        )
        typer.echo(f"{media[0].media_id}  {file}")
    _publish(Settings().kafka, events)


def delete(
    media: Annotated[list[str], typer.Argument(help="Media ids.")],
    library: Library,
) -> None:
    """Forget media and everything made of them: rows, pictures, assignments."""
    from rushes.infra.settings import Settings
    from rushes.schemas.media import MediaDeleted

    _publish(Settings().kafka, [MediaDeleted(library_id=library, media_id=one) for one in media])


def status(
    library: Library,
    media: Annotated[list[str] | None, typer.Argument(help="Media ids; none: all of the library.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """How far each media is: splitting, clustering, complete, partial, failed, removed."""
    from rushes.infra.settings import Settings
    from rushes.schemas.channels import Channel
    from rushes.streams.media_progress import fold_statuses

    wanted = set(media or ())
    statuses: list[MediaStatus] = [
        one
        for one in _read(Settings().kafka, Channel.MEDIA_STATUS)
        if one.type == "MediaStatus" and one.library_id == library and (not wanted or one.media_id in wanted)
    ]
    folded = fold_statuses(statuses)
    for name in sorted(wanted - set(folded)):
        typer.echo(f"{name}: nothing is known of it in library {library}", err=True)
    if as_json:
        for one in folded.values():
            typer.echo(one.model_dump_json())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("media", "state", "progress", "shots", "items", "reason", title=f"Library {library}")
    for one in folded.values():
        progress = "" if one.progress is None else f"{one.progress:.0%}"
        counters = one.counters
        shots = str(counters.shots_applied or counters.shots_found)
        table.add_row(one.media_id, one.state, progress, shots, str(counters.items), one.reason or "")
    Console().print(table)


def letters(
    library: Annotated[str | None, typer.Option("--library", "-l", help="Only this library's.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """What failed for good, and why."""
    from rushes.infra.settings import Settings
    from rushes.schemas.channels import Channel

    newest: dict[str, DeadLetter] = {
        one.letter_id: one
        for one in _read(Settings().kafka, Channel.DEAD_LETTERS)
        if one.type == "DeadLetter" and (library is None or one.library_id == library)
    }
    if as_json:
        for one in newest.values():
            typer.echo(one.model_dump_json())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("stage", "code", "library", "media", "attempts", "reason", title="Dead letters")
    for one in newest.values():
        table.add_row(one.stage, one.code, one.library_id or "", one.media_id or "", str(one.attempts), one.reason)
    Console().print(table)


def _publish(kafka: "KafkaSettings", events: "list[BaseModel]") -> None:
    import uuid
    from datetime import UTC, datetime

    from rushes.infra.kafka.publish import Publication, publish
    from rushes.infra.kafka.topics import topic_name
    from rushes.schemas.channels import Channel
    from rushes.schemas.envelope import encode, headers_of
    from rushes.schemas.ids import EventId
    from rushes.schemas.media import MediaDeleted, MediaUploaded

    now = datetime.now(UTC).isoformat()
    topic = topic_name(kafka, Channel.MEDIA_UPLOADED)
    publications = [
        Publication(
            topic,
            event.key,
            encode(event),
            headers_of(EventId(str(uuid.uuid4())), event.type, "rushes/command-line", now),
        )
        for event in events
        if isinstance(event, MediaUploaded | MediaDeleted)
    ]
    publish(kafka, publications)


def _read(kafka: "KafkaSettings", channel: "Channel") -> "Iterator[MediaStatus | DeadLetter]":
    from rushes.infra.kafka.admin import partition_count
    from rushes.infra.kafka.topics import topic_name
    from rushes.infra.library_log.kafka_reader import KafkaReader
    from rushes.schemas.envelope import decode
    from rushes.schemas.errors import InvalidEvent
    from rushes.schemas.status import DeadLetter, MediaStatus

    reader = KafkaReader(kafka)
    for partition in range(partition_count(kafka, channel)):
        for _, value in reader.read(topic_name(kafka, channel), partition, 0, None):
            try:
                event = decode(value)
            except InvalidEvent:
                continue
            if isinstance(event, MediaStatus | DeadLetter):
                yield event
