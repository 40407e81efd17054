"""What is measured: a module each, whose `run` returns a part of the report."""
