"""A streaming data-export service for PostgreSQL."""

import os
import sys

if sys.platform == "linux":
    # Read when pyarrow is first imported. Its own choice, mimalloc, keeps a heap for each thread and gives back little:
    # docs/decisions/flat-memory.md.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    # One arena for all threads: what one has freed another can use, where two would fault new pages in.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "narenas:1")
