"""What pages of other origins have a browser ask, by each header that tells so, and by none."""

from pathlib import Path
from typing import Any

import pytest

from exporter.access.access import Access
from exporter.access.key import Key
from exporter.access.keys_file import changing
from exporter.access.principal import ANONYMOUS
from exporter.access.tokens import digest_of, new_token
from exporter.problems import Problem, ProblemType
from exporter.settings.access import AccessSettings
from tests.asking import basic, request

pytestmark = pytest.mark.anyio

OURS = "https://reports.example.com"
LINK: dict[str, Any] = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
TOKEN = new_token()


@pytest.fixture(params=[{}, {"allow_anonymous": True}], ids=["this machine", "everybody"])
def open_access(request: pytest.FixtureRequest) -> Access:
    return Access(AccessSettings(**request.param), origins=(OURS, "http://localhost:3000"))


@pytest.fixture
def closed(tmp_path: Path) -> Access:
    with changing(tmp_path / "keys.toml") as keys:
        keys["ann"] = Key(sha256=digest_of(TOKEN), datasets=("*",), created="2024-01-01T00:00:00Z")
    return Access(AccessSettings(keys=tmp_path / "keys.toml"), origins=(OURS,))


async def asked(access: Access, *, export: bool = True, **how: Any) -> ProblemType | None:
    """Ask as a route does, and return what kind of problem there was."""
    asking = request(**how)
    try:
        await access.principal(asking)
        if export:
            access.refuse_export(asking)
    except Problem as problem:
        return problem.type
    return None


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-origin", "origin": "http://behind.a.proxy"},
        {"sec_fetch_site": "cross-site", "origin": OURS},
        {"sec_fetch_site": "cross-site", "referer": f"{OURS}/board?x=http://evil.example"},
        {"sec_fetch_site": "cross-site", "referer": OURS},
        {"sec_fetch_site": "same-site", "origin": "http://localhost:3000"},
        {"origin": OURS},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "https://127.0.0.1:8000"},  # behind a proxy that does TLS
        {"origin": "http://127.0.0.1", "host": "127.0.0.1"},
        {"origin": "http://127.0.0.1", "host": "127.0.0.1:80"},
        {"origin": "https://localhost:443", "host": "LOCALHOST"},
        {"origin": "http://[::1]:8000", "host": "[::1]:8000"},
        {"referer": "https://evil.example/"},  # a browser that does not tell, or curl -e
    ],
)
async def test_programs_and_its_own_and_allowed_pages_are_answered(open_access: Access, how: dict[str, Any]) -> None:
    assert await asked(open_access, **how) is None


@pytest.mark.parametrize(
    "how",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": ""},
        {"sec_fetch_site": "Same-Origin"},
        {"sec_fetch_site": "same-origin, cross-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8000"},
        {"sec_fetch_site": "cross-site", "origin": "https://evil.example", "referer": f"{OURS}/"},
        {"sec_fetch_site": "cross-site", "referer": "https://evil.example/"},
        {"sec_fetch_site": "cross-site", "referer": f"{OURS}.evil.example/"},
        {"sec_fetch_site": "cross-site", "referer": "http://localhost:3000@evil.example/"},
        {"sec_fetch_site": "cross-site", "authorization": f"Bearer {TOKEN}"},
        {"sec_fetch_site": "cross-site", "cookie": "session=1"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "document"},
        {**LINK, "method": "HEAD"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"{OURS}, https://evil.example"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:8000"},
        {"origin": "http://127.0.0.1:8000@evil.example"},
        {"origin": "http://127.0.0.1:8000 "},
        {"origin": "file://"},
        {"origin": "*"},
    ],
)
async def test_others_are_refused_pages_and_exports(open_access: Access, how: dict[str, Any]) -> None:
    assert await asked(open_access, **how) is ProblemType.CROSS_SITE
    assert await asked(open_access, export=False, **how) is ProblemType.CROSS_SITE


async def test_a_link_leads_to_a_page_and_to_no_export(open_access: Access) -> None:
    for site in ("cross-site", "same-site"):
        how = {**LINK, "sec_fetch_site": site}
        assert await asked(open_access, export=False, **how) is None
        assert await asked(open_access, **how) is ProblemType.CROSS_SITE
        assert await asked(open_access, **how, referer=f"{OURS}/") is None


async def test_a_page_that_knows_a_token_is_answered(closed: Access) -> None:
    unknown: list[dict[str, Any]] = [{"sec_fetch_site": "cross-site"}, {"origin": "null"}]
    for how in unknown:
        assert await asked(closed, authorization=f"Bearer {TOKEN}", **how) is None
        assert await asked(closed, authorization=f"bearer {TOKEN}", **how) is None


async def test_what_a_browser_sends_by_itself_is_nothing_that_a_page_knows(closed: Access) -> None:
    """It sends what its dialogue was told with every request, whoever has it ask."""
    known = basic("", TOKEN)
    assert await asked(closed, authorization=known) is None
    assert await asked(closed, authorization=known, sec_fetch_site="same-origin") is None
    assert await asked(closed, authorization=known, sec_fetch_site="cross-site", origin=OURS) is None
    others: list[dict[str, Any]] = [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.example"},
    ]
    for how in others:
        assert await asked(closed, authorization=known, **how) is ProblemType.CROSS_SITE
    assert await asked(closed, authorization=known, **LINK) is None, "somebody who has said who they are sees where"


async def test_whoever_has_to_say_who_they_are_is_asked_to(closed: Access) -> None:
    for how in (LINK, {"sec_fetch_site": "cross-site"}):
        assert await asked(closed, **how) is ProblemType.UNAUTHENTICATED


async def test_a_name_that_leads_here_is_another_origin_that_calls_itself_ours() -> None:
    access = Access(AccessSettings())
    how: dict[str, Any] = {
        "host": "rebound.example:8000",
        "sec_fetch_site": "same-origin",
        "origin": "http://rebound.example:8000",
    }
    assert await asked(access, **how) is ProblemType.LOOPBACK_ONLY
    assert await asked(access) is None
    assert (await access.principal(request())) == ANONYMOUS
