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
Json = Annotated[bool, typer.Option("--json", help="One JSON document a line instead of text.")]


def upload(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", exists=True)],
    library: Library,
) -> None:
    """Announce files to a running system. The media id is the content's hash, so a file sent twice is one media.

    The workers read the files by their path: it must lie under one of their RUSHES_SOURCES__ROOTS.
    """
    from rushes.infra.inventory import inventory_of, walk
    from rushes.infra.settings import Settings
    from rushes.schemas.media import MediaUploaded

    files = [file for path in paths for file in (walk(path, path / ".rushes") if path.is_dir() else [path])]
    seen = inventory_of(files, {}, lambda _done, _total: None)
    for file in seen.unreadable():
        typer.echo(f"{file.path}: {file.problem}", err=True)
    events: list[BaseModel] = [
        MediaUploaded(
            library_id=library,
            media_id=media.media_id,
            uri=Path(media.paths[0]).absolute().as_uri(),
            sha256=media.media_id,
            attributes={"paths": media.told_paths()},
        )
        for media in seen.media()
    ]
    _publish(Settings().kafka, events)
    for media in seen.media():
        for path in media.paths:
            typer.echo(f"{media.media_id}  {path}")
    if seen.unreadable():
        raise typer.Exit(1)


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
    for one in folded.values():
        progress = "" if one.progress is None else f" {one.progress:.0%}"
        counts = f"{one.counters.shots_applied or one.counters.shots_found} shots, {one.counters.items} items"
        typer.echo(f"{one.state:<11}{progress:>5}  {one.media_id}  {counts}")
        if one.reason:
            typer.echo(f"{'':18}{one.reason}")


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
    for one in newest.values():
        whose = f"{one.library_id or '?'}/{one.media_id}" if one.media_id else one.library_id or "?"
        typer.echo(f"{one.stage}: {one.code}  {whose}  (attempts: {one.attempts})\n    {one.reason}")


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
