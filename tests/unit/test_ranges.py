"""Which parts of an export are refused, and which are not asked for at all."""

import pytest

from exporter.http.problems import STATUS
from exporter.http.ranges import refuse_part
from exporter.problems import Problem


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-",
        "bytes=1-1",
        "Bytes=5-9",
        "bytes=-500",
        "bytes=0-9,20-29",
        "bytes=0-0,-1",
        "bytes=0-9, 0-9",
        "bytes=,5-,",
        "bytes =5-",
        " bytes=5- ",
        "bytes=5-x",
        "bytes=",
        "bytes=-",
        "bytes=" + "9" * 5000 + "-",
        "bytes=" + "0-1," * 90_000,
    ],
)
def test_what_may_leave_out_the_beginning_is_refused(header: str) -> None:
    with pytest.raises(Problem, match="from the start") as refused:
        refuse_part({"range": header})
    assert STATUS[refused.value.type] == 409
    refuse_part({"range": header, "if-range": '"some"'})


@pytest.mark.parametrize(
    "header", ["", "bytes=0-", "bytes=0-99", "bytes=00-", "bytes= 0-", "bytes=0-" + "9" * 5000, "rows=5-", "5-"]
)
def test_what_begins_at_the_beginning_or_is_of_another_unit_is_ignored(header: str) -> None:
    refuse_part({"range": header})


def test_no_range_is_no_part() -> None:
    refuse_part({})
