"""What an export, a caller and the service may take, and what happens beyond."""
