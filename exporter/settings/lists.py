"""Settings that are lists, with items separated by commas."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode


def _listed(text: object) -> object:
    """Split a value from the environment; anything else is a default."""
    return tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else text


Listed = (NoDecode, BeforeValidator(_listed))
"""Annotations that turn a setting into a list."""

Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], *Listed]
"""Names separated by commas."""
