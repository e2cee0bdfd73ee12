"""Labelled embeddings from an .npz file, checked before anything is computed of them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.evaluation.material import Floats, Ints, Material, unit_rows
from rushes.schemas.errors import ConfigurationError

WHOLE: Final = "bool, integers or text"


def load_labelled(path: Path) -> Material:
    """Vectors (at any length, made unit) and labels, with whatever else the file knows of: `frames`, `shots`,
    `tracklets`, `media` (integers or text; below zero or empty is "not known"), `quality` (0..1), `times` (seconds).

    Raises ConfigurationError, which says what was expected and what was found.
    """
    columns = _columns(path)
    vectors = _vectors(path, columns)
    n = len(vectors)
    labels = _named(path, columns, "labels", n)
    if labels is None:
        raise _wrong(path, f"expected an array `labels` of {n} identities, found {_listed(columns)}")
    quality = _numbers(path, columns, "quality", n)
    if quality is not None and not ((quality >= 0) & (quality <= 1)).all():
        raise _wrong(path, f"expected `quality` in 0..1, found {quality.min():g} to {quality.max():g}")
    return Material(
        vectors,
        np.unique(labels, return_inverse=True)[1].astype(np.int64),
        frames=_ids(_named(path, columns, "frames", n)),
        quality=quality,
        times=_numbers(path, columns, "times", n),
        shots=_ids(_named(path, columns, "shots", n)),
        tracklets=_ids(_named(path, columns, "tracklets", n)),
        media=_ids(_named(path, columns, "media", n)),
    )


def contradictions(material: Material) -> int:
    """Frames in which two items have one label, though items of one frame are different things."""
    if material.frames is None:
        return 0
    pairs = np.stack([material.frames, material.labels])[:, material.frames >= 0]
    kinds, counts = np.unique(pairs, axis=1, return_counts=True)
    return len(set(kinds[0][counts > 1].tolist()))


def _columns(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise _wrong(path, "expected an .npz of named arrays (numpy.savez), found a single array")
        with file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise ConfigurationError(f"expected labelled embeddings, found nothing at {path}: check the path") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _wrong(
            path, f"expected an .npz of plain arrays (numpy.savez, nothing pickled), found: {error}"
        ) from error


def _vectors(path: Path, columns: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    found = columns.get("embeddings")
    if found is None:
        raise _wrong(path, f"expected an array `embeddings` (n, d), found {_listed(columns)}")
    if found.ndim != 2 or 0 in found.shape or found.dtype.kind not in "fiu":
        raise _wrong(path, f"expected `embeddings` (n, d) of numbers, found {found.shape} of {found.dtype}")
    wide = found.astype(np.float64)
    lost = np.flatnonzero(~np.isfinite(wide).all(axis=1) | ~wide.any(axis=1))
    if lost.size:
        raise _wrong(
            path,
            f"expected rows of `embeddings` that are finite and not zero, found {lost.size} others, the first at "
            f"{int(lost[0])}: leave them out",
        )
    return unit_rows(wide)


def _named(path: Path, columns: Mapping[str, NDArray[np.generic]], name: str, n: int) -> NDArray[np.generic] | None:
    found = columns.get(name)
    if found is None:
        return None
    if found.shape != (n,):
        raise _wrong(path, f"expected `{name}` ({n},), one for each row of `embeddings`, found {found.shape}")
    if found.dtype.kind == "f" and np.array_equal(found, np.trunc(found.astype(np.float64))):
        return found.astype(np.int64)
    if found.dtype.kind not in "biuUS":
        raise _wrong(path, f"expected `{name}` of {WHOLE}, found {found.dtype}")
    return found


def _ids(found: NDArray[np.generic] | None) -> Ints | None:
    """Dense numbers from 0 for what is known, -1 for what is not."""
    if found is None:
        return None
    known = found != found.dtype.type() if found.dtype.kind in "US" else found.astype(np.int64) >= 0
    numbers = np.full(len(found), -1, np.int64)
    numbers[known] = np.unique(found[known], return_inverse=True)[1]
    return numbers


def _numbers(path: Path, columns: Mapping[str, NDArray[np.generic]], name: str, n: int) -> Floats | None:
    found = columns.get(name)
    if found is None:
        return None
    if found.shape != (n,) or found.dtype.kind not in "fiub":
        raise _wrong(path, f"expected `{name}` ({n},) of numbers, found {found.shape} of {found.dtype}")
    numbers = found.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise _wrong(path, f"expected finite numbers in `{name}`, found {int((~np.isfinite(numbers)).sum())} others")
    return numbers


def _listed(columns: Mapping[str, NDArray[np.generic]]) -> str:
    return ", ".join(f"{name} {column.shape}" for name, column in columns.items()) or "no array"


def _wrong(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {what}")
