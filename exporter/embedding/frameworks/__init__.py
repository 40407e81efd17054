"""What each web framework needs besides ASGI, one module each; import the one for your framework."""
