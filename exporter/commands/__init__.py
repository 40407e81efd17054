"""The `exporter` command, a file for each of its commands."""
