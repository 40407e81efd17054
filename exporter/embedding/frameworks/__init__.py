"""What each web framework needs besides ASGI, a module for each; it is imported by whoever uses that framework."""
