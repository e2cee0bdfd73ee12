"""What a folder of results remembers of the models, and what a later command may leave unsaid."""

from pathlib import Path

import pytest

from rushes.infra.settings import ModelSettings
from rushes.streams.run.chosen_models import to_remember, with_remembered


def test_what_is_left_unsaid_is_as_it_was():
    before = to_remember(ModelSettings(scene="opencv", face="sface", face_detector="off", detector_pixels=640))
    now = with_remembered(ModelSettings(threads=3), before)
    assert (now.scene, now.face, now.face_detector, now.detector_pixels) == ("opencv", "sface", "off", 640)
    assert now.threads == 3


def test_what_is_said_counts():
    before = to_remember(ModelSettings(scene="opencv", face_detector="off"))
    now = with_remembered(ModelSettings(scene="dinov2-s"), before)
    assert (now.scene, now.face_detector) == ("dinov2-s", "off")


def test_a_preset_named_now_leaves_nothing_open():
    before = to_remember(ModelSettings(scene="opencv", face_detector="off"))
    assert with_remembered(ModelSettings(preset="faces"), before) == ModelSettings(preset="faces")


def test_a_preset_of_before_is_taken_up():
    before = to_remember(ModelSettings(preset="faces", allow_fallback=True))
    now = with_remembered(ModelSettings(), before)
    assert (now.preset, now.allow_fallback) == ("faces", True)


@pytest.mark.parametrize("name", ["onnx:some.onnx", "timm:resnet18@some.onnx"])
def test_files_are_found_from_elsewhere(name, tmp_path, monkeypatch):
    (tmp_path / "some.onnx").touch()
    monkeypatch.chdir(tmp_path)
    remembered = to_remember(ModelSettings(scene=name))["scene"]
    assert remembered == name.replace("some.onnx", str(tmp_path / "some.onnx"))
    assert to_remember(ModelSettings(scene="dinov2-s", face=f"onnx:{Path('missing.onnx')}"))["scene"] == "dinov2-s"


@pytest.mark.parametrize("remembered", [{}, {"scene": 7}, {"regions": "of another version"}])
def test_what_can_not_be_read_is_as_if_nothing_was_remembered(remembered):
    assert with_remembered(ModelSettings(), remembered) == ModelSettings()
