"""Every family through its own loader, against the library's own forward pass and preprocessing."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer

from rushes.processors.embedding.families import open_model
from rushes.processors.embedding.image_tower import normalised
from rushes.processors.embedding.internvit import tiles_of
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import PixelRecipe
from rushes.processors.embedding.transformers_models import PREPROCESSING
from tests.tiny_checkpoints import MAKERS, pictures

PICTURES = pictures()
OPTIONS = BackendOptions(device="cpu", precision="float32", threads=1, batch=4)
SMALLER = BackendOptions(device="cpu", precision="float32", threads=1, batch=4, image_size=80)
"""For InceptionResnetV1, of which there is one size alone."""
FAMILIES = sorted(MAKERS)
TINY = [name for name in FAMILIES if name != "inception"]
OF_PIXELS = [name for name in FAMILIES if name != "siglip2-naflex"]


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def recipe_of(embedder) -> PixelRecipe:
    return embedder.ready().tower._recipe


def reference_rows(made, embedder) -> np.ndarray:
    """The library's vectors of the very pixels that the embedder sees."""
    pixels = torch.from_numpy(np.stack([embedder.prepare(picture) for picture in PICTURES]))
    with torch.inference_mode():
        return unit(made.reference(normalised(pixels, recipe_of(embedder), torch.float32)).numpy())


@pytest.mark.parametrize("family", OF_PIXELS)
def test_vectors_are_those_of_the_librarys_forward_pass(checkpoint, family):
    made = checkpoint(family)
    embedder = open_model(made.setting, options=SMALLER if family == "inception" else OPTIONS)
    rows = embedder.embed(PICTURES)
    assert rows.shape == (len(PICTURES), embedder.dim)
    assert np.abs(rows - reference_rows(made, embedder)).max() < 1e-5
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.ptp(rows, axis=0).max() > 1e-4  # or it would pass whichever picture a row were of


def test_naflex_vectors_are_those_of_the_librarys_processor_and_forward_pass(checkpoint):
    made = checkpoint("siglip2-naflex")
    rows = open_model(made.setting, options=OPTIONS).embed(PICTURES)
    inputs = made.processor(images=PICTURES, return_tensors="pt")
    with torch.inference_mode():
        assert (rows * unit(made.reference(dict(inputs)).numpy())).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_without_its_preprocessing_file_a_model_sees_the_size_that_it_was_trained_on(checkpoint, tmp_path, family):
    made = checkpoint(family)
    bare = shutil.copytree(made.folder, tmp_path / family, ignore=shutil.ignore_patterns(*PREPROCESSING))
    sizes = {
        recipe_of(open_model(setting, options=OPTIONS)).size
        for setting in (made.setting, made.setting.replace(str(made.folder), str(bare)))
    }
    assert len(sizes) == 1
    assert sizes != {(224, 224)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_gives_what_single_pictures_give_and_blanks_change_nothing(checkpoint, family):
    embedder = open_model(checkpoint(family).setting, options=SMALLER if family == "inception" else OPTIONS)
    rows = embedder.embed(PICTURES)
    alone = np.concatenate([embedder.embed([picture]) for picture in PICTURES])
    assert np.abs(rows - alone).max() < 1e-5
    embedder.ready().batches._pad = True
    assert np.abs(rows - embedder.embed(PICTURES)).max() < 1e-5
    assert np.isfinite(embedder.embed(PICTURES[:3])).all()


@pytest.mark.parametrize("family", TINY)
def test_pictures_made_ready_on_their_own_give_the_same(checkpoint, family):
    embedder = open_model(checkpoint(family).setting, options=OPTIONS)
    prepared = [embedder.prepare(picture) for picture in PICTURES]
    assert len({(item.shape, item.dtype) for item in prepared}) == 1
    assert not any(np.shares_memory(item, picture) for item, picture in zip(prepared, PICTURES, strict=True))
    assert np.array_equal(embedder.forward(prepared), embedder.embed(PICTURES))
    assert embedder.embed([]).shape == (0, embedder.dim)


@pytest.mark.parametrize(
    "family", ["dinov2", "dinov3", "dinov3-convnext", "clip", "siglip", "internvit", "vjepa2", "timm-file"]
)
def test_pixels_are_those_of_the_librarys_own_preprocessing(checkpoint, family):
    made = checkpoint(family)
    embedder = open_model(made.setting, options=OPTIONS)
    for picture in PICTURES:
        prepared = torch.from_numpy(embedder.prepare(picture))
        ours = normalised(prepared[None], recipe_of(embedder), torch.float32)[0].numpy().ravel()
        theirs = library_pixels(made.processor, family, picture).ravel()
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.999


def library_pixels(processor, family: str, picture: np.ndarray) -> np.ndarray:
    if family == "timm-file":
        return processor(Image.fromarray(picture)).numpy()
    if family == "vjepa2":
        return processor(videos=[np.stack([picture] * 2)], return_tensors="np")["pixel_values_videos"][0]
    return processor(images=picture, return_tensors="np")["pixel_values"][0]


@pytest.mark.parametrize("family", TINY)
def test_an_unloaded_model_loads_again(checkpoint, family):
    embedder = open_model(checkpoint(family).setting, options=OPTIONS)
    before = embedder.embed(PICTURES[:1])
    embedder.unload()
    assert np.array_equal(before, embedder.embed(PICTURES[:1]))


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2-naflex"])
def test_texts_share_the_space_of_pictures(checkpoint, family):
    made = checkpoint(family)
    embedder = open_model(made.setting, options=OPTIONS)
    texts = ["a red dog", "the street of a blue kitchen the red dog", "unheard"]
    rows = embedder.embed_texts(texts)
    tokens = AutoTokenizer.from_pretrained(made.folder)(
        texts, padding="max_length", truncation=True, max_length=8, return_tensors="pt"
    )
    tokens.pop("token_type_ids", None)
    with torch.inference_mode():
        expected = unit(made.extra["texts"](dict(tokens)).numpy())
    assert rows.shape == (3, embedder.dim)
    assert np.abs(rows - expected).max() < 1e-5
    assert np.abs(embedder.embed_texts(texts[:1]) - rows[:1]).max() < 1e-5
    assert embedder.embed_texts([]).shape == (0, embedder.dim)


def test_a_clip_is_one_vector_of_evenly_spread_frames(checkpoint):
    made = checkpoint("vjepa2")
    embedder = open_model(made.setting, options=replace(OPTIONS, clip_frames=4))
    frames = [PICTURES[0], PICTURES[1], PICTURES[2], PICTURES[3], PICTURES[4], PICTURES[5], PICTURES[6]]
    rows = embedder.embed_clips([frames, frames[:4], [PICTURES[0]]])
    pixels = torch.from_numpy(np.stack([np.stack([recipe_of(embedder).prepared(frames[i]) for i in (0, 2, 4, 6)])]))
    with torch.inference_mode():
        expected = unit(made.reference(normalised(pixels, recipe_of(embedder), torch.float32)).numpy())
    assert np.abs(rows[:1] - expected).max() < 1e-5
    assert np.abs(rows[1:2] - embedder.embed_clips([frames[:4]])).max() < 1e-5
    assert np.abs(rows[1] - embedder.embed_clips([frames[3::-1]])[0]).max() > 1e-4  # it sees the order


def test_three_levels_give_the_simple_vector_and_named_ones_beside_it(checkpoint):
    made = checkpoint("internvit")
    simple = open_model(made.setting, options=OPTIONS)
    levels = open_model(made.setting.replace("internvit:", "internvit-3level:"), options=OPTIONS)
    found = levels.forward_all([levels.prepare(picture) for picture in PICTURES])
    assert levels.model_id == simple.model_id
    for rows in (found.primary, levels.embed(PICTURES), levels.forward([levels.prepare(p) for p in PICTURES])):
        assert np.abs(rows - simple.embed(PICTURES)).max() < 1e-5
    wide = PICTURES[0]  # 160 x 90: tiles of 2 columns and 1 row, or of the same aspect
    assert {"focused", "tiles/0", "tiles/1"} <= set(found.secondary[0])
    assert np.abs(found.secondary[0]["focused"] - simple.embed([wide[22:67, 57:102]])[0]).max() < 1e-5
    assert all(np.linalg.norm(row) == pytest.approx(1, abs=1e-5) for named in found.secondary for row in named.values())


def test_the_tiles_are_those_that_the_library_cuts(checkpoint):
    made = checkpoint("internvit")
    embedder = open_model(made.setting, options=OPTIONS)
    for picture in PICTURES:
        theirs = made.processor(
            images=picture, crop_to_patches=True, min_patches=1, max_patches=6, return_tensors="np"
        )["pixel_values"]
        theirs = theirs[:-1] if len(theirs) > 1 else theirs  # behind several tiles comes the whole picture
        tiles = tiles_of(picture, recipe_of(embedder), 6) or [recipe_of(embedder).prepared(picture)]
        ours = normalised(torch.from_numpy(np.stack(tiles)), recipe_of(embedder), torch.float32).numpy()
        assert ours.shape == theirs.shape
        assert (ours * theirs).sum() / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.999
