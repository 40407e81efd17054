"""Exports inside another application: as a library, and mounted under one of its paths."""
