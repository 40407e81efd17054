"""Ask whether a pinned package has a known vulnerability: fail when one has, and tell when nobody could be asked."""

import json
import subprocess
import sys
from pathlib import Path

ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that are known and without a fix or without effect here: each id with its reason."""

_PATIENCE = 120.0
"""Seconds; no answer must not hold the build up."""


def verdict(report: str) -> tuple[bool, str]:
    """Return whether pip-audit's JSON report is one to go on with, and what to tell about it."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return True, "NOT AUDITED: the advisory service did not answer"
    found = [
        f"{package['name']} {package['version']}: {known['id']}, fixed in {', '.join(known['fix_versions']) or 'none'}"
        for package in packages
        for known in package.get("vulns", ())
        if not {known["id"], *known.get("aliases", ())} & ACCEPTED.keys()
    ]
    skipped = sum("skip_reason" in package for package in packages)
    if found:
        return False, "\n".join(["vulnerable:", *found])
    if skipped:
        return True, f"NOT AUDITED: {skipped} of {len(packages)} packages, which the advisory service does not know"
    return True, f"none of {len(packages)} packages has a known vulnerability"


def _report() -> str:
    audit = [
        str(Path(sys.executable).with_name("pip-audit")),
        "--requirement",
        "constraints.txt",
        "--no-deps",
        "--disable-pip",
    ]
    try:
        command = [*audit, "--format", "json", "--progress-spinner", "off"]
        done = subprocess.run(command, check=False, capture_output=True, timeout=_PATIENCE)  # noqa: S603 - ours
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode()


if __name__ == "__main__":
    passed, told = verdict(_report())
    sys.stderr.write(f"audit: {told}\n")
    sys.exit(not passed)
