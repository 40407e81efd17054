"""Record batches to bytes: pure, synchronous encoders, independent of the database and HTTP."""
