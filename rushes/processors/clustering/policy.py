"""Which policy decides in a library, as the log says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

PolicyName = Literal["calibrated", "fixed"]

DEFAULT: Final[PolicyName] = "calibrated"
"""Of a library whose log names none."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy by name, with the parameters that differ from its own."""

    name: PolicyName = DEFAULT
    parameters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
