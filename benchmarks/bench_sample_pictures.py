"""What is stored of a face sample against the whole picture: bytes, faces, and how far their vectors agree.

    RUSHES_TEST_DATA=DATA python benchmarks/bench_sample_pictures.py [--frames 3000] [--keep FOLDER] [FILM ...]

Two frames a second of each film, by default of evaluation data at 1920 x 1080: the montage, and a long take of one
person. `faces only` is what is stored; `searched again` is the same as a worker with another detector takes it, which
has no use for the finds that came with it; beside them whole pictures of lower JPEG quality. Where the quantised box is
the same, so is the item's id. MTCNN, and the face embedder of the data set.
"""

import argparse
import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import av
import numpy as np
from bench_split_speed import MATERIALS, encode
from environment import describe
from PIL import Image

from rushes.infra.media.decoder import Picture
from rushes.infra.media.sampler import FilmSampler, Stretch
from rushes.infra.models import face_detectors, vision_models
from rushes.infra.settings import DecodeLimits, ModelSettings, SampleSettings
from rushes.processors.faces.tracklets import intersection_over_union
from rushes.processors.shots.sample_times import sample_times
from rushes.schemas.ids import Box
from rushes.schemas.shots import FaceFinds
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed_reading import decoded
from rushes.streams.stages.faces_kept import FacesKept, Sample
from rushes.streams.stages.vision import Vision

QUALITIES: Final = (75, 50)

ONE_FACE: Final = 0.5
"""Overlap of two boxes that are one face, as the library resolves it."""

Vectors = Mapping[Box, np.ndarray]
"""Of the faces of a frame, by quantised box."""


def samples_of(film: Path, *, raw: bool) -> Iterator[Picture]:
    """Pictures as the decoding child gives them."""
    settings = SampleSettings()
    with av.open(str(film)) as container:
        end_us = round((container.duration or 0) * 1_000_000 / av.time_base)
    sampler = FilmSampler(DecodeLimits())
    times = sample_times(0, end_us, settings.faces_per_s, ())
    yield from filter(None, sampler.sample(film, Stretch(0, 0, end_us, 0), times, settings.lines, raw=raw))
    sampler.close()


def seen(vision: Vision, picture: Picture, faces: FaceFinds | None = None) -> Vectors:
    image = decoded(picture.image)
    assert image is not None
    (found,) = vision.see([vision.picture(image, (), whole=False, faces=faces)])
    return {item.box: decode_vector(item.vector) for kind in found.kinds for item in kind.items if item.box}


def jpeg_of(image: np.ndarray, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def at_quality(picture: Picture, quality: int) -> Picture:
    image = decoded(picture.image)
    thumbnail = decoded(picture.thumbnail)
    assert image is not None
    assert thumbnail is not None
    jpegs = [jpeg_of(one, quality) for one in (image, thumbnail)]
    return replace(picture, image=jpegs[0], thumbnail=jpegs[1])


def agreements(whole: Vectors, other: Vectors) -> list[tuple[bool, float]]:
    """Of each face of the whole picture that is found in the other: whether its box is the same, and the cosine."""
    found = []
    for box, vector in whole.items():
        nearest = max(other, key=lambda one: intersection_over_union(box, one), default=None)
        if nearest is not None and intersection_over_union(box, nearest) >= ONE_FACE:
            lengths = np.linalg.norm(vector) * np.linalg.norm(other[nearest])
            found.append((nearest == box, float(vector @ other[nearest] / lengths)))
    return found


def told(name: str, wholes: Sequence[Vectors], others: Sequence[Vectors], pictures: Sequence[Picture]) -> None:
    """A row: what a way of storing keeps of each frame, and of the faces in it."""
    stored = sum(len(picture.image) + len(picture.thumbnail) for picture in pictures) / 1000
    found = [one for whole, other in zip(wholes, others, strict=True) for one in agreements(whole, other)]
    cosines = [cosine for _, cosine in found] or [1.0]
    kept = f"{len(pictures):5} stored of {stored / max(len(pictures), 1):6.1f} KB, {stored / len(wholes):6.1f} a frame"
    faces = (
        f"of {sum(map(len, wholes)):4} faces {len(found):4} found, {sum(same for same, _ in found):4} in the same box"
    )
    print(
        f"  {name:15} {kept}; {faces}, of {sum(map(len, others)):4}; cosine least {min(cosines):.5f}, median "
        f"{np.median(cosines):.5f}",
        flush=True,
    )


def measure(film: Path, vision: Vision, kept: FacesKept) -> None:
    pictures = list(samples_of(film, raw=False))
    wholes = [seen(vision, picture) for picture in pictures]
    print(f"{film.name}: {len(pictures)} frames")
    told("whole", wholes, wholes, pictures)
    samples: list[Sample | None] = [kept.sample_of(picture) for picture in samples_of(film, raw=True)]
    stored = [sample.picture for sample in samples if sample is not None]
    for name, searching in (("faces only", False), ("searched again", True)):
        others = [
            {} if sample is None else seen(vision, sample.picture, None if searching else sample.faces)
            for sample in samples
        ]
        told(name, wholes, others, stored)
    for quality in QUALITIES:
        smaller = [at_quality(picture, quality) for picture in pictures]
        told(f"quality {quality}", wholes, [seen(vision, picture) for picture in smaller], smaller)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=3_000, help="of each film of the data (default: 3000)")
    parser.add_argument("--keep", type=Path, help="a folder in which the encoded films stay")
    asked = parser.parse_args()
    place = os.environ.get("RUSHES_TEST_DATA")
    if not place:
        parser.error("set RUSHES_TEST_DATA to the folder of the evaluation data")
    data = Path(place)
    settings = ModelSettings(scene="opencv", face=f"onnx:{data / 'weights/face_0095.onnx'}", threads=1)
    models = vision_models(settings)
    vision = Vision(models.scene, models.detector, models.face)
    (detector,) = face_detectors(settings, settings.detector_pixels)
    kept = FacesKept(detector, DecodeLimits().jpeg_quality)
    print(describe("av", "facenet-pytorch", "torch", "pillow"))
    with tempfile.TemporaryDirectory() as scratch:
        films = asked.keep or Path(scratch)
        films.mkdir(parents=True, exist_ok=True)
        for film in asked.films or [encode(material, data, asked.frames, films) for material in MATERIALS[:2]]:
            measure(film, vision, kept)


if __name__ == "__main__":
    main()
