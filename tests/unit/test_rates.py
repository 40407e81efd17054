"""Requests a minute."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.limits import rates
from exporter.limits.rates import Bucket, Rates
from exporter.problems import Problem, ProblemType


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_requests_at_once_and_then_one_by_one() -> None:
    clock = Clock()
    bucket = Bucket(3, clock)
    assert [bucket.take("a").left for _ in range(3)] == [2, 1, 0]
    refused = bucket.take("a")
    assert (refused.allowed, refused.left, refused.wait) == (False, 0, 20)
    assert bucket.take("b").allowed
    clock.now += refused.wait
    assert bucket.take("a").allowed
    assert not bucket.take("a").allowed
    clock.now += 3600
    assert bucket.take("a").left == 2


def test_nobody_loses_a_request_to_rounding() -> None:
    clock = Clock()
    clock.now = 1e6 / 3
    for per_minute in range(1, 200):
        bucket = Bucket(per_minute, clock)
        assert [bucket.take("a").left for _ in range(per_minute)] == list(reversed(range(per_minute)))
        assert not bucket.take("a").allowed


@settings(max_examples=2 * settings().max_examples)
@given(st.integers(1, 500), st.lists(st.floats(0, 90), max_size=60))
def test_never_more_than_the_bucket_and_what_ran_into_it_and_the_wait_is_enough(
    per_minute: int, pauses: list[float]
) -> None:
    clock = Clock()
    bucket = Bucket(per_minute, clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        standing = bucket.take("a")
        allowed += standing.allowed
        assert 0 <= standing.left <= per_minute - standing.allowed
        assert allowed <= per_minute + clock.now * per_minute / 60 + 0.01
        assert 0 <= standing.wait <= 60 / per_minute + 1
        if not standing.allowed:
            clock.now += standing.wait
            allowed += 1
            assert bucket.take("a").allowed


def test_the_callers_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_KEYS", 10)
    bucket = Bucket(1, Clock())
    for caller in range(100):
        assert bucket.take(str(caller)).allowed
    assert len(bucket._full_at) == 10
    assert not bucket.take("99").allowed
    assert not bucket.take("90").allowed
    assert bucket.take("0").allowed


def _request(client: str) -> tuple[Any, list[Any]]:
    sent: list[Any] = []
    protocol = SimpleNamespace(update_headers=sent.extend)
    return SimpleNamespace(scope=SimpleNamespace(client=client, headers={}), protocol=protocol), sent


def test_answers_say_what_is_left() -> None:
    tested = Rates(per_address=2, per_principal=60)
    request, sent = _request("192.0.2.1:1000")
    tested.count_address(request)
    tested.count_principal(request, "reporting")
    assert sent == [
        ("ratelimit-policy", '"address";q=2;w=60'),
        ("ratelimit", '"address";r=1;t=30'),
        ("ratelimit-policy", '"principal";q=60;w=60'),
        ("ratelimit", '"principal";r=59;t=1'),
    ]


def test_too_many_requests_are_refused_until_there_is_one_again() -> None:
    tested = Rates(per_address=1, per_principal=0)
    request, sent = _request("192.0.2.1:1000")
    tested.count_address(request)
    again, sent = _request("192.0.2.1:1001")
    with pytest.raises(Problem) as refused:
        tested.count_address(again)
    assert refused.value.type is ProblemType.TOO_MANY_REQUESTS
    assert refused.value.retry_after == 60
    assert sent[1] == ("ratelimit", '"address";r=0;t=60')


def test_addresses_of_one_ipv6_network_are_one_caller() -> None:
    tested = Rates(per_address=1, per_principal=0)
    tested.count_address(_request("[2001:db8::1]:1000")[0])
    with pytest.raises(Problem):
        tested.count_address(_request("[2001:db8::ffff:1]:1000")[0])
    tested.count_address(_request("[2001:db8:0:1::1]:1000")[0])


def test_no_limit_says_and_refuses_nothing() -> None:
    tested = Rates(per_address=0, per_principal=0)
    request, sent = _request("192.0.2.1:1000")
    for _ in range(1000):
        tested.count_address(request)
        tested.count_principal(request, "reporting")
    assert not sent
