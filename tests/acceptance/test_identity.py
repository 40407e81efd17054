"""The login, the rights, the metrics and the logs of a host application, in its exports."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.hosts.served import served
from tests.acceptance.service import Answer, Service

ENDPOINTS = ("/exports/datasets/{}.csv", "/own/{}")


@pytest.fixture(scope="module")
def host(database_url: str) -> Iterator[Service]:
    with served("tests.acceptance.hosts.identity:application", database_url, "--factory") as service:
        yield service


def asked(host: Service, path: str, who: str) -> Answer:
    return host.curl(path, "-H", f"x-user: {who}")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_database_is_told_of_the_caller_whom_the_host_knows(host: Service, endpoint: str) -> None:
    assert asked(host, endpoint.format("salaries"), "ann").text == "tenant\ntenant of ann\n"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_who_has_not_logged_in_is_asked_to(host: Service, endpoint: str) -> None:
    answer = host.curl(endpoint.format("numbers"))
    assert (answer.status, answer.json()["type"]) == (401, "urn:exporter:problem:unauthenticated")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_the_host_does_not_allow_is_not_there(host: Service, endpoint: str) -> None:
    assert asked(host, endpoint.format("salaries"), "bob").status == 404
    assert asked(host, endpoint.format("numbers"), "bob").text == "i\n1\n2\n3\n"


def test_nor_is_it_listed_or_described(host: Service) -> None:
    names = [dataset["name"] for dataset in asked(host, "/exports/datasets", "bob").json()["datasets"]]
    assert names == ["numbers"]
    assert asked(host, "/exports/datasets/salaries", "bob").status == 404
    assert "salaries" not in asked(host, "/exports/", "bob").text


def test_a_caller_whom_the_endpoint_names_is_asked_for_too(host: Service) -> None:
    assert host.curl("/as-bob/numbers").status == 200
    assert host.curl("/as-bob/salaries").status == 404


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("who", "hook", "logged"),
    [
        ("broken", "authenticate", "the hook authenticate failed"),
        ("odd", "authenticate", "the hook authenticate must return a Principal or None, not str"),
        ("unlucky", "authorize", "the hook authorize failed"),
        ("unsure", "authorize", "the hook authorize must return True or False, not str"),
    ],
)
def test_a_hook_that_fails_is_named(host: Service, endpoint: str, who: str, hook: str, logged: str) -> None:
    answer = asked(host, endpoint.format("numbers"), who)
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert f"hook {hook} failed" in answer.json()["detail"]
    assert "secret" not in answer.text
    assert f"exporter.embedding.hooks ERROR {logged}" in host.log.read_text()


def test_a_hook_may_have_a_problem_answered(host: Service) -> None:
    answer = asked(host, "/exports/datasets/numbers.csv", "locked")
    assert (answer.status, answer.json()["detail"]) == (403, "Your account is locked: ask its administrator.")


def test_a_hook_that_fails_costs_no_connection(host: Service) -> None:
    """Neither the client's nor the only one to the database."""
    address = f"{host.url}/exports/datasets/numbers.csv"
    requests = ["-o", "/dev/null", address] * 3
    command = ["curl", "-sS", "-H", "x-user: unlucky", "-w", "%{http_code} %{num_connects}\n", *requests]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["500 1", "500 0", "500 0"]
    assert asked(host, "/exports/datasets/numbers.csv", "ann").status == 200


def test_two_exporters_share_the_host_s_registry(host: Service) -> None:
    def counted() -> float:
        name = 'exporter_exports_total{dataset="numbers",format="csv",outcome="succeeded"} '
        lines = host.curl("/metrics").text.splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = counted()
    assert asked(host, "/exports/datasets/numbers.csv", "ann").status == 200
    assert asked(host, "/others/datasets/numbers.csv", "ann").status == 200
    assert counted() == before + 2


def test_exports_are_told_to_the_host_s_observers_and_logs(host: Service) -> None:
    assert asked(host, "/own/numbers", "carol").status == 200
    host.logged("host INFO carol read 3 of numbers")
    assert "exporter.telemetry INFO export" in host.log.read_text()
