"""Export ids."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Return a version 7 UUID (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
