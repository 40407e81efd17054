"""Settings that are lists: their members are separated by commas."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode


def _listed(text: object) -> object:
    """Split what the environment gives; anything else is a default."""
    return tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else text


Listed = (NoDecode, BeforeValidator(_listed))
"""What makes a list of a setting."""

Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], *Listed]
"""Names separated by commas."""
