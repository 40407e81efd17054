"""Exports inside of another application: as a library, and mounted under its own paths."""
