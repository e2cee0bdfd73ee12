"""Calibration profiles as files: what `rushes calibration export` writes."""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from rushes.schemas.errors import ConfigurationError
from rushes.schemas.profile import Profile

PROBLEMS_TOLD: Final = 3


def read_profile(path: Path) -> Profile:
    """A profile that was exported. Raises ConfigurationError where the file is none."""
    try:
        return Profile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _refusal(path, str(error)) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        more = len(problems) - PROBLEMS_TOLD
        told = "; ".join(problems[:PROBLEMS_TOLD]) + (f"; and {more} more" if more > 0 else "")
        raise _refusal(path, told) from error


def _refusal(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"expected a profile of `rushes calibration export`, found {path}: {why}")
