"""CSV: the server's own rows, passed through unchanged after the header line that COPY would have written."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from formats.encoder import BlockEncoder, CsvDialect, Format, Layout, Options

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20\ufeff"
"""What a spreadsheet may take for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection),
full-width too; and the byte order mark, which a reader drops and then sees what is behind it."""

_SPREADSHEET_DELIMITERS = ",;\t"
"""Delimiters that spreadsheets recognize by default. With another one they would find cells inside values."""


def _checked_delimiter(delimiter: str) -> str:
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter == "\0":
        raise ValueError("must be one ASCII character")
    if delimiter in '"\r\n':
        raise ValueError("must not be a quote or a line break")
    return delimiter


def _checked_null(null: str) -> str:
    if any(character in null for character in '"\r\n\0'):
        raise ValueError("must not contain a quote, a line break or a zero byte")
    if any("\ud800" <= character <= "\udfff" for character in null):
        raise ValueError("must be valid UTF-8")
    return null


def _is_formula(text: str) -> bool:
    return text.lstrip(" ")[:1] in tuple(FORMULA_STARTS)


class CsvOptions(Options):
    """How the rows are written; the limits on each option are COPY's in CSV mode (`ProcessCopyOptions`)."""

    header: bool = Field(True, description="Whether the first line names the columns.")
    delimiter: Annotated[str, AfterValidator(_checked_delimiter)] = Field(
        ",", description="The one ASCII character between two values."
    )
    null: Annotated[str, AfterValidator(_checked_null)] = Field(
        "", description="What stands for NULL, unquoted; a value of the same text is quoted."
    )
    profile: Literal["excel"] | None = Field(
        None,
        description="`excel`: begin with a byte order mark, without which Excel does not read UTF-8; escape formulas.",
    )
    escape_formulas: bool | None = Field(
        None,
        description="Whether a text that a spreadsheet would take for a formula gets an apostrophe in front; "
        "without a value only under `_profile=excel`.",
    )

    @model_validator(mode="after")
    def _null_without_delimiter(self) -> Self:
        if self.delimiter in self.null:
            raise ValueError("null must not contain the delimiter")
        return self

    @model_validator(mode="after")
    def _no_way_around_escaping(self) -> Self:
        if self.escaped() and self.delimiter not in _SPREADSHEET_DELIMITERS:
            raise ValueError("where formulas are escaped the delimiter must be a comma, a semicolon or a tab")
        if self.escaped() and _is_formula(self.null):
            raise ValueError("where formulas are escaped null must not begin like one")
        return self

    def dialect(self) -> CsvDialect:
        """Return the dialect for the options."""
        return CsvDialect(self.delimiter, self.null)

    def escaped(self) -> str:
        """Return the first characters of formulas, if formulas are escaped."""
        on = self.profile == "excel" if self.escape_formulas is None else self.escape_formulas
        return FORMULA_STARTS if on else ""

    def content_type(self, media_type: str) -> str:
        """Return the media type, including whether the first line is a header (RFC 4180, section 3)."""
        return f"{media_type}; charset=utf-8; header={'present' if self.header else 'absent'}"


class CsvEncoder(BlockEncoder):
    """Passes the blocks through and creates only the header."""

    options: CsvOptions

    def header(self) -> bytes:
        """Return the byte order mark and the header line, as the options say."""
        mark = BYTE_ORDER_MARK if self.options.profile == "excel" else b""
        return mark + self._header_line() if self.options.header else mark

    def prepare(self, block: bytes) -> bytes:
        """Return the block: it is already in the dialect of the options."""
        return block

    def _header_line(self) -> bytes:
        names: list[str] = self.schema.names
        line = self.options.delimiter.join(self._quoted(name, alone=len(names) == 1) for name in names)
        return (line + "\n").encode()

    def _quoted(self, name: str, *, alone: bool) -> str:
        """Quote a name exactly where COPY does (`CopyAttributeOutCSV` in PostgreSQL's copyto.c)."""
        if self.options.escaped() and _is_formula(name):
            name = "'" + name
        special = any(character in name for character in (self.options.delimiter, '"', "\r", "\n"))
        if special or name == self.options.null or (alone and name == "\\."):
            return '"' + name.replace('"', '""') + '"'
        return name


FORMAT = Format(
    name="csv",
    title="CSV",
    extension="csv",
    media_types=("text/csv",),
    layout=Layout.CSV,
    options=CsvOptions,
    encoder=CsvEncoder,
)
