"""What `exporter export` consists of."""
