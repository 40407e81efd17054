"""Which requests are below the path of a mounted exporter, and what they then look like."""

import pytest

from exporter.embedding.frameworks.below import below, checked


@pytest.mark.parametrize("prefix", ["", "/", "exports", "http://host/exports"])
def test_a_path_that_no_request_could_have_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="must begin with a slash"):
        checked(prefix)


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/exports", "", ("/exports", "/exports")),
        ("/exports/", "", ("/exports/", "/exports")),
        ("/exports/a/b", "", ("/exports/a/b", "/exports")),
        ("/api/exports/a", "/api", ("/api/exports/a", "/api/exports")),
        ("/exports/a", "/api", ("/api/exports/a", "/api/exports")),  # a server that takes the root path off
        ("/apiexports/a", "/api", None),
        ("/exportsa", "", None),
        ("/a/exports/", "", None),
        ("/", "", None),
    ],
)
def test_the_root_path_becomes_longer(path: str, root: str, expected: tuple[str, str] | None) -> None:
    scope = {"type": "http", "path": path, "root_path": root}
    found = below(scope, "/exports")
    assert (found and (found["path"], found["root_path"])) == expected
    assert scope == {"type": "http", "path": path, "root_path": root}
