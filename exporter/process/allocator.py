"""Which allocator Arrow uses in a process of the service; imported before pyarrow is.

A host application's process is its own: `exporter` by itself changes nothing there.
"""

import os
import sys

if sys.platform == "linux":
    # Read when pyarrow is first imported. Its own choice, mimalloc, keeps a heap for each thread and gives back little:
    # docs/decisions/flat-memory.md.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    # One arena for all threads: what one has freed another can use, where two would fault new pages in.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "narenas:1")
