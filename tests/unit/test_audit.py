"""The audit fails for a vulnerability, and only for one; that nobody could be asked is said loudly."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

AUDIT = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "audit.py"))

FINE = {"name": "fine", "version": "1", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]}


def verdict(*packages: dict[str, Any]) -> tuple[bool, str]:
    passed, told = AUDIT["verdict"](json.dumps({"dependencies": packages}))
    return passed, told


def test_a_vulnerability_fails_and_is_named() -> None:
    passed, told = verdict(FINE, BAD, UNKNOWN)
    assert not passed
    assert "bad 2: PYSEC-1, fixed in 3" in told


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_one_that_is_accepted_does_not_fail(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(AUDIT["ACCEPTED"], name, "no fix, and not reachable")
    assert verdict(FINE, BAD) == (True, "none of 2 packages has a known vulnerability")


@pytest.mark.parametrize("report", ["", "Traceback", "{}"])
def test_no_answer_does_not_fail_but_is_told(report: str) -> None:
    passed, told = AUDIT["verdict"](report)
    assert passed
    assert told.startswith("NOT AUDITED")


def test_packages_that_the_service_does_not_know_are_told() -> None:
    assert verdict(FINE, UNKNOWN) == (
        True,
        "NOT AUDITED: 1 of 2 packages, which the advisory service does not know",
    )
