"""The HTTP resources of the service, one file each."""
