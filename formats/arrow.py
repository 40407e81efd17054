"""Arrow IPC stream: one schema message, one record batch message per block, an end-of-stream marker."""

import pyarrow as pa

from formats.encoder import BlockEncoder, Format, Layout, Options

END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""A continuation marker and a message length of zero (Arrow columnar format, "IPC Streaming Format")."""


class ArrowOptions(Options):
    """An Arrow stream has no options."""


class ArrowEncoder(BlockEncoder):
    """Serializes each batch on its own; the names travel only in the schema message."""

    def header(self) -> bytes:
        """Return the schema message, including the schema's metadata."""
        return _message(self.schema)

    def prepare(self, block: pa.RecordBatch) -> bytes:
        """Return the batch's message. Raises TypeError for types other than the schema's, which would be misread."""
        if block.schema.types != self.schema.types:
            raise TypeError(f"a batch of {block.schema.types} does not fit a schema of {self.schema.types}")
        return _message(block)

    def finish(self) -> bytes:
        """Return the end-of-stream marker, which tells readers that the stream is complete."""
        return END_OF_STREAM


def _message(part: pa.Schema | pa.RecordBatch) -> bytes:
    message: bytes = part.serialize().to_pybytes()
    return message


FORMAT = Format(
    name="arrows",
    title="Arrow IPC stream",
    extension="arrows",
    media_types=("application/vnd.apache.arrow.stream",),
    layout=Layout.TYPED,
    options=ArrowOptions,
    encoder=ArrowEncoder,
    unique_names=True,
)
