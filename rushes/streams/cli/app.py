"""The command `rushes` and how it ends: exit codes and errors that say what to do."""

import errno
import os
import sys
from typing import Final

import typer

from rushes.schemas.errors import ConfigurationError, DependencyUnavailable, RushesError, WeightsUnavailable
from rushes.streams.cli import (
    bus,
    calibration,
    documents,
    evaluate,
    explain,
    feedback,
    folder,
    identify,
    models,
    quality,
    replay,
    shots,
    topics,
    worker,
)

USAGE: Final = 2
"""A setting or argument is wrong."""

TRY_AGAIN: Final = 75
"""A part that is needed does not answer (EX_TEMPFAIL)."""

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""A full disk, a full quota, a disk that became read-only: no bug, and nothing for a traceback to tell."""

app = typer.Typer(
    name="rushes",
    help="Media sorted as it arrives: footage and photos become scenes and characters.",
    epilog="Begin with `rushes demo`, then `rushes run FOLDER`. Settings are read from RUSHES_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",  # which fills paragraphs to the width of the screen
)
app.command("demo")(folder.demo)
app.command("run")(folder.run)
app.command("shots")(shots.shots)
app.command("quality")(quality.quality)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(feedback.app, name="feedback")
app.command("explain")(explain.explain)
app.command("identify")(identify.identify)
app.add_typer(calibration.app, name="calibration")
app.command("upload")(bus.upload)
app.command("delete")(bus.delete)
app.command("status")(bus.status)
app.command("letters")(bus.letters)
app.command("worker")(worker.worker)
app.add_typer(topics.app, name="topics")
app.add_typer(models.app, name="models")
app.command("replay")(replay.replay)
app.add_typer(documents.app, name="contracts")


def main() -> None:
    """Run the command line; end with an exit code that tells."""
    # torch's threads otherwise spin while they wait, and take the cores from those that decode and from other workers:
    # on two busy cores a ViT-S takes 1.6 times the processor time. Read when torch is loaded, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except ConfigurationError as error:
        _end(error, USAGE)
    except DependencyUnavailable as error:
        _say_where_it_looked()
        _end(error, TRY_AGAIN)
    except WeightsUnavailable as error:
        _end(error, TRY_AGAIN)
    except RushesError as error:
        _end(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _end(f"can't write ({error}): make room, then give the same command again", TRY_AGAIN)


def _say_where_it_looked() -> None:
    from rushes.infra.settings import Settings

    settings = Settings()
    typer.echo(
        f"rushes: looked for Kafka at {settings.kafka.bootstrap} (RUSHES_KAFKA__BOOTSTRAP) and Milvus at "
        f"{settings.milvus.uri} (RUSHES_MILVUS__URI)",
        err=True,
    )


def _end(error: RushesError | str, code: int) -> None:
    typer.echo(f"rushes: {error}", err=True)
    sys.exit(code)
