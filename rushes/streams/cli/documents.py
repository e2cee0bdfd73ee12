"""`rushes contracts`: the documents that a producer or consumer in another language works from."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Write or check the JSON Schemas and the AsyncAPI document.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="Where the documents lie.")]


@app.command()
def write(folder: Folder = Path("docs/contracts")) -> None:
    """Write all documents into FOLDER."""
    from rushes.streams.contracts.documents import write_documents

    for path in write_documents(folder):
        typer.echo(path)


@app.command()
def check(folder: Folder = Path("docs/contracts")) -> None:
    """Compare the documents in FOLDER with the code; exit code 1 where they differ."""
    from rushes.streams.contracts.documents import check_documents

    drift = check_documents(folder)
    for one in drift:
        typer.echo(str(one), err=True)
    if drift:
        raise typer.Exit(1)
    typer.echo("The documents say what the code does.")
