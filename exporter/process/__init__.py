"""The processes that the service runs in."""
