"""Which data an export reads, and how it comes out of PostgreSQL."""
