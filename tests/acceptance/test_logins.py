"""The sessions of each framework's own decide who may export."""

from pathlib import Path

import pytest

from tests.acceptance.hosts.served import served


@pytest.mark.parametrize("framework", ["fastapi", "litestar", "quart", "django"])
def test_whoever_has_logged_in_to_the_application_has_exports(
    framework: str, database_url: str, tmp_path: Path
) -> None:
    factory = f"tests.acceptance.hosts.logins:{framework}"
    cookies = str(tmp_path / "cookies")
    with served(factory, database_url, "--factory") as host:
        assert host.curl("/exports/datasets/who.csv").status == 401
        assert host.curl("/login/ann", "-c", cookies).status == 200
        answer = host.curl("/exports/datasets/who.csv", "-b", cookies)
        assert (answer.exit, answer.status, answer.text) == (0, 200, "who\nann\n")
