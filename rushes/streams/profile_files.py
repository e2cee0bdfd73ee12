"""Calibration profiles as files: what `rushes calibration export` writes."""

from pathlib import Path

from pydantic import ValidationError

from rushes.schemas.errors import ConfigurationError
from rushes.schemas.profile import Profile


def read_profile(path: Path) -> Profile:
    """A profile that was exported. Raises ConfigurationError where the file is none."""
    try:
        return Profile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"expected a profile of `rushes calibration export`, found {path}: {error}") from error
