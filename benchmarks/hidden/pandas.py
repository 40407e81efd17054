"""Stands before pandas on the path of a service that is tested or measured, which is installed without it.

Where it is installed, as the tests' clients have it, pyarrow loads it into every process: 0.3 s and tens of megabytes.
"""

raise ImportError("hidden")
