"""A dataset's declaration of one parameter, and how an argument for it is read."""

import datetime as dt
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator

from queries import patterns
from queries.parameter_types import SCALARS, Scalar

Value: TypeAlias = str | list[str | None] | None
"""The canonical text of an argument: None is NULL, a list is an array."""

ParameterType = Literal[
    "text", "smallint", "integer", "bigint", "numeric", "boolean", "date", "timestamp", "timestamptz", "uuid",
    "text[]", "smallint[]", "integer[]", "bigint[]", "numeric[]", "boolean[]", "date[]", "timestamp[]",
    "timestamptz[]", "uuid[]",
]  # fmt: skip

_Written = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Text that TOML may write as a value of its own; a date or time of TOML's is a string to JSON."""

_CLAIM = "claim:"

_SHOWN = 60
"""How many characters of an invalid value a message repeats."""


class Declaration(BaseModel):
    """What a dataset says about a parameter.

    `default`, `min` and `max` may be numbers, booleans and dates of TOML; the model has their canonical text.
    For an array, `choices`, `pattern`, `min` and `max` apply to each element.
    """

    # A field's validator sees the fields above it, so the order of the fields matters.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", populate_by_name=True)

    type: ParameterType = Field(description="The type of the parameter, or of each element of an array: `integer[]`.")
    description: str = Field(default="", description="What the parameter means, for people.")
    from_: str | None = Field(
        default=None,
        alias="from",
        description="Where the value comes from, if not from whoever asks: `claim:NAME`, what the caller's credentials "
        "say. Nobody can set such a parameter, and it is shown nowhere.",
    )
    nullable: bool = Field(
        default=False,
        description="Whether no value means NULL. A blank value means NULL too, except of text.",
    )
    sensitive: bool = Field(
        default=False,
        validate_default=True,
        description="Whether logs, the audit log and file names leave the argument out. With `from` they always do.",
    )
    choices: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        strict=False,
        description="The only texts that are allowed.",
    )
    pattern: str | None = Field(
        default=None,
        description="A regular expression (RE2) that the whole text must match.",
    )
    min: _Written | None = Field(
        default=None, description="The smallest number, or the earliest date or time, allowed."
    )
    max: _Written | None = Field(default=None, description="The largest number, or the latest date or time, allowed.")
    default: _Written | list[_Written] | None = Field(
        default=None,
        description="The value if the caller gives none. Without it, a parameter that is not nullable is required.",
    )

    @field_validator("from_")
    @classmethod
    def _known(cls, source: str) -> str:
        if not source.removeprefix(_CLAIM) or not source.startswith(_CLAIM):
            raise ValueError('expected "claim:" and the name of a claim, such as "claim:tenant"')
        return source

    @field_validator("nullable", "default", mode="before")
    @classmethod
    def _not_bound(cls, value: object, info: ValidationInfo) -> object:
        # Whoever lacks the claim would read what the value stands for.
        if info.data.get("from_") is not None and value not in (None, False):
            raise ValueError(f"a parameter with from cannot have {info.field_name}: remove one of them")
        return value

    @field_validator("sensitive")
    @classmethod
    def _with_claim(cls, value: bool, info: ValidationInfo) -> bool:
        return value or info.data.get("from_") is not None

    @field_validator("choices", "pattern")
    @classmethod
    def _only_of_text(cls, value: tuple[str, ...] | str | None, info: ValidationInfo) -> tuple[str, ...] | str | None:
        if "type" in info.data and not info.data["type"].startswith("text"):
            raise ValueError(f"only a text parameter can have {info.field_name}")
        return value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        patterns.check(pattern)
        return pattern

    @field_validator("min", "max", "default", mode="before")
    @classmethod
    def _toml(cls, value: object) -> object:
        return [_as_text(item) for item in value] if isinstance(value, list) else _as_text(value)

    @field_validator("min", "max")
    @classmethod
    def _limit(cls, text: str, info: ValidationInfo) -> str:
        if "type" not in info.data:
            return text
        above = cls.model_construct(**info.data)
        if not above.scalar.ordered:
            raise ValueError(f"a parameter of type {above.element} cannot have {info.field_name}")
        value = above.scalar.read(text)
        if above.min is not None and value < above.scalar.read(above.min):
            raise ValueError(f"max {text} is less than min {above.min}")
        return above.scalar.write(value)

    @field_validator("default")
    @classmethod
    def _fits(cls, default: str | list[str], info: ValidationInfo) -> Value:
        if "type" not in info.data:
            return None
        above = cls.model_construct(**info.data)
        if isinstance(default, list) != above.is_array:
            raise ValueError("expected a list" if above.is_array else "expected one value, not a list")
        return [above.read(item) for item in default] if isinstance(default, list) else above.read(default)

    @property
    def element(self) -> str:
        """The type without its brackets."""
        return self.type.removesuffix("[]")

    @property
    def scalar(self) -> Scalar:
        """How a value, or an element of an array, is read."""
        return SCALARS[self.element]

    @property
    def is_array(self) -> bool:
        """Whether the parameter takes several values."""
        return self.type.endswith("[]")

    @property
    def claim(self) -> str | None:
        """The claim that the value comes from; None where the caller gives it."""
        return None if self.from_ is None else self.from_.removeprefix(_CLAIM)

    @property
    def required(self) -> bool:
        """Whether the caller must supply an argument."""
        return self.default is None and not self.nullable

    def parse(self, raw: list[str]) -> Value:
        """Turn what the caller wrote, item by item, into canonical text.

        Raises:
            ValueError: what is expected instead.
        """
        if self.nullable and self.element != "text" and len(raw) == 1 and not raw[0].strip():
            return None
        if self.is_array:
            return [self.read(item) for item in raw]
        if len(raw) != 1:
            raise ValueError(f"expected one value, got {len(raw)}")
        return self.read(raw[0])

    def read(self, text: str) -> str:
        """Turn one value, or one element of an array, into canonical text. Raises what `parse` raises."""
        try:
            value = self.scalar.read(text)
            self._check(value)
        except ValueError as error:
            raise ValueError(f"{error}, got {shown(text)}") from None
        return self.scalar.write(value)

    def _check(self, value: Any) -> None:
        if self.choices is not None and value not in self._choices:
            raise ValueError(f"expected one of {', '.join(self.choices)}")
        if self.pattern is not None:
            self._check_pattern(self.pattern, value)
        if self.min is not None and value < self._least:
            raise ValueError(f"expected at least {self.min}")
        if self.max is not None and value > self._most:
            raise ValueError(f"expected at most {self.max}")

    @cached_property
    def _choices(self) -> frozenset[str]:
        return frozenset(self.choices or ())

    @cached_property
    def _least(self) -> Any:
        return self.scalar.read(self.min or "")

    @cached_property
    def _most(self) -> Any:
        return self.scalar.read(self.max or "")

    def _check_pattern(self, pattern: str, value: str) -> None:
        if len(value) > patterns.LONGEST_TEXT:
            raise ValueError(f"expected at most {patterns.LONGEST_TEXT:,} characters")
        if not patterns.matches(pattern, value):
            raise ValueError(f"expected text that matches {pattern}")


class Parameter(Declaration):
    """A declared parameter, with its name."""

    name: str


def _as_text(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | Decimal() | dt.date():
            return str(value)
        case _:
            raise ValueError("expected a text, a number, a boolean or a date")


def shown(text: str) -> str:
    """Return a caller's text quoted and shortened for a message."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
