"""The examples run as they say, and each stays short."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.acceptance.hosts.served import served

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
APPLICATIONS = {
    "starlette_app:app": "uvicorn",
    "fastapi_app:app": "uvicorn",
    "litestar_app:app": "uvicorn",
    "quart_app:app": "hypercorn",
    "django_app:application": "uvicorn",
    "velithon_app:app": "granian",
}
OWN = {"starlette_app:app": ("/ten", 11), "fastapi_app:app": ("/days/2024-12-25", 7), "velithon_app:app": ("/ten", 11)}


def settings(database_url: str, *folders: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "PYTHONPATH": os.pathsep.join(map(str, (EXAMPLES, *folders, ROOT)))}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_an_application_answers_with_an_export(application: str, database_url: str) -> None:
    told = settings(database_url)
    with served(application, database_url, server=APPLICATIONS[application], settings=told) as service:
        (dataset,) = service.curl("/exports/datasets").json()["datasets"]
        whole = service.curl(f"/exports/{dataset['formats']['csv']['path']}")
        assert (whole.exit, whole.status) == (0, 200)
        assert whole.text.count("\n") > 100
        if application in OWN:
            path, lines = OWN[application]
            own = service.curl(path)
            assert (own.status, own.text.count("\n")) == (200, lines)


def test_the_notebook(database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "notebook.py")]
    environment = os.environ | settings(database_url)
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment)
    first, second, third = done.stdout.splitlines()
    assert first == "{'day': datetime.date(2024, 12, 25), 'weekday': 3}"
    assert second.startswith("366 rows")
    assert "date" in third
    assert (tmp_path / "days.parquet").read_bytes()[-4:] == b"PAR1"


def test_an_installed_format_is_offered_for_every_dataset(database_url: str, tmp_path: Path) -> None:
    project = tomllib.loads((EXAMPLES / "html_format" / "pyproject.toml").read_text())["project"]
    # What an installer makes of it, without the build backend from a registry.
    metadata = tmp_path / "exporter_html-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    points = project["entry-points"]["exporter.formats"]
    lines = [f"{name} = {value}" for name, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[exporter.formats]", *lines, ""]))
    told = settings(database_url, tmp_path, EXAMPLES / "html_format")
    with served("starlette_app:app", database_url, settings=told) as service:
        answer = service.curl("/exports/datasets/squares.html?rows=2")
        assert answer.headers["content-type"] == "text/html"
        assert answer.text.splitlines()[3:] == ["<tr><th>i<th>square", "<tr><td>1<td>1", "<tr><td>2<td>4", "</table>"]
        assert "squares.html" in service.curl("/exports/").text


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("**/*.py")), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
