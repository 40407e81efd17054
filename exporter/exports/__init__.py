"""The engine: from an order to its bytes or record batches. It knows PostgreSQL and the formats, but not HTTP."""
