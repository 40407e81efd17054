"""One DSN for each host of a DSN with several, told apart as the driver does."""

from inspect import signature

import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args

from queries.hosts import single


def _parsed(dsn):
    names = list(signature(_parse_connect_dsn_and_args).parameters)
    addresses, parameters = _parse_connect_dsn_and_args(**dict.fromkeys(names) | {"dsn": dsn})
    return addresses, parameters._replace(ssl=None, sslmode=None)  # by default none for a Unix socket alone


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://someone:se%40cret@one:1,two:2/sales?sslmode=disable",
        "postgresql://someone@one,two/sales?port=1,2&sslmode=disable",
        "postgresql://someone@one,two/sales?port=6000&sslmode=disable",
        "postgresql://someone@one,[::1]:7,two/sales?target_session_attrs=prefer-standby",
        "postgresql://someone@/sales?host=/run/one,/run/two&port=1,2",
        "postgresql://someone@/sales?host=10.0.0.1,/run/two&port=6000&password=a%26b",
        "postgres://one,two",
        "postgresql://someone:secret@alone:1/sales",
        "postgresql://someone@/sales?host=/run/one&port=1",
    ],
)
def test_each_is_one_address_of_the_whole(dsn):
    addresses, parameters = _parsed(dsn)
    each = [_parsed(one) for one in single(dsn)]
    assert [address for alone, _ in each for address in alone] == addresses
    assert {alone for _, alone in each} == {parameters}


def test_ports_that_do_not_fit_are_left_to_the_driver_to_refuse():
    dsn = "postgresql://one,two/sales?port=1,2,3"
    assert list(single(dsn)) == [dsn]
