"""Limits on exports, callers and the service, and what happens when they are exceeded."""
