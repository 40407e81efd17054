"""Chooses Arrow's allocator in the service's processes; must be imported before pyarrow.

Importing `exporter` in a host application changes nothing there.
"""

import os
import sys

if sys.platform == "linux":
    # Read when pyarrow is first imported. Its default, mimalloc, keeps a heap per thread and gives back little memory:
    # docs/decisions/flat-memory.md.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    # One arena for all threads: a thread can reuse what another has freed instead of faulting in new pages.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "narenas:1")
