"""What is measured: a module each, whose `run` finds a part of the report and whose `markdown` shows it."""

from benchmarks.scenarios import compression, exports, first_byte, memory, mixed, scaling, several, small, stalled

SCENARIOS = {
    "exports": exports,
    "mixed": mixed,
    "memory": memory,
    "several": several,
    "stalled": stalled,
    "small": small,
    "compression": compression,
    "scaling": scaling,
    "first_byte": first_byte,
}
"""By name, in the order in which they run."""
