"""Why an engine could not be started."""

from rushes.schemas.errors import ConfigurationError, RushesError


class EngineMissing(ConfigurationError):
    """A program, package or download that the engine needs is not on this machine; the message says how to get it."""

    code = "engine-missing"


class EngineFailed(RushesError):
    """The engine is here but did not come up; the message ends with the tail of its log."""

    code = "engine-failed"
