"""What a model runs on is known and said; a narrow type that strays from float32 is not used."""

import numpy as np
import pytest
import torch

from rushes.processors.embedding.families import open_model
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.shrinking import reduction
from rushes.processors.embedding.torch_embedder import Backend, TorchEmbedder
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable
from rushes.schemas.ids import ModelId
from tests.tiny_checkpoints import pictures

PICTURES = pictures()


class FakeTower:
    """Mean colours, by a model that may fail: in its type, or for want of memory."""

    dim = 3

    def __init__(self, *, room: int = 100, stray: float = 0.0) -> None:
        self.model = torch.nn.Linear(3, 3)
        self.room = room
        self.stray = stray
        torch.nn.init.eye_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)

    def vectors(self, pixels: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        if len(pixels) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory (a fake)")
        rows = self.model((pixels.float().mean(dim=(1, 2)) / 255).to(dtype)).float()
        if dtype != torch.float32:
            rows[:, 0] += self.stray
        return rows


def fake(tower: FakeTower, **options) -> TorchEmbedder:
    """Loaded anew each time, as from files."""
    backend = Backend(
        ModelId("fake/0/1"), (8, 8), lambda image: image[:8, :8].copy(), lambda h, w: reduction(h, w, (8, 8), "squash"),
        lambda: FakeTower(room=tower.room, stray=tower.stray),
    )  # fmt: skip
    return TorchEmbedder(backend, BackendOptions(device="cpu", **options))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_narrow_type_that_agrees_with_float32_is_used_and_said(checkpoint, precision):
    setting = checkpoint("dinov2").setting
    exact = open_model(setting, options=BackendOptions(device="cpu", threads=1, precision="float32")).embed(PICTURES)
    narrow = open_model(setting, options=BackendOptions(device="cpu", threads=1, precision=precision))
    rows = narrow.embed(PICTURES)
    assert narrow.facts.precision == precision
    assert narrow.facts.notes == ()
    assert rows.dtype == np.float32
    assert (rows * exact).sum(axis=1).min() > 0.999
    alone = np.concatenate([narrow.embed([picture]) for picture in PICTURES])
    assert (rows * alone).sum(axis=1).min() > 0.999


@pytest.mark.parametrize(
    ("has", "expected"),
    [({}, "float32"), ({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True, "avx512_bf16": False}, "bfloat16")],
)
def test_auto_is_narrow_on_a_cpu_that_computes_so(monkeypatch, has, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    embedder = fake(FakeTower())
    embedder.load()
    assert embedder.facts.precision == expected


@pytest.mark.parametrize("stray", [0.5, float("nan")])
def test_a_narrow_type_that_strays_is_given_up_and_the_facts_say_so(stray):
    exact = fake(FakeTower(), precision="float32").embed(PICTURES)
    embedder = fake(FakeTower(stray=stray), precision="bfloat16")
    assert np.array_equal(embedder.embed(PICTURES), exact)  # the very weights that were loaded, not rounded ones
    assert embedder.facts.precision == "float32"
    assert "bfloat16" in embedder.facts.notes[0]


def test_out_of_memory_is_met_in_halves_and_every_row_is_right():
    exact = fake(FakeTower(), precision="float32").embed(PICTURES * 3)
    embedder = fake(FakeTower(room=2), batch=8, precision="float32")
    assert np.allclose(embedder.embed(PICTURES * 3), exact, atol=1e-6)
    assert embedder.out_of_memory == 2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_memory_for_one_picture_is_no_fault_of_the_picture(precision):
    with pytest.raises(DependencyUnavailable):
        fake(FakeTower(room=0), precision=precision).load()


def test_auto_takes_the_cpu_where_there_is_nothing_better_and_says_so(checkpoint):
    embedder = open_model(checkpoint("dinov2").setting, options=BackendOptions(threads=1, batch=4))
    embedder.load()
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("there is something better here")
    assert embedder.facts.device == "cpu"
    assert embedder.facts.threads == 1
    assert embedder.facts.batch == embedder.batch == 4


def test_the_batch_is_that_of_the_device_before_the_model_is_loaded():
    embedder = fake(FakeTower())
    before = embedder.batch
    assert embedder.facts.batch == 1  # not known yet, and nothing is looked for
    embedder.load()
    assert embedder.batch == embedder.facts.batch == before


@pytest.mark.parametrize("device", ["cuda:99", "quantum", "meta"])
def test_a_device_that_is_not_there_is_refused_by_name(checkpoint, device):
    embedder = open_model(checkpoint("dinov2").setting, options=BackendOptions(device=device))
    with pytest.raises(ConfigurationError, match=device):
        embedder.load()
