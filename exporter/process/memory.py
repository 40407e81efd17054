"""How long freed memory is kept."""

import ctypes
import sys
import threading
import time
from functools import cache

import pyarrow as pa

_DECAY_MILLISECONDS = 100
"""Long enough for the next block to use it again, too short for it to pile up."""

_THRESHOLD = 4 * 2**20
"""glibc keeps less than this at the end of each heap, and gives more than this a mapping of its own, which goes back
when it is freed. Left alone, both grow with what has been freed, to 32 MiB and more for each thread. Most blocks are
smaller, and do not fault in again."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""malloc.h"""

_TRIM_SECONDS = 1.0
"""So seldom that faulting the pages in again costs nothing that can be measured."""


@cache
def give_back_soon() -> None:
    """Have freed pages returned to the system soon, by jemalloc, where Arrow uses it, and by glibc.

    Counts for the whole process, and as long as it lives.
    """
    if pa.default_memory_pool().backend_name == "jemalloc":
        pa.jemalloc_set_decay_ms(_DECAY_MILLISECONDS)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)
        libc.mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
        threading.Thread(target=_trim, args=(libc,), daemon=True).start()


def _trim(libc: ctypes.CDLL) -> None:
    """Have glibc give back the free pages inside its heaps: by itself it looks only at their ends (malloc_trim(3))."""
    while True:
        time.sleep(_TRIM_SECONDS)
        libc.malloc_trim(0)
