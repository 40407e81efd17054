"""A format of another distribution: an HTML table. Installed beside the exporter, every dataset has it as `.html`."""

from html import escape

import pyarrow as pa

from formats.encoder import BlockEncoder, Format, Layout, Options


class HtmlOptions(Options):
    """An HTML table has no options."""


class HtmlEncoder(BlockEncoder):
    """Writes a row of the table for each row; NULL is an empty cell."""

    def header(self) -> bytes:
        """Return the page up to the first row."""
        names = "".join(f"<th>{escape(name)}" for name in self.schema.names)
        return f'<!doctype html>\n<meta charset="utf-8">\n<table>\n<tr>{names}\n'.encode()

    def prepare(self, block: pa.RecordBatch) -> bytes:
        """Return the rows of a batch of texts, in any of the threads."""
        rows = zip(*(column.to_pylist() for column in block.columns), strict=True)
        return "".join(f"<tr>{''.join(map(_cell, row))}\n" for row in rows).encode()

    def finish(self) -> bytes:
        """Return what ends the page."""
        return b"</table>\n"


def _cell(text: str | None) -> str:
    return f"<td>{escape(text or '')}"


FORMAT = Format("html", "HTML table", "html", ("text/html",), Layout.TEXT, HtmlOptions, HtmlEncoder)
