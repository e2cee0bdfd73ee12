"""Cached values in a frame with a checksum: a cache that gives wrong or cut bytes is a cache that forgot."""

import hashlib
from typing import Final

_MAGIC: Final = b"R1"
_DIGEST_BYTES: Final = 8
"""64 bits: one undetected damage in 10^19."""


def seal(key: str, value: bytes) -> bytes:
    """The value with its checksum, which covers the key too: an answer to another question is no hit."""
    return _MAGIC + _digest(key, value) + value


def unseal(key: str, stored: bytes) -> bytes | None:
    """The value, or None where the bytes are not what was sealed under this key."""
    head = len(_MAGIC) + _DIGEST_BYTES
    value = stored[head:]
    return value if stored[:head] == _MAGIC + _digest(key, value) else None


def _digest(key: str, value: bytes) -> bytes:
    encoded = key.encode()
    digest = hashlib.blake2b(len(encoded).to_bytes(4, "big") + encoded, digest_size=_DIGEST_BYTES)
    digest.update(value)
    return digest.digest()
