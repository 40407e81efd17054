"""Problem documents are small, whatever the caller has sent."""

import json
from typing import Any

import pytest

from exporter.exports.options import choose
from exporter.exports.plan import _chosen
from exporter.http.problems import response
from exporter.problems import Fault, Problem, ProblemType


def document(problem: Problem) -> Any:
    return json.loads(response(problem).body)


def test_only_some_of_many_faults_are_listed_and_the_others_counted() -> None:
    problem = Problem(ProblemType.INVALID_PARAMETERS, "Correct them.", faults=[Fault("a", "b")] * 25)
    found = document(problem)
    assert (len(found["errors"]), found["more_errors"]) == (20, 5)
    assert "more_errors" not in document(Problem(ProblemType.INVALID_PARAMETERS, "", faults=[Fault("a", "b")] * 20))


def test_what_is_repeated_of_the_input_is_shortened() -> None:
    faults = [Fault("\0" * 60_000, "\0" * 60_000)] * 2000
    problem = Problem(ProblemType.INVALID_PARAMETERS, "\0" * 60_000, faults=faults)
    assert len(response(problem).body) < 200_000
    found = document(problem)
    assert found["errors"][0]["parameter"].endswith("\0…")
    assert found["detail"].endswith("\0…")


def test_a_request_that_names_thousands_of_columns_costs_as_little_as_one_that_names_few() -> None:
    with pytest.raises(Problem) as refused:
        _chosen(["a", "b"], [f"{n:03x}" * 200 for n in range(4000)])
    assert len(refused.value.faults) == 3
    assert len(response(refused.value).body) < 1000


def test_more_columns_than_there_can_be_are_refused_before_anything_is_made_of_them() -> None:
    _, faults = choose(None, {"columns": "a" + ",a" * 1663})
    assert not faults
    _, (fault,) = choose(None, {"columns": "," * 60_000})
    assert "1,664" in fault.detail
