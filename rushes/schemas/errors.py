"""The error tree. What a caller can do with an error is its place in the tree.

RushesError
├── PermanentError                 this input will never work: dead-letter it
│   ├── InvalidEvent               the bytes are no event of a known schema
│   ├── InvalidFeedback            well formed, but it can't be carried out
│   ├── UnsupportedMedia           no decoder for it here
│   ├── NeedsProxy                 only its maker's software decodes it; make a proxy
│   ├── DamagedMedia               a decoder exists, the bytes don't decode
│   ├── LimitExceeded              over a limit on time, memory, pixels or bytes
│   ├── ForbiddenUri               outside the allowed roots and hosts
│   ├── MediaNotFound              nothing at that uri
│   ├── ModelMismatch              vectors of another model than the library's
│   ├── CrashedRepeatedly          it ended its process several times, alone
│   └── AttemptsExhausted          transient in name, but it never passed
├── TransientError                 try again after `retry_after_s`
│   ├── DependencyUnavailable      Kafka, Milvus, a blob store: concerns every event
│   ├── InputUnavailable           the source of this one event does not answer
│   └── WeightsUnavailable         the source of a model's weights does not answer
└── ConfigurationError             the operator must change a setting; ends the process
    ├── WeightsMissing             a model's weights are not here: fetch them
    └── WeightsRejected            they are not the bytes that they should be

A message says what was expected, what was found, and what to do. `code` is stable and machine-readable: it is
what dead letters, `failed.jsonl` and metrics carry.
"""

from typing import ClassVar


class RushesError(Exception):
    """Root of every error that Rushes raises on purpose."""

    code: ClassVar[str] = "error"


class PermanentError(RushesError):
    """This input will never work. The event becomes a dead letter; the partition goes on."""

    code = "permanent"


class InvalidEvent(PermanentError):
    """The bytes are not an event of a schema known here."""

    code = "invalid-event"


class InvalidFeedback(PermanentError):
    """A correction that can't be carried out: unknown item, stale, contradictory or of another library."""

    code = "invalid-feedback"


class UnsupportedMedia(PermanentError):
    """No decoder for this kind of file."""

    code = "unsupported-media"


class NeedsProxy(PermanentError):
    """Camera raw film that only its maker's software decodes: a proxy must be made with that."""

    code = "needs-proxy"


class DamagedMedia(PermanentError):
    """A decoder exists, but nothing could be decoded."""

    code = "damaged-media"


class LimitExceeded(PermanentError):
    """Decoding went over a limit on time, memory, pixels or bytes."""

    code = "limit-exceeded"


class ForbiddenUri(PermanentError):
    """The uri lies outside the allowed roots or hosts."""

    code = "forbidden-uri"


class MediaNotFound(PermanentError):
    """There is nothing at the uri."""

    code = "media-not-found"


class ModelMismatch(PermanentError):
    """Vectors of a model that is not the one of the library's generation: they can't be compared."""

    code = "model-mismatch"


class CrashedRepeatedly(PermanentError):
    """The event ended its process several times while it was alone in it."""

    code = "crashed-repeatedly"


class AttemptsExhausted(PermanentError):
    """An error thought transient came back at every attempt, while other events passed."""

    code = "attempts-exhausted"


class TransientError(RushesError):
    """Try again; `retry_after_s` is the least time to wait (seconds)."""

    code = "transient"

    def __init__(self, message: str, retry_after_s: float = 0.5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DependencyUnavailable(TransientError):
    """A part that every event needs is away (Kafka, Milvus, the blob store). No event is to blame."""

    code = "dependency-unavailable"


class InputUnavailable(TransientError):
    """The source of one event does not answer now. Only that event is retried, and blamed in the end."""

    code = "input-unavailable"


class WeightsUnavailable(TransientError):
    """No source of a model's weights answers now. What was fetched so far is kept."""

    code = "weights-unavailable"


class ConfigurationError(RushesError):
    """A setting is wrong; the message names it and what it should be."""

    code = "configuration"


class WeightsMissing(ConfigurationError):
    """A model's weights are not on this machine; the message says how to get them."""

    code = "weights-missing"


class WeightsRejected(ConfigurationError):
    """Weights that are not the bytes that they should be: changed, damaged, or another file."""

    code = "weights-rejected"
