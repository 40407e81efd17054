"""Authentication, and which principal may read which dataset."""
