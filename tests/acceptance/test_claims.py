"""Rows that only the caller's own credentials give access to, asked for over real sockets."""

import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from exporter.access.key import Key
from exporter.access.keys_file import changing
from exporter.access.signed_urls import signature
from exporter.access.tokens import digest_of, new_token
from exporter.http import query_string
from tests.acceptance.catalogue import dataset
from tests.acceptance.conftest import written
from tests.acceptance.service import Answer, Service, running, until

URL_KEY = secrets.token_urlsafe(32)
SECRET = OctKey.generate_key(256, {"kid": "s"})

ROWS = "(VALUES (1, 'ours'), (2, 'theirs'), (3, 'others')) v(number, word)"
DATASETS = {
    "rows": dataset(
        '[parameters.zebra]\ntype = "integer"\nfrom = "claim:tenant"\n'
        '[parameters.word]\ntype = "text"\nnullable = true',
        f"SELECT word FROM {ROWS} WHERE number = :zebra AND word = coalesce(:word, word)",
    ),
    "several": dataset(
        '[parameters.zebras]\ntype = "integer[]"\nfrom = "claim:tenants"',
        f"SELECT word FROM {ROWS} WHERE number = ANY (:zebras)",
    ),
    "named": dataset('[parameters.zebra]\ntype = "text"\nfrom = "claim:sub"', "SELECT :zebra AS who"),
}


@pytest.fixture(scope="module")
def key() -> tuple[str, Key]:
    token, now = new_token(), datetime.now(UTC)
    return token, Key(sha256=digest_of(token), datasets=("*",), created=now, expires=now + timedelta(hours=1))


@pytest.fixture(scope="module")
def service(source: str, tmp_path_factory: pytest.TempPathFactory, key: tuple[str, Key]) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("claims")
    path, jwks = folder / "keys.toml", folder / "jwks.json"
    with changing(path) as keys:
        keys["warehouse"] = key[1]
    jwks.write_text(json.dumps({"keys": [SECRET.as_dict()]}))
    jwks.chmod(0o600)
    settings = {
        "keys": str(path),
        "url_key": URL_KEY,
        "jwt_keys": str(jwks),
        "jwt_algorithms": "HS256",
        "jwt_issuer": "https://issuer",
        "jwt_audience": "exporter",
        "audit_log": "-",
    }
    with running(source, written(folder, DATASETS), settings=settings) as service:
        until(lambda: service.curl("/readyz").status == 200)
        yield service


def asked(service: Service, path: str, *flags: str, **claims: object) -> Answer:
    """Ask with a JWT of these claims."""
    always = {"iss": "https://issuer", "aud": "exporter", "exp": int(time.time()) + 600, "sub": "ann", "datasets": "*"}
    token = jwt.encode({"alg": "HS256", "kid": "s"}, always | claims, SECRET)
    return service.curl(path, "-H", f"Authorization: Bearer {token}", *flags)


def test_each_caller_reads_their_own_rows(service: Service) -> None:
    assert asked(service, "/datasets/rows.csv", tenant=1).text == "word\nours\n"
    assert asked(service, "/datasets/rows.csv", tenant="2").text == "word\ntheirs\n"
    assert asked(service, "/datasets/rows.csv?word=theirs", tenant=1).text == "word\n"
    assert asked(service, "/datasets/several.csv", tenants=[1, 3]).text == "word\nours\nothers\n"
    assert asked(service, "/datasets/named.csv").text == "who\nann\n"


@pytest.mark.parametrize("claims", [{}, {"tenant": "x"}, {"tenant": None}, {"tenant": [1]}, {"tenant": "1 OR true"}])
@pytest.mark.parametrize("flags", [[], ["--head"]])
def test_whoever_lacks_the_claim_reads_nothing(service: Service, claims: dict[str, object], flags: list[str]) -> None:
    answer = asked(service, "/datasets/rows.csv", *flags, **claims)
    assert answer.status == 403
    if not flags:
        found = answer.json()
        assert found["type"] == "urn:exporter:problem:claim-missing"
        assert "rows" in found["detail"]
        assert not {"errors", "more_errors"} & found.keys()
        assert not [word for word in ("zebra", "tenant") if word in answer.text]


def test_a_key_and_its_signed_urls_have_its_name(service: Service, key: tuple[str, Key]) -> None:
    bearer = ("-H", f"Authorization: Bearer {key[0]}")
    assert service.curl("/datasets/named.csv", *bearer).text == "who\nwarehouse\n"
    assert service.curl("/datasets/rows.csv", *bearer).status == 403
    for name, status in (("named.csv", 200), ("rows.csv", 403)):
        items = query_string.parse(f"_key=warehouse&_expires={int(time.time()) + 600}")
        signed = dict(items) | {"_signature": [signature(URL_KEY, key[1], name, items)]}
        query = "&".join(f"{name}={quote(value)}" for name, (value,) in signed.items())
        answer = service.curl(f"/datasets/{name}?{query}")
        assert answer.status == status
        assert status == 403 or answer.text == "who\nwarehouse\n"


@pytest.mark.parametrize("query", ["{}=2", "{}=2&{}=3", "{}=", "word=x&{}=1"])
def test_naming_it_is_answered_like_a_name_that_does_not_exist(service: Service, query: str) -> None:
    bound, absent, close = [
        asked(service, f"/datasets/rows.csv?{query.format(name, name)}", tenant=1)
        for name in ("zebra", "horse", "zebre")
    ]
    assert bound.status == absent.status == close.status == 422
    assert bound.text.replace("zebra", "horse") == absent.text == close.text.replace("zebre", "horse")


def test_it_is_shown_nowhere(service: Service) -> None:
    pages = ["/", "/datasets", "/datasets/rows", "/openapi.json"]
    answers = [asked(service, path, tenant=31337) for path in pages]
    answers += [asked(service, f"/datasets/rows.{ending}", tenant=31337) for ending in ("csv", "parquet", "ndjson")]
    assert {answer.status for answer in answers} == {200}
    for answer in answers:
        seen = answer.body + json.dumps(dict(answer.headers)).encode()
        assert not [word for word in (b"zebra", b"tenant", b"31337") if word in seen]
    told = until(lambda: '"zebra":"***"' in (log := service.log.read_text()) and log)
    assert "31337" not in told


def test_without_credentials_there_is_nothing(source: str, tmp_path: Path) -> None:
    with running(source, written(tmp_path, DATASETS)) as service:
        for name in DATASETS:
            answer = service.curl(f"/datasets/{name}.csv")
            assert (answer.status, answer.json()["type"]) == (403, "urn:exporter:problem:claim-missing")
            assert service.curl(f"/datasets/{name}").status == 200
