"""Host applications that mount an exporter, and the servers that run them."""
