"""The `exporter` command line, one file per command."""
