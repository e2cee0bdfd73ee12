"""`rushes evaluate`: how well labelled things would be sorted, and how much work that would leave to a person."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rushes.processors.evaluation.material import Material
    from rushes.processors.evaluation.running import Engine
    from rushes.streams.screens.console import SteadyConsole


class PolicyOption(StrEnum):
    """The policies, for the command line."""

    CALIBRATED = "calibrated"
    FIXED = "fixed"


class KindOption(StrEnum):
    """What a folder's pictures are looked at for."""

    FACE = "face"
    PERSON = "person"
    SCENE = "scene"


def evaluate(
    labelled: Annotated[
        Path, typer.Argument(metavar="FILE.npz|FOLDER", help="Labelled embeddings, or a folder of labelled folders.")
    ],
    policy: Annotated[PolicyOption, typer.Option(help="How items are clustered.")] = PolicyOption.CALIBRATED,
    orders: Annotated[int, typer.Option(min=1, help="Seeded arrival orders to try; the worst counts.")] = 20,
    kind: Annotated[KindOption, typer.Option(help="Of a folder: whom or what the pictures are of.")] = KindOption.FACE,
    profile: Annotated[
        Path | None, typer.Option(help="What other libraries taught: a file of `rushes calibration export`.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Run labelled items through the product's own clusterer and hold the result against their labels.

    FILE.npz has `embeddings` (n, d) and `labels` (n,), and may have `frames` (items of one frame are different things),
    `tracklets` (items of one are the same), `shots`, `media`, `quality` (0..1) and `times`, each (n,). Below zero or
    empty is "not known". FOLDER has a folder for each identity or place, with its pictures; they go through the
    detector and the embedder that the settings name. Nothing is stored, and no service is needed.

    B-cubed F1 of the worst and of the mean order, after all work is done and as told at each item's arrival, beside
    the best single cut of offline average linkage (it sees the labels) and "all are different". Items in noise count
    as clusters of one. Clicks: items to move or confirm and clusters to join until all is right, per 1,000 items.
    Churn: items whose cluster changed after their arrival, per 1,000.

    Exit codes: 0 evaluated, 2 what was given can't be, 130 interrupted.
    """
    import time

    from rushes.streams.evaluating import evaluated
    from rushes.streams.screens.console import SteadyConsole
    from rushes.streams.screens.evaluation import evaluation_json, print_evaluation

    console = SteadyConsole(stderr=True)
    engine = _engine(policy, profile)
    try:
        with console.status("reading") as status:
            material = _material(labelled, kind, console, status.update)
            found = evaluated(material, policy.value, engine, orders, clock=time.perf_counter, progress=status.update)
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise typer.Exit(130) from None
    if as_json:
        sys.stdout.write(evaluation_json(found) + "\n")
    else:
        print_evaluation(found, material, SteadyConsole())


def _engine(policy: PolicyOption, profile: Path | None) -> "Engine":
    from rushes.processors.clustering.profiles import prior_of
    from rushes.processors.evaluation.driving import calibrated
    from rushes.processors.evaluation.plain import fixed
    from rushes.schemas.errors import ConfigurationError
    from rushes.streams.profile_files import read_profile

    if policy is PolicyOption.CALIBRATED:
        return calibrated() if profile is None else calibrated(prior_of(read_profile(profile)))
    if profile is not None:
        raise ConfigurationError(f"expected --profile with the policy `calibrated`, found it with `{policy.value}`")
    return fixed


def _material(
    labelled: Path, kind: KindOption, console: "SteadyConsole", progress: Callable[[str], None]
) -> "Material":
    """From a file or a folder, with what has to be said of it."""
    from rushes.infra.labelled_vectors import contradictions, load_labelled

    if labelled.is_dir():
        return _looked_at(labelled, kind, console, progress)
    material = load_labelled(labelled)
    if lost := contradictions(material):
        console.print(f"{lost} frames hold two items of one label: the clusterer keeps them apart, as it must.")
    return material


def _looked_at(folder: Path, kind: KindOption, console: "SteadyConsole", progress: Callable[[str], None]) -> "Material":
    from rushes.infra.logging import configure_logging
    from rushes.infra.media.decoder import MediaDecoder
    from rushes.infra.models import vision_models
    from rushes.infra.settings import Settings
    from rushes.streams.labelled_pictures import look_at_folder
    from rushes.streams.screens.wording import counted

    settings = Settings()
    configure_logging(settings.log_format, "error")
    decoder = MediaDecoder(settings.decode)
    try:
        looked = look_at_folder(
            folder,
            kind.value,
            vision_models(settings.models),
            decoder,
            lambda done, total, path: progress(f"{done} of {total} files looked at: {path.name}"),
        )
    finally:
        decoder.close()
    for path, reason in looked.failed:
        console.print(f"{path}: {reason}", markup=False, highlight=False, soft_wrap=True)
    if looked.unseen:
        told = counted(len(looked.unseen), "picture", "pictures")
        console.print(f"No {kind.value} found in {told}: {looked.unseen[0]} ...", markup=False, soft_wrap=True)
    console.print(f"Vectors by {looked.model}", markup=False, soft_wrap=True)
    return looked.material
