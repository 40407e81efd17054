"""Stands before numpy, as `pandas.py` does before pandas: no package of the service's needs it.

Where it is installed, pyarrow loads it: a tenth of a second for each process, and twenty megabytes.
"""

raise ImportError("hidden")
