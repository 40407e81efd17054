"""Record batches to bytes: pure, synchronous encoders that know no database and no HTTP."""
