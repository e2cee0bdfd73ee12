"""docs/models.md says what the registry says."""

import re
from pathlib import Path

import pytest

from rushes.infra.weights.presets import PRESETS
from rushes.infra.weights.registry import MODELS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "models.md").read_text("utf-8")
ROWS = {cells[1].strip().strip("`"): cells for line in PAGE.splitlines() if len(cells := line.split("|")) > 8}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_its_row_with_licence_family_and_values(name):
    model, row = MODELS[name], ROWS[name]
    assert row[8].strip().startswith(model.licence.name)
    assert row[3].strip().strip("`").startswith(f"{model.family}:")
    assert row[4].strip() == (str(model.dim) if model.dim is not None else "")
    hashes = {file.sha256 is not None for file in model.files}
    assert row[9].strip() == ("hub" if model.hub is not None else "registry" if hashes == {True} else "first")
    assert bool(re.search(r"\(\d\)", row[8])) == bool(model.licence.note)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_row(name):
    preset, row = PRESETS[name], ROWS[name]
    assert preset.scene in row[2]
    assert preset.face_detector in row[3].lower()
    assert preset.face in row[4]
