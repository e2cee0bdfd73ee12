"""`rushes topics`: create and look at the topics."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rushes.infra.kafka.admin import TopicReport

app = typer.Typer(help="Create, list and grow the topics.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]


@app.command()
def create(
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Set drifted configurations back to what they should be.")] = False,
    as_json: Json = False,
) -> None:
    """Create the topics that are missing, with their retention; say what differs in the others. Safe to repeat."""
    from rushes.infra.kafka.admin import create_topics
    from rushes.infra.settings import Settings

    _show(create_topics(Settings().kafka, fix=fix), as_json=as_json)


@app.command("list")
def list_topics(*, as_json: Json = False) -> None:
    """The topics as they are, beside what they should be."""
    from rushes.infra.kafka.admin import describe_topics
    from rushes.infra.settings import Settings

    _show(describe_topics(Settings().kafka), as_json=as_json)


@app.command()
def grow(
    channel: Annotated[str, typer.Argument(help="Which one, e.g. frames.")],
    partitions: Annotated[int, typer.Argument(min=1, help="How many it shall have.")],
) -> None:
    """Add partitions to a topic. New keys and libraries spread over them; no library's log moves."""
    from rushes.infra.kafka import admin
    from rushes.infra.settings import Settings
    from rushes.schemas.channels import Channel

    try:
        chosen = Channel(channel)
    except ValueError as error:
        raise typer.BadParameter(f"expected one of {', '.join(Channel)}, found {channel}") from error
    _show([admin.grow(Settings().kafka, chosen, partitions)], as_json=False)


def _show(reports: "list[TopicReport]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports], default=str, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("topic", "partitions", "state", "differs", title="Topics")
    for report in reports:
        differs = "; ".join(f"{d.setting}: is {d.found}, should be {d.expected}" for d in report.differences)
        table.add_row(report.name, str(report.partitions), report.state, differs)
    Console().print(table)
