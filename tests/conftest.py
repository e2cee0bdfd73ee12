"""Fixtures of all tests: the evaluation data, and no unexpected ERROR in any log."""

import logging
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of the evaluation data; the test is skipped where RUSHES_TEST_DATA names none."""
    place = os.environ.get("RUSHES_TEST_DATA")
    if not place or not Path(place).is_dir():
        pytest.skip("set RUSHES_TEST_DATA to the folder of the evaluation data")
    return Path(place).resolve()


@pytest.fixture(autouse=True)
def _no_unexpected_errors(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture):
    """Fails a test that logged an ERROR it did not announce with `@pytest.mark.expects_errors`."""
    yield
    if request.node.get_closest_marker("expects_errors"):
        return
    errors = [r for when in ("setup", "call") for r in caplog.get_records(when) if r.levelno >= logging.ERROR]
    assert not errors, "logged errors: " + "; ".join(r.getMessage() for r in errors)
