"""Returns freed memory to the system soon."""

import ctypes
import sys
import threading
import time
from functools import cache

import pyarrow as pa

_DECAY_MILLISECONDS = 100
"""Long enough for the next block to reuse it, short enough that it does not accumulate."""

_THRESHOLD = 4 * 2**20
"""glibc keeps less than this at the end of each heap. Larger allocations get their own mapping, which is returned when
freed. By default, both limits grow with freed sizes to 32 MiB and more per thread. Most blocks are smaller, so their
pages are not faulted in again."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""malloc.h"""

_TRIM_SECONDS = 1.0
"""So rare that the cost of faulting pages in again cannot be measured."""


@cache
def give_back_soon() -> None:
    """Make jemalloc, if Arrow uses it, and glibc return freed pages to the system soon.

    This affects the whole process, for its lifetime.
    """
    if pa.default_memory_pool().backend_name == "jemalloc":
        pa.jemalloc_set_decay_ms(_DECAY_MILLISECONDS)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)
        libc.mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
        threading.Thread(target=_trim, args=(libc,), daemon=True).start()


def _trim(libc: ctypes.CDLL) -> None:
    """Make glibc return free pages inside its heaps; by default it returns only their ends (malloc_trim(3))."""
    while True:
        time.sleep(_TRIM_SECONDS)
        libc.malloc_trim(0)
