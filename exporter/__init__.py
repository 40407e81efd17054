"""A streaming data-export service for PostgreSQL."""
