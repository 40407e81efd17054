"""What of an order may be written down."""

from typing import Any

from exporter.exports.order import Order
from exporter.telemetry import masking
from queries.declaration import Parameter
from tests.exporting import order


def made(**arguments: Any) -> Order:
    parameters = (
        Parameter(name="word", type="text", sensitive=True),
        Parameter(name="words", type="text[]", sensitive=True),
        Parameter(name="day", type="text"),
    )
    return order("SELECT :word, :words, :day", "csv", parameters=parameters, arguments=arguments, limit=5)


def test_sensitive_arguments_are_masked_whatever_they_are() -> None:
    shown = masking.arguments(made(word=None, words=["a", None], day="2024"))
    assert shown == {"word": "***", "words": "***", "day": "2024"}


def test_long_arguments_are_shortened() -> None:
    shown = masking.arguments(made(word="", words=[], day="x" * 100_000))
    assert len(shown["day"]) < 1000
    array = order("SELECT :a", "csv", parameters=(Parameter(name="a", type="text[]"),), arguments={"a": ["x"] * 9999})
    assert len(masking.arguments(array)["a"]) < 100


def test_options_are_those_that_the_caller_has_set() -> None:
    assert masking.options(made(word="", words=[], day="")) == {"limit": 5}
