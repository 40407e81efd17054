"""What the service does when things break, under load."""
