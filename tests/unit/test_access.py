"""From a request to its principal: every way of saying who asks, and of saying it wrong."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr, ValidationError

from exporter.access import signed_urls
from exporter.access.access import Access
from exporter.access.credentials import Malformed, token_of
from exporter.access.key import Key
from exporter.access.keys_file import changing, read
from exporter.access.principal import ANONYMOUS, Principal
from exporter.access.slowdown import Slowdown
from exporter.access.tokens import PREFIX, digest_of
from exporter.access.unauthenticated import Unauthenticated
from exporter.http import query_string
from exporter.http.disconnection import Disconnected
from exporter.http.problems import document
from exporter.http.problems import response as response_of
from exporter.http.visit import visit_of
from exporter.problems import Problem, ProblemType
from exporter.settings.access import AccessSettings
from tests.asking import basic, request

pytestmark = pytest.mark.anyio

# Names of tests hold them, so they are the same in every process that runs these tests.
TOKEN, OLD, UNKNOWN = (PREFIX + letter * 43 for letter in "tou")
SECRET = OctKey.generate_key(256, {"kid": "s"})
URL_KEY = "u" * 32
NOW = datetime.now(UTC).replace(microsecond=0)


class Attempts(Slowdown):
    """Notes who failed, without waiting."""

    def __init__(self) -> None:
        super().__init__(sleep=self._note)
        self.addresses: list[str] = []

    async def failed(self, address: str) -> None:
        self.addresses.append(address)
        await super().failed(address)

    async def _note(self, seconds: float) -> None:
        pass


@pytest.fixture
def attempts() -> Attempts:
    return Attempts()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    with changing(path) as keys:
        keys["ann"] = Key(sha256=digest_of(TOKEN), datasets=("sales.*",), role="r", created=NOW)
        keys["old"] = Key(
            sha256=digest_of(OLD), datasets=("*",), created=NOW - timedelta(2), expires=NOW - timedelta(1)
        )
    return path


@pytest.fixture
def access(path: Path, attempts: Attempts, tmp_path: Path) -> Access:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [SECRET.as_dict()]}))
    jwks.chmod(0o600)
    chosen = AccessSettings(
        keys=path,
        url_key=SecretStr(URL_KEY),
        jwt_keys=str(jwks),
        jwt_algorithms=("HS256",),
        jwt_issuer="i",
        jwt_audience="a",
    )
    return Access(chosen, attempts, formats=("csv", "parquet"))


async def refusal(access: Access, *arguments: str, **how: Any) -> Problem | Unauthenticated:
    with pytest.raises(Problem) as refused:
        await access.principal(request(*arguments, **how))
    return refused.value


def open_access(**how: Any) -> Access:
    return Access(AccessSettings(**how), Attempts())


def web_token(**claims: Any) -> str:
    return jwt.encode(
        {"alg": "HS256", "kid": "s"}, {"iss": "i", "aud": "a", "exp": int(time.time()) + 60} | claims, SECRET
    )


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {TOKEN}",
        f"bearer  {TOKEN} ",
        f"BEARER {TOKEN}",
        basic("", TOKEN),
        basic(TOKEN, ""),
        basic("anybody", TOKEN),
        basic("old", TOKEN),
        basic("Zürich", TOKEN),
        basic("x", TOKEN).replace("Basic", "bAsIc "),
    ],
)
async def test_every_way_to_send_a_token(access: Access, attempts: Attempts, authorization: str) -> None:
    principal = await access.principal(request(authorization=authorization))
    assert (principal.name, principal.role, principal.datasets) == ("ann", "r", ("sales.*",))
    assert attempts.addresses == []


async def test_a_jwt_comes_as_bearer_or_as_a_password(access: Access) -> None:
    given = web_token(sub="bob", datasets="*")
    for authorization in (f"Bearer {given}", basic("x", given)):
        assert (await access.principal(request(authorization=authorization))).name == "bob"


async def test_policies_see_whom_the_service_took_the_caller_for() -> None:
    """Not what other claims of these names say, when the settings name others."""
    claims = {"sub": "x", "role": "admin", "team": "a"}
    assert json.loads(Principal("ann", claims=claims).acting.claims or "") == {"team": "a", "sub": "ann"}
    assert json.loads(Principal("ann", role="r", claims=claims).acting.claims or "") == {
        "team": "a",
        "sub": "ann",
        "role": "r",
    }


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Token {TOKEN}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        f"Bearer {TOKEN} x",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {UNKNOWN}",
        f"Bearer {OLD}",
        f"Bearer {digest_of(TOKEN)}",
        f"Bearer {'x' * 100_000}",
        f"Bearer \xff{TOKEN}",
        basic("ann", "wrong"),
        basic("ann", ""),
        basic("", ""),
        basic(TOKEN, "wrong"),
        basic("x", f"{TOKEN}\n"),
        "Basic",
        "Basic ????",
        "Basic YQ",
        "Basic /w==",
        "Basic " + "A" * 100_000,
        "Negotiate abc",
        'Digest username="ann"',
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
    ],
)
async def test_every_other_one_is_refused_and_counted_and_told_nowhere(
    access: Access, attempts: Attempts, caplog: pytest.LogCaptureFixture, authorization: str
) -> None:
    caplog.set_level("INFO")
    asked = request(authorization=authorization, client="192.0.2.1")
    with pytest.raises(Problem) as refused:
        await access.principal(asked)
    problem = refused.value
    assert problem.type is ProblemType.UNAUTHENTICATED
    assert document(problem) == document(Unauthenticated(given=True))
    assert attempts.addresses == ["192.0.2.1"]
    (record,) = caplog.records
    reason = visit_of(asked.scope).reason
    assert reason
    assert (record.getMessage(), vars(record)["fields"]) == (
        "credentials refused",
        {"address": "192.0.2.1", "reason": reason},
    )
    for secret in (TOKEN, OLD, digest_of(TOKEN)):
        assert secret not in reason


async def test_whoever_sends_nothing_is_asked_for_credentials_and_not_slowed(
    access: Access, attempts: Attempts
) -> None:
    response = response_of(await refusal(access))
    challenges = [value for name, value in response.raw_headers if name.lower() == "www-authenticate"]
    assert challenges == ['Basic realm="exporter", charset="UTF-8"', 'Bearer realm="exporter"']
    assert attempts.addresses == []


async def test_a_wrong_token_is_told_to_be_one(access: Access) -> None:
    response = response_of(await refusal(access, authorization=f"Bearer {OLD}"))
    assert ("www-authenticate", 'Bearer realm="exporter", error="invalid_token"') in response.raw_headers


async def test_a_key_expires_while_the_service_runs(access: Access, path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    with changing(path) as keys:
        keys["ann"] = keys["ann"].model_copy(update={"expires": soon})
    assert await access.principal(request(authorization=f"Bearer {TOKEN}"))
    with changing(path) as keys:
        keys["ann"] = keys["ann"].model_copy(update={"expires": NOW})
    assert (await refusal(access, authorization=f"Bearer {TOKEN}")).type is ProblemType.UNAUTHENTICATED


async def test_an_unusable_keys_file_closes_the_service_and_is_told(
    access: Access, path: Path, attempts: Attempts
) -> None:
    await access.principal(request(authorization=f"Bearer {web_token(sub='b')}"))
    assert (await access.problems()) == []
    path.chmod(0o644)
    for authorization in (f"Bearer {TOKEN}", basic("", TOKEN), f"Bearer {UNKNOWN}"):
        problem = await refusal(access, authorization=authorization)
        assert problem.type is ProblemType.CREDENTIALS_UNAVAILABLE
        assert str(path) not in problem.detail
    assert attempts.addresses == [], "nobody has tried anything wrong"
    assert len(await access.problems()) == 1
    assert str(path) not in (await access.problems())[0]
    assert (await access.principal(request(authorization=f"Bearer {web_token(sub='b')}"))).name == "b"


async def test_without_the_keys_of_jwts_only_they_are_refused(path: Path, attempts: Attempts) -> None:
    chosen = AccessSettings(keys=path, jwt_keys="/nowhere", jwt_algorithms=("RS256",), jwt_issuer="i", jwt_audience="a")
    access = Access(chosen, attempts)
    assert await access.principal(request(authorization=f"Bearer {TOKEN}"))
    problem = await refusal(access, authorization="Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA")
    assert problem.type is ProblemType.CREDENTIALS_UNAVAILABLE
    assert await access.problems()


async def test_without_jwts_configured_none_is_taken(path: Path, attempts: Attempts) -> None:
    problem = await refusal(Access(AccessSettings(keys=path), attempts), authorization=f"Bearer {web_token(sub='b')}")
    assert problem.type is ProblemType.UNAUTHENTICATED


def url(
    path_: str,
    query: str = "a=1",
    name: str = "ann",
    expires: int | str | None = None,
    key: Any = None,
    **how: Any,
) -> str:
    """A signed URL of a path, and whatever of it is changed afterwards."""
    dataset = path_.rpartition("/")[2]
    query = f"{query}&_key={name}&_expires={int(time.time()) + 60 if expires is None else expires}"
    given = signed_urls.signature(URL_KEY, key, dataset, query_string.parse(query))
    return f"{path_}?{query}&_signature={given}"


async def test_a_signed_url_reads_on_behalf_of_its_key(access: Access, path: Path, attempts: Attempts) -> None:
    key = read(path)["ann"]
    for method in ("GET", "HEAD"):
        principal = await access.principal(request(url("/datasets/sales.a.csv", key=key), method=method))
        assert (principal.name, principal.role) == ("ann", "r")
    # Whatever else is sent beside it.
    assert await access.principal(request(url("/datasets/sales.a.csv", key=key), authorization="Bearer x"))
    assert attempts.addresses == []


@pytest.mark.parametrize(
    "changed",
    [
        lambda good: good.replace("a=1", "a=2"),
        lambda good: good.replace("a=1", "a=1&_limit=1"),
        lambda good: good.replace("a=1&", ""),
        lambda good: good.replace("sales.a.csv", "sales.b.csv"),
        lambda good: good.replace(".csv", ".parquet"),
        lambda good: good.replace(".csv", ""),
        lambda good: good.replace("/datasets/", "/exports/"),
        lambda good: good.replace("_key=ann", "_key=old"),
        lambda good: good.replace("_key=ann", "_key=nobody"),
        lambda good: good.replace("_key=ann&", ""),
        lambda good: good + "&_key=ann",
        lambda good: good.replace("_expires=", "_expires=9"),
        lambda good: good.replace("_expires", "_limit"),
        lambda good: good[:-1],
        lambda good: good + "0",
        lambda good: good + "&_signature=" + "0" * 64,
        lambda good: good.rpartition("&")[0],
        lambda good: good.replace("_signature=", "_signature=%C3%A9"),
        lambda good: "/datasets?_signature=1",
        lambda good: "/?_key=ann&_expires=9999999999&_signature=" + "0" * 64,
    ],
)
async def test_any_change_to_a_signed_url_is_refused_alike(
    access: Access, path: Path, attempts: Attempts, changed: Callable[..., Any]
) -> None:
    good = url("/datasets/sales.a.csv", key=read(path)["ann"])
    problem = await refusal(access, changed(good), authorization=f"Bearer {TOKEN}")
    other = await refusal(access, "/datasets/x.csv?_signature=1")
    assert problem.type is ProblemType.SIGNED_URL_REFUSED
    assert document(problem) == document(other)
    assert len(attempts.addresses) == 2


async def test_nothing_but_exports_can_be_signed(access: Access, path: Path) -> None:
    """Whoever lets others choose what is signed does not sign the catalogue."""
    query = f"_key=ann&_expires={int(time.time()) + 60}"
    given = signed_urls.signature(URL_KEY, read(path)["ann"], "/openapi.json", query_string.parse(query))
    assert (await refusal(access, f"/openapi.json?{query}&_signature={given}")).type is ProblemType.SIGNED_URL_REFUSED


@pytest.mark.parametrize("name", ["sales.2024", "sales", "sales.a.csv.", "sales.a.CSV", "csv", "sales.ndjson"])
async def test_what_is_signed_names_the_format(access: Access, path: Path, name: str) -> None:
    """Without one Accept would choose: one signature would be good for all of them."""
    given = url(f"/datasets/{name}", key=read(path)["ann"])
    for accept in ("text/csv", "*/*"):
        refused = await refusal(access, given, accept=accept)
        assert refused.type is ProblemType.SIGNED_URL_REFUSED


async def test_other_methods_need_more_than_a_signed_url(access: Access, path: Path) -> None:
    good = url("/datasets/sales.a.csv", key=read(path)["ann"])
    for method in ("POST", "DELETE", "get"):
        assert (await refusal(access, good, method=method)).type is ProblemType.SIGNED_URL_REFUSED


async def test_an_expired_url_is_told_to_be_one_to_who_had_it(access: Access, path: Path, attempts: Attempts) -> None:
    key = read(path)["ann"]
    for moment in (0, 1, int(time.time()), "x"):
        asked = request(url("/datasets/sales.a.csv", expires=moment, key=key))
        with pytest.raises(Problem, match="expired") as refused:
            await access.principal(asked)
        assert refused.value.type is ProblemType.SIGNED_URL_REFUSED
        assert visit_of(asked.scope).reason == "the URL has expired"
    assert attempts.addresses == []


async def test_a_url_ends_with_its_key(access: Access, path: Path) -> None:
    key = read(path)["ann"]
    good = url("/datasets/sales.a.csv", key=key)
    for ended in (
        {"ann": key.model_copy(update={"expires": NOW - timedelta(1)})},
        {},
        {"ann": Key(sha256=digest_of(UNKNOWN), datasets=("*",), created=NOW)},
    ):
        with changing(path) as keys:
            keys.clear()
            keys.update(ended)
        assert (await refusal(access, good)).type is ProblemType.SIGNED_URL_REFUSED
    with changing(path) as keys:
        keys["ann"] = key
    assert await access.principal(request(good))


async def test_without_the_url_key_no_url_is_taken(path: Path, attempts: Attempts) -> None:
    access = Access(AccessSettings(keys=path), attempts)
    good = url("/datasets/sales.a.csv", key=read(path)["ann"])
    assert (await refusal(access, good)).type is ProblemType.SIGNED_URL_REFUSED
    assert (await refusal(access, good, authorization=f"Bearer {TOKEN}")).type is ProblemType.SIGNED_URL_REFUSED


@pytest.mark.parametrize("client", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "LocalHost:8000", "127.0.0.1:8000", "[::1]:8000", "127.8.8.8"])
async def test_without_credentials_configured_this_machine_is_anybody(client: str, host: str) -> None:
    assert await open_access().principal(request(client=client, host=host, authorization="Bearer x")) == ANONYMOUS


@pytest.mark.parametrize(
    "how",
    [
        {"client": "192.0.2.1"},
        {"client": "2001:db8::1"},
        {"client": "0.0.0.0"},
        {"client": ""},
        {"host": ""},
        {"host": "rebound.example"},
        {"host": "rebound.example:8000"},
        {"host": "localhost.rebound.example"},
        {"host": "127.0.0.1.rebound.example"},
        {"host": "192.0.2.1:8000"},
        {"host": "0.0.0.0:8000"},
        {"host": "localhost, localhost"},
        {"host": "localhost,evil.example"},
        {"host": "[::1]evil.example"},
        {"host": "[::1].evil.example:80"},
        {"host": "127.0.0.1:80@evil.example"},
        {"host": "localhost:80:80"},
        {"host": "localhost/evil"},
        {"host": "[::1%25lo]"},
        {"host": "localhost."},
        {"host": "127.1"},
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_for": ""},
        {"x_real_ip": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"x_forwarded_host": "localhost"},
        {"x_forwarded_proto": "http"},
        {"x_forwarded_anything": "x"},
        {"true_client_ip": "127.0.0.1"},
        {"cf_connecting_ip": "127.0.0.1"},
        {"x_envoy_external_address": "127.0.0.1"},
        {"x_azure_clientip": "127.0.0.1"},
        {"x_cluster_client_ip": "127.0.0.1"},
    ],
)
async def test_without_credentials_configured_others_are_refused(how: dict[str, Any]) -> None:
    assert (await refusal(open_access(), **how)).type is ProblemType.LOOPBACK_ONLY
    assert await open_access(allow_anonymous=True).principal(request(**how)) == ANONYMOUS


async def test_behind_a_trusted_proxy_it_is_who_asked_the_proxy() -> None:
    access = open_access(trusted_proxies="127.0.0.1,10.0.0.0/8")
    assert await access.principal(request(x_forwarded_for="127.0.0.1")) == ANONYMOUS
    for chain in ("192.0.2.1", "127.0.0.1, 192.0.2.1", "127.0.0.1, 192.0.2.1, 10.0.0.1"):
        assert (await refusal(access, x_forwarded_for=chain)).type is ProblemType.LOOPBACK_ONLY


@pytest.mark.parametrize(
    "how",
    [
        {"x_real_ip": "192.0.2.1"},
        {"forwarded": "for=192.0.2.1"},
        {"x_forwarded_for": "unknown"},
        {"x_forwarded_for": "192.0.2.1,"},
        {"x_forwarded_for": '"[2001:db8::1]:99"'},
        {"x_forwarded_for": ","},
        {"client": "::1", "x_forwarded_for": "127.0.0.1"},  # a proxy of this machine that is not trusted
    ],
)
async def test_what_a_trusted_proxy_says_of_nobody_is_not_this_machine(how: dict[str, str]) -> None:
    access = open_access(trusted_proxies="127.0.0.1,10.0.0.0/8")
    assert (await refusal(access, **how)).type is ProblemType.LOOPBACK_ONLY


async def test_attempts_count_for_who_asked_the_proxy(path: Path, attempts: Attempts) -> None:
    access = Access(AccessSettings(keys=path, trusted_proxies="127.0.0.1"), attempts)
    await refusal(access, authorization="Bearer x", x_forwarded_for="203.0.113.9, 192.0.2.1")
    assert attempts.addresses == ["192.0.2.1"]


async def test_good_credentials_are_not_slowed_by_bad_ones_of_their_address(path: Path) -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    access = Access(AccessSettings(keys=path), Slowdown(sleep=sleep))
    for _ in range(10):
        await refusal(access, authorization="Bearer x")
    assert slept[-1] == 4
    assert await access.principal(request(authorization=f"Bearer {TOKEN}"))
    assert len(slept) == 10


async def test_an_answer_that_waits_is_given_up_when_its_client_leaves(path: Path) -> None:
    async def sleep(_: float) -> None:
        await asyncio.Event().wait()

    slow = Slowdown(sleep=sleep)
    access = Access(AccessSettings(keys=path), slow)
    left = asyncio.Event()
    task = asyncio.create_task(access.principal(request(authorization="Bearer x", left=left)))
    await asyncio.sleep(0)
    assert slow._delayed == 1
    left.set()
    with pytest.raises(Disconnected):
        await task
    assert slow._delayed == 0


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"url_key": "x" * 31, "keys": "k"}, "32 bytes"),
        ({"url_key": "x" * 32}, "EXPORTER_KEYS"),
        ({"jwt_keys": "/k"}, "together"),
        ({"jwt_issuer": "i"}, "together"),
        ({"jwt_algorithms": "none"}, "RS256"),
        ({"jwt_algorithms": "RS256,ES256K"}, "RS256"),
        ({"jwt_keys": "http://issuer.example/jwks"}, "https"),
        ({"jwt_keys": "ftp://issuer.example/jwks"}, "https"),
        ({"jwt_keys": "file:///etc/jwks"}, "https"),
        ({"allow_anonymous": True, "keys": "k"}, "cannot be combined"),
        ({"trusted_proxies": "10.0.0.1/8"}, "network"),
        ({"trusted_proxies": "10.0.0.0/8,0.0.0.0/0"}, "EXPORTER_TRUSTED_PROXIES"),
        ({"trusted_proxies": "::/0"}, "EXPORTER_TRUSTED_PROXIES"),
    ],
)
def test_settings_that_contradict_or_are_unsafe(how: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        AccessSettings(**how)
    assert "xxxx" not in str(refused.value)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=2 * settings().max_examples)
def test_whatever_is_sent_is_a_token_or_malformed(text: str) -> None:
    for header in (text, f"Basic {text}", f"Bearer {text}"):
        with suppress(Malformed):
            assert token_of(header).isascii()
