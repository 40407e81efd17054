"""How long freed memory is kept."""

import pyarrow as pa

_DECAY_MILLISECONDS = 100
"""Long enough for the next block to use it again, too short for it to pile up."""


def give_back_soon() -> None:
    """Have jemalloc, where Arrow uses it, return freed pages to the system soon. Counts for the whole process."""
    if pa.default_memory_pool().backend_name == "jemalloc":
        pa.jemalloc_set_decay_ms(_DECAY_MILLISECONDS)
