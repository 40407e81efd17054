"""Who may read what, asked over real sockets: keys that come and go, tokens by every way, URLs that are signed."""

import io
import json
import re
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from benchmarks.environment import environment
from exporter.access.key import Key
from exporter.access.keys_file import changing
from exporter.access.tokens import digest_of, new_token
from tests.acceptance.catalogue import dataset
from tests.acceptance.conftest import written
from tests.acceptance.service import (
    COMMAND,
    PATIENCE,
    Answer,
    Service,
    fetch,
    free_port,
    running,
    until,
)

URL_KEY = secrets.token_urlsafe(32)
ROLE = f"exporter_{secrets.token_hex(4)}"
SECRET = OctKey.generate_key(256, {"kid": "s"})

FEW = dataset(
    'title = "Few"\n[parameters.rows]\ntype = "integer"\ndefault = 3', "SELECT generate_series(1, :rows) AS i"
)
DATASETS = {
    "open.few": FEW,
    "open.me": dataset("", "SELECT current_user AS who, current_setting('request.jwt.claims')::json ->> 'sub' AS sub"),
    "hidden": FEW.replace("Few", "Unspeakable"),
}


@dataclass(frozen=True)
class Closed:
    """A service of two workers that wants credentials, and its keys file."""

    service: Service
    path: Path

    def create(self, name: str, *datasets: str, role: str | None = None, seconds: float = 3600) -> str:
        """Make a key as the command does, but within this process: the command takes a second to start."""
        token, now = new_token(), datetime.now(UTC)
        with changing(self.path) as keys:
            keys[name] = Key(
                sha256=digest_of(token),
                datasets=datasets,
                role=role,
                created=now,
                expires=now + timedelta(seconds=seconds),
            )
        return token

    def revoke(self, name: str) -> None:
        with changing(self.path) as keys:
            del keys[name]

    def curl(self, path: str, *arguments: str) -> Answer:
        """Ask from an address of its own, so that no test is slowed by the failures of another."""
        address = f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        return self.service.curl(path, "-H", f"X-Forwarded-For: {address}", *arguments)

    def asked(self, token: str, path: str, *arguments: str) -> Answer:
        return self.curl(path, "-H", f"Authorization: Bearer {token}", *arguments)

    def answers(self, token: str) -> set[int]:
        """Return the statuses of enough requests that every worker has had some."""
        with ThreadPoolExecutor(4) as threads:
            return set(threads.map(lambda _: self.asked(token, "/datasets").status, range(16)))


def command(*arguments: object, **settings: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        timeout=3 * PATIENCE,
        env=environment(settings),
    )


def told(*arguments: object, **settings: object) -> str:
    done = command(*arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments: object, **settings: object) -> str:
    done = command(*arguments, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def closed(source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("access")
    path, jwks = folder / "keys.toml", folder / "jwks.json"
    told("keys", "create", "first", "--datasets", "*", keys=path)
    jwks.write_text(json.dumps({"keys": [SECRET.as_dict()]}))
    jwks.chmod(0o600)
    settings = {
        "keys": str(path),
        "url_key": URL_KEY,
        "jwt_keys": str(jwks),
        "jwt_algorithms": "HS256",
        "jwt_issuer": "https://issuer",
        "jwt_audience": "exporter",
        "trusted_proxies": "127.0.0.1",
        "pool_size": "2",
        "audit_log": str(folder / "audit"),
    }
    datasets = written(folder, DATASETS)
    fetch(source, f"CREATE ROLE {ROLE}")
    try:
        with running(source, datasets, "--workers", "2", settings=settings) as service:
            until(lambda: len(service.workers()) == 2)
            yield Closed(service, path)
    finally:
        fetch(source, f"DROP ROLE {ROLE}")


@pytest.fixture(scope="module")
def token(closed: Closed) -> str:
    return closed.create("reader", "open.*")


def test_credentials_by_every_way(closed: Closed, token: str) -> None:
    ways = [["-H", f"authorization: bearer {token}"], ["-u", f":{token}"], ["-u", f"{token}:"], ["-u", f"me:{token}"]]
    for way in ways:
        for flags in ([], ["--head"], ["--http2-prior-knowledge"]):
            answer = closed.curl("/datasets/open.few.csv", *way, *flags)
            assert (answer.exit, answer.status) == (0, 200), (way, flags)
            assert flags == ["--head"] or answer.text == "i\n1\n2\n3\n"


def test_clients_send_their_credentials(closed: Closed, token: str) -> None:
    url = f"{closed.service.url}/datasets/open.few"
    bearer = {"Authorization": f"Bearer {token}"}
    assert len(pd.read_csv(f"{url}.csv", storage_options=bearer)) == 3
    assert len(pd.read_parquet(f"{url}.parquet", storage_options=bearer)) == 3
    with_password = closed.service.curl("/datasets/open.few.parquet", "-u", f"excel:{token}")
    assert pl.read_parquet(io.BytesIO(with_password.body)).height == 3


def test_every_resource_wants_credentials_but_the_two_of_the_operator(closed: Closed) -> None:
    for path in (
        "/",
        "/datasets",
        "/openapi.json",
        "/datasets/open.few",
        "/datasets/open.few.csv",
        "/datasets/none.csv",
    ):
        for way in ([], ["-u", ":wrong"], ["-H", "Authorization: Bearer vexp_wrong"], ["--head"]):
            answer = closed.curl(path, *way)
            assert answer.status == 401, (path, way)
            assert "www-authenticate" in answer.headers
            assert "--head" in way or answer.json()["type"] == "urn:exporter:problem:unauthenticated"
    assert closed.service.curl("/healthz").status == 200
    until(lambda: closed.service.curl("/readyz").status == 200)  # the first who asks has the keys of JWTs read


def test_both_challenges_are_sent(closed: Closed) -> None:
    with socket.create_connection(("127.0.0.1", int(closed.service.url.rpartition(":")[2])), timeout=PATIENCE) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head = b"".join(iter(lambda: peer.recv(65536), b"")).partition(b"\r\n\r\n")[0].lower()
    assert re.findall(rb"www-authenticate: (\w+)", head) == [b"basic", b"bearer"]


HIDDEN_AND_ABSENT = ["", ".csv", ".parquet", ".xyz", ".csv?rows=1", ".csv?nonsense=1", "?rows=1", ".csv?_limit=x"]


@pytest.mark.parametrize("rest", HIDDEN_AND_ABSENT)
@pytest.mark.parametrize(
    "flags", [[], ["--head"], ["-H", "Accept: text/csv"], ["-H", "Accept: image/png"], ["-X", "POST"]]
)
def test_what_may_not_be_read_is_answered_like_what_is_not_there(
    closed: Closed, token: str, rest: str, flags: list[str]
) -> None:
    answers = [closed.asked(token, f"/datasets/{name}{rest}", *flags) for name in ("hidden", "absent")]
    assert [answer.exit for answer in answers] == [0, 0]
    # Of HEAD curl stores the head as the body, its date included.
    bodies = [b"" if "--head" in flags else answer.body for answer in answers]
    hidden, absent = [
        (answer.status, {**answer.headers, "date": ""}, body) for answer, body in zip(answers, bodies, strict=True)
    ]
    assert hidden == absent
    assert hidden[0] == (405 if "POST" in flags else 404)


def test_lists_hold_what_may_be_read_and_nothing_else(closed: Closed, token: str) -> None:
    everything = closed.create("everything", "*")
    nothing = closed.create("nothing", "no-such")
    for path in ("/", "/datasets", "/openapi.json"):
        seen, all_, none = [closed.asked(one, path).text for one in (token, everything, nothing)]
        assert "hidden" in all_
        assert "open.few" in all_
        assert "open.few" in seen
        assert not {"hidden", "Unspeakable"} & set(re.findall(r"\w+", seen))
        assert "open.few" not in none
    schemes = closed.asked(token, "/openapi.json").json()["components"]["securitySchemes"]
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer", "basic"}


def test_a_page_of_another_origin_needs_a_token_of_its_own(closed: Closed, token: str) -> None:
    """What a browser sends by itself, such as what its dialogue was told, it sends for any page."""
    page = ("-H", "Sec-Fetch-Site: cross-site")
    export = "/datasets/open.few.csv"
    assert closed.asked(token, export, *page).status == 200
    answer = closed.curl(export, "-u", f":{token}", *page)
    assert (answer.status, answer.json()["type"]) == (403, "urn:exporter:problem:cross-site")
    assert closed.curl(export, *page).status == 401
    link = ("-H", "Sec-Fetch-Mode: navigate", "-H", "Sec-Fetch-Dest: document")
    assert closed.curl(export, "-u", f":{token}", *page, *link).status == 200


def test_both_workers_learn_of_keys_at_once(closed: Closed) -> None:
    """The one test of this by the commands themselves; each of them takes a second to start."""
    token = told("keys", "create", "passing", "--datasets", "open.*", keys=closed.path).strip()
    assert closed.answers(token) == {200}
    told("keys", "revoke", "passing", keys=closed.path)
    assert closed.answers(token) == {401}


def test_a_key_expires(closed: Closed) -> None:
    token = closed.create("short", "*", seconds=2)
    until(lambda: closed.asked(token, "/datasets").status == 401)


def test_what_a_revoked_key_has_begun_it_reads_to_the_end(closed: Closed, tmp_path: Path) -> None:
    token = closed.create("slow", "open.*")
    body = tmp_path / "body"
    path = "/datasets/open.few.csv?rows=3000000"
    flags = ["-sS", "--limit-rate", "20M", "-H", f"Authorization: Bearer {token}", "-o", str(body)]
    with subprocess.Popen(["curl", *flags, closed.service.url + path]) as curl:
        until(lambda: body.exists() and body.stat().st_size > 0)
        closed.revoke("slow")
        assert closed.asked(token, "/datasets").status == 401
        assert curl.wait(PATIENCE) == 0
    assert body.read_bytes().endswith(b"\n3000000\n")


def test_an_export_reads_as_the_role_of_its_key(closed: Closed) -> None:
    token = closed.create("acting", "open.me", role=ROLE)
    assert closed.asked(token, "/datasets/open.me.ndjson").json() == {"who": ROLE, "sub": "acting"}
    token = closed.create("refused", "open.me", role=f"{ROLE}_absent")
    assert closed.asked(token, "/datasets/open.me.ndjson").status == 403


def test_a_jwt_reads_as_its_claims_say(closed: Closed) -> None:
    claims = {"iss": "https://issuer", "aud": "exporter", "exp": int(time.time()) + 600, "sub": "Ann O'Neill"}
    token = jwt.encode({"alg": "HS256", "kid": "s"}, claims | {"role": ROLE, "datasets": "open.me"}, SECRET)
    assert closed.asked(token, "/datasets/open.me.ndjson").json() == {"who": ROLE, "sub": "Ann O'Neill"}
    assert closed.asked(token, "/datasets/open.few.csv").status == 404
    late = jwt.encode({"alg": "HS256", "kid": "s"}, claims | {"exp": int(time.time()) - 120}, SECRET)
    assert closed.asked(late, "/datasets").status == 401


def test_signed_urls(closed: Closed) -> None:
    closed.create("sharing", "open.*")
    url = f"{closed.service.url}/datasets/open.few.csv?rows=2&_header=off"
    signed = told("sign", url, "--key", "sharing", "--expires", "30m", keys=closed.path, url_key=URL_KEY).strip()
    assert pd.read_csv(signed, header=None)[0].tolist() == [1, 2]
    path = signed.removeprefix(closed.service.url)
    assert closed.curl(path, "--head").status == 200
    assert closed.curl(path.replace("_key", "_k%65y").replace("_signature", "%5Fsignatur%65")).status == 200
    changes = (("rows=2", "rows=3"), (".csv", ".ndjson"), (".csv", ""), ("&_key", "&_limit=1&_key"))
    for forged in (path.replace(*change) for change in changes):
        answer = closed.curl(forged)
        assert (answer.status, answer.json()["type"]) == (403, "urn:exporter:problem:signed-url-refused")
    closed.create("sharing", "open.me")
    assert closed.curl(path).status == 403, "made anew, it is another key"
    assert "_signature" not in closed.service.log.read_text()


def test_what_cannot_be_signed(closed: Closed) -> None:
    good, how = "http://127.0.0.1:8000/datasets/open.few.csv", ("--key", "first", "--expires", "1h")
    assert "EXPORTER_URL_KEY" in refused("sign", good, *how, keys=closed.path)
    assert "export" in refused("sign", "http://127.0.0.1:8000/datasets", *how, keys=closed.path, url_key=URL_KEY)


def test_commands_at_once_lose_no_key(closed: Closed, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    with ThreadPoolExecutor(4) as threads:
        tokens = list(
            threads.map(lambda i: told("keys", "create", f"k{i}", "--datasets", "a", keys=path).strip(), range(4))
        )
    listed = told("keys", "list", keys=path)
    assert sorted(line.split("\t")[0] for line in listed.splitlines()[1:]) == [f"k{i}" for i in range(4)]
    assert len(set(tokens)) == 4
    assert not any(secret in text for secret in tokens for text in (listed, path.read_text()))


def test_keys_that_cannot_be_made(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    told("keys", "create", "a", "--datasets", "x", "--metrics", keys=path)
    before = path.read_bytes()
    assert "already" in refused("keys", "create", "a", "--datasets", "x", keys=path)
    assert "does not exist" in refused("keys", "revoke", "b", keys=path)
    assert path.read_bytes() == before
    path.chmod(0o644)
    assert f"chmod 600 {path}" in refused("keys", "create", "b", "--datasets", "x", keys=path)


def test_a_keys_file_open_to_others_closes_a_running_service_and_starts_none(
    closed: Closed, token: str, source: str
) -> None:
    closed.path.chmod(0o640)
    try:
        answers = closed.answers(token)
        told_ = refused(
            "serve", "--port", free_port(), database_url=source, datasets=closed.path.parent, keys=closed.path
        )
    finally:
        closed.path.chmod(0o600)
    assert answers == {503}
    assert f"chmod 600 {closed.path}" in told_
    until(lambda: f"chmod 600 {closed.path}" in closed.service.log.read_text())
    assert closed.answers(token) == {200}


def test_nothing_secret_is_logged(closed: Closed, token: str) -> None:
    forged = token[:-6] + "AAAAAA"
    assert closed.asked(forged, "/datasets").status == 401
    until(lambda: "credentials refused address=198.18." in closed.service.log.read_text())
    text = closed.service.log.read_text()
    for secret in (token, forged, URL_KEY, SECRET.as_dict()["k"]):
        assert str(secret) not in text


def test_the_audit_log_tells_why_credentials_were_refused(closed: Closed) -> None:
    audit, forged = closed.path.with_name("audit"), new_token()
    assert closed.asked(forged, "/datasets", "-A", "guessing").status == 401
    (refusal,) = until(lambda: [line for line in audit.read_text().splitlines() if "guessing" in line])
    assert json.loads(refusal)["reason"] == "unknown key"
    assert forged not in audit.read_text()


def test_good_credentials_are_answered_while_wrong_ones_wait(closed: Closed, token: str) -> None:
    stop = threading.Event()

    def guess() -> None:
        while not stop.is_set():
            assert closed.service.curl("/datasets", "-u", ":vexp_guess").status in (401, 429)

    with ThreadPoolExecutor(4) as guessing:
        attempts = [guessing.submit(guess) for _ in range(4)]
        try:
            assert {closed.service.curl("/datasets", "-u", f":{token}").status for _ in range(10)} == {200}
        finally:
            stop.set()
        for attempt in attempts:
            attempt.result(PATIENCE)


@pytest.mark.parametrize("command_", ["serve", "demo"])
def test_other_machines_are_let_in_only_if_it_is_said(source: str, datasets: Path, command_: str) -> None:
    settings = {"database_url": source, "datasets": datasets}
    assert "--allow-anonymous" in refused(command_, "--host", "0.0.0.0", "--port", free_port(), **settings)


def test_all_pages_are_let_in_only_with_credentials(source: str, datasets: Path) -> None:
    settings = {"database_url": source, "datasets": datasets, "cors_origins": "*"}
    for how in ((), ("--allow-anonymous",)):
        assert "EXPORTER_CORS_ORIGINS" in refused("serve", *how, "--port", free_port(), **settings)


def test_letting_everybody_in_contradicts_keys(source: str, datasets: Path, closed: Closed) -> None:
    settings = {"database_url": source, "datasets": datasets, "keys": closed.path}
    assert "EXPORTER_ALLOW_ANONYMOUS" in refused("serve", "--allow-anonymous", "--port", free_port(), **settings)


def test_a_name_that_leads_to_this_machine_is_not_this_machine(service: Service) -> None:
    answer = service.curl("/datasets", "-H", "Host: rebound.example")
    assert (answer.status, answer.json()["type"]) == (403, "urn:exporter:problem:loopback-only")
    assert service.curl("/datasets", "-H", "Host: rebound.example", "--http2-prior-knowledge").status == 403
    assert service.curl("/datasets/items.csv", "-H", "X-Forwarded-For: 192.0.2.1").status == 403
    assert service.curl("/healthz", "-H", "Host: rebound.example").status == 200


def test_everybody_may_be_let_in(source: str, datasets: Path) -> None:
    with running(source, datasets, "--host", "0.0.0.0", "--allow-anonymous", settings={"pool_size": "2"}) as service:
        assert service.curl("/datasets", "-H", "Host: exporter.example").status == 200
