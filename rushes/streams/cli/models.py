"""`rushes models`: what there is, what is here, whether it fits, and how to get it."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

app = typer.Typer(help="List, show, verify and fetch the models and their weights.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.command("list")
def list_models(*, as_json: Json = False) -> None:
    """All models known by name and the presets: what is installed, what fits this machine, and under which licence."""
    from rushes.infra.settings import Settings
    from rushes.infra.weights.fit import device_here
    from rushes.infra.weights.registry import MODELS
    from rushes.infra.weights.report import report_model, report_presets
    from rushes.infra.weights.shelf import Shelf
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.models import print_models

    shelf, device = Shelf(Settings().models.folder), device_here()
    reports, presets = [report_model(model, shelf, device) for model in MODELS.values()], report_presets(shelf)
    if as_json:
        document = {"models": [asdict(one) for one in reports], "presets": [asdict(one) for one in presets]}
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        print_models(reports, presets, SteadyConsole())


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model of `rushes models list`.")], *, as_json: Json = False
) -> None:
    """One model in full: its files with sizes and hashes, where from, its memory, its licence, the setting."""
    from rushes.infra.settings import Settings
    from rushes.infra.weights.fit import device_here
    from rushes.infra.weights.report import known_model, report_model
    from rushes.infra.weights.shelf import Shelf
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.models import print_model

    report = report_model(known_model(name), Shelf(Settings().models.folder), device_here())
    if as_json:
        sys.stdout.write(json.dumps(asdict(report)) + "\n")
    else:
        print_model(report, SteadyConsole())


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="A model or a preset. Default: all that is here.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Read the weights and compare them with what was fetched. Exit code 1 where one is missing or not as it was."""
    from rushes.infra.settings import Settings
    from rushes.infra.weights.fit import device_here
    from rushes.infra.weights.registry import MODELS
    from rushes.infra.weights.report import models_of, report_model
    from rushes.infra.weights.shelf import Shelf
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.models import print_model

    shelf, device = Shelf(Settings().models.folder), device_here()
    wanted = models_of(name) if name is not None else tuple(MODELS.values())
    shelved = [(model, shelf.verify(model)) for model in wanted]
    reports = [
        report_model(model, shelf, device, found)
        for model, found in shelved
        if name is not None or found.state != "missing"
    ]
    wrong = [one for one in reports if one.state != "installed"]
    if as_json:
        document = {"models": [asdict(one) for one in reports], "verified": not wrong}
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        console = SteadyConsole()
        for one in reports:
            if one.state == "installed":
                console.print(f"{one.name}: all {len(one.files)} files as they were fetched", soft_wrap=True)
            else:
                print_model(one, console)
        if not reports:
            console.print("No weights are here: rushes models list")
    if wrong:
        raise typer.Exit(1)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A model or a preset of `rushes models list`.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Fetch anew what is here, and pin what comes now.")] = False,
    as_json: Json = False,
) -> None:
    """Get a model's weights, or all of a preset's: resumed where a fetch stopped, checked by hash, from the sources
    that `rushes models show NAME` lists, or from RUSHES_MODELS__MIRROR alone where that is set.

    Exit codes: 0 all is here, 2 no source has it, it wants a token, or other bytes came, 75 no source answers now.
    """
    import time

    from rushes.infra.settings import Settings
    from rushes.infra.weights.fetching import Fetcher
    from rushes.infra.weights.registry import MODELS
    from rushes.infra.weights.report import models_of
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.models import FetchScreen, size

    settings = Settings().models
    models = models_of(name)
    console = SteadyConsole(stderr=True)
    rows = []
    for model in models:
        with FetchScreen(console) as screen:
            fetched = Fetcher(settings, time.sleep, screen).fetch(model, force=force)
        folder = settings.folder / fetched.model.name
        total = sum(file.size_bytes for file in fetched.manifest.files.values())
        if fetched.instead_of is not None:
            asked, why = fetched.instead_of
            console.print(f"{asked} could not be had ({why}). {fetched.model.name} came instead.", soft_wrap=True)
        rows.append(
            {"asked": model.name, "model": fetched.model.name, "folder": str(folder), "size_bytes": total}
            | {"source": fetched.manifest.source, "licence": fetched.model.licence.name}
        )
        if not as_json:
            typer.echo(f"{fetched.model.name}: {size(total)} in {folder} ({fetched.model.licence.name})")
            if fetched.model.licence.note:
                typer.echo(f"  licence: {fetched.model.licence.note}")
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
    elif not models:
        typer.echo(f"{name}: needs no weights")
    else:
        kind = models[0].kinds[0].upper()
        told = f"RUSHES_MODELS__{kind}={name}" if name in MODELS else f"rushes run FOLDER --preset {name}"
        typer.echo(f"Use it: {told}")
