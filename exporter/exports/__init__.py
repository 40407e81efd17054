"""Exports: from an order to its bytes or record batches. It knows PostgreSQL and the formats, and nothing of HTTP."""
