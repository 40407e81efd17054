"""The service keeps to its own OpenAPI document: schemathesis asks what the document allows, and what it does not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.service import Service

PATHS = (
    r"^/(readyz|datasets(/(typed|items\.csv|typed\.(ndjson|parquet)|(echo_fetched|denied|early)\.csv|twins\.arrows))?)$"
)
"""Of each kind one: rows, parameters of several types, a cursor, and queries that are refused or fail."""


@pytest.mark.timeout(300)
def test_every_answer_is_one_that_the_document_announces(service: Service, tmp_path: Path) -> None:
    command: list[str | Path] = [
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/openapi.json"),
        *("--include-path-regex", PATHS, "--phases", "coverage,fuzzing", "--max-examples", "5", "--no-color"),
        # The same requests in every run, so that it fails for everybody or for nobody.
        "--generation-deterministic",
        # Which names `_columns` takes only the database knows, and the document is made without it; that some values
        # do not go together (delimiter and null) JSON Schema cannot say of a query string.
        *("--exclude-checks", "positive_data_acceptance"),
    ]
    before = len(service.log.read_text())
    done = subprocess.run(command, check=False, capture_output=True, cwd=tmp_path, timeout=280)
    told = done.stdout.decode()
    assert done.returncode == 0, told + done.stderr.decode()
    tested = re.search(r"(\d+) generated, (\d+) passed", told)
    assert tested, told
    assert tested[1] == tested[2]
    assert int(tested[1]) > 300
    assert "Traceback" not in service.log.read_text()[before:]
