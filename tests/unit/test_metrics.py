"""The metrics of several workers as one."""

import subprocess
import sys
from pathlib import Path

WORKER = """
from exporter.telemetry.metrics import Metrics
metrics = Metrics()
metrics.in_flight.inc()
metrics.exports.labels("orders", "csv", "succeeded").inc()
metrics.watch("exporter_pool_size", "…", lambda: 10)
metrics.sample()
{then}
"""


def worker(folder: Path, then: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WORKER.format(then=then)],
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_what_a_dead_worker_counted_stays_and_what_it_had_open_goes(tmp_path: Path) -> None:
    for _ in range(2):
        worker(tmp_path, "")
    told = worker(tmp_path, "print(metrics.exposition().decode())").splitlines()
    assert 'exporter_exports_total{dataset="orders",format="csv",outcome="succeeded"} 3.0' in told
    assert "exporter_exports_in_flight 1.0" in told
    assert "exporter_pool_size 10.0" in told
    assert len(list(tmp_path.glob("gauge_live*"))) == 1
