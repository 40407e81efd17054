"""A streaming data-export service for PostgreSQL."""

import os
import sys

if sys.platform == "linux":
    # Read when pyarrow is first imported. Its own choice, mimalloc, keeps a heap for each thread and gives back little:
    # docs/decisions/flat-memory.md.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
