"""The soak: mixed load, random kills, a log that nobody reads; `python -m benchmarks.chaos.soak`.

Exits with 1 when a body that looked whole was not, when something failed that nothing had been done to, or when the
worker that lived through all of it holds more at the end than at the beginning.
"""

import asyncio
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import psutil
from cyclopts import App

from benchmarks.chaos.clients import Clients
from benchmarks.chaos.content import prepare
from benchmarks.chaos.kills import Kills
from benchmarks.chaos.samples import MIB, Sample, Samples, drift, growth
from benchmarks.chaos.unread_stderr import Unread, unread
from benchmarks.options import RESULTS
from benchmarks.progress import say
from benchmarks.service import Service, running
from queries.embedded import embedded

app = App(name="soak", help="Mixed load with random kills; fails on growth or a wrong body.", help_format="plaintext")

_DRIFT = 48 * MIB
_IDLE_SECONDS = 60.0
_POOL = 6
_LEFT = """
SELECT
    (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'exporter%' AND state <> 'idle') AS statements,
    (SELECT coalesce(sum(size), 0) FROM pg_ls_tmpdir()) AS bytes
"""


@dataclass(slots=True)
class Soak:
    """One run, and what it found."""

    database_url: str
    service: Service
    clients: Clients
    samples: Samples
    stderr: Unread
    survivor: psutil.Process
    """The worker that is never killed, so that growth has time to show."""
    seconds: float

    def run(self, threads: int, pause: float) -> None:
        """Load the service and kill parts of it until the time is over."""
        over, kills = threading.Event(), self.clients.kills
        targets = [
            *(partial(self.clients.run, seed, over) for seed in range(threads)),
            partial(kills.run, self.database_url, lambda: youngest(self.service), pause, over),
            partial(self.samples.run, min(5.0, self.seconds / 10), over),
            partial(self.stderr.run, min(60.0, self.seconds / 4), over, self.service),
        ]
        tasks = [threading.Thread(target=target) for target in targets]
        for task in tasks:
            task.start()
        try:
            for left in range(int(self.seconds), 0, -1):
                if left % 60 == 0:
                    say(f"soak: {left // 60} minutes left, {sum(self.clients.tally.outcomes.values())} requests so far")
                over.wait(1)
        finally:
            over.set()
            for task in tasks:
                task.join()

    def idle(self) -> Sample:
        """Wait until the database runs nothing for the service and its memory is steady; return the survivor's."""
        deadline, seen = time.monotonic() + _IDLE_SECONDS, [-1]
        while time.monotonic() < deadline:
            time.sleep(1)
            self.samples.take()
            last = self.samples.lasting(self.survivor.pid)[-1]
            seen.append(last.memory)
            if not asyncio.run(_left(self.database_url))[0] and abs(seen[-1] - seen[-2]) < MIB:
                return last
        return self.samples.lasting(self.survivor.pid)[-1]

    def faults(self, before: Sample, after: Sample) -> list[str]:
        """Return what is wrong, as sentences."""
        statements, left = asyncio.run(_left(self.database_url))
        found = [*self.clients.tally.wrong, *growth(before, after)]
        drifted = drift(self.samples.lasting(self.survivor.pid))
        found += [f"memory under load drifts: {drifted / MIB:.0f} MiB a third of the run"] if drifted > _DRIFT else []
        found += [f"{statements} statements still run"] if statements else []
        found += [f"{left} bytes of temporary files are left"] if left else []
        found += [] if self.stderr.full and self.stderr.bytes else ["its standard error was never full, or never read"]
        held_up = self.stderr.held_up
        found += [f"{held_up} requests waited for somebody to read the log"] if held_up else []
        found += ["no export was whole"] if not self.clients.tally.outcomes["whole"] else []
        return found


async def _left(database_url: str) -> tuple[int, int]:
    connection = await asyncpg.connect(database_url)
    try:
        (found,) = await connection.fetch(_LEFT)
        return found["statements"], int(found["bytes"])
    finally:
        await connection.close()


def workers(service: Service) -> Sequence[psutil.Process]:
    """Return the workers, oldest first; Python's trackers, which are children too, are much smaller."""
    found = []
    for child in service.process.children(recursive=True):
        try:
            if child.memory_info().rss > 40 * MIB:
                found.append((child.create_time(), child))
        except psutil.Error:  # killed in the meantime
            continue
    return [child for _, child in sorted(found, key=lambda pair: pair[0])]


def youngest(service: Service) -> psutil.Process | None:
    """Return the worker that may be killed, if it is not the only one."""
    found = workers(service)
    return found[-1] if len(found) > 1 else None


@contextmanager
def started(seconds: float, scale: float = 1) -> Iterator[Soak]:
    """Start the database and the service, and make the datasets, smaller for a try."""
    with ExitStack() as stack:
        database_url = stack.enter_context(embedded())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        expected = prepare(database_url, folder, scale)
        stderr = stack.enter_context(unread())
        service = stack.enter_context(
            running(database_url, workers=2, stderr=stderr.writer, datasets=folder, pool_size=_POOL)
        )
        while len(found := workers(service)) < 2:
            time.sleep(0.1)
        clients = Clients(service.port, expected, Kills())
        yield Soak(database_url, service, clients, Samples(lambda: workers(service)), stderr, found[0], seconds)


def written(soak: Soak, before: Sample, after: Sample, faults: Sequence[str]) -> str:
    """Return the report."""
    tally, kills = soak.clients.tally, soak.clients.kills
    samples = soak.samples.lasting(soak.survivor.pid)
    memory = [f"{size / MIB:.0f}" for size in (before.memory, max(s.memory for s in samples), after.memory)]
    lines = [
        f"# Soak of {soak.seconds / 60:.1f} minutes: {'FAILED' if faults else 'passed'}",
        "",
        *(f"- {fault}" for fault in faults[:50]),
        f"- requests: {', '.join(f'{count:,} {name}' for name, count in tally.outcomes.most_common())}",
        f"- killed: {', '.join(f'{count} {name}' for name, count in kills.counts.items()) or 'nothing'}",
        f"- of its log, which nobody read for half of the time: {soak.stderr.bytes:,} bytes",
        "",
        "| the worker that lived through it | idle before | most under load | idle after |",
        "| --- | ---: | ---: | ---: |",
        f"| memory (USS), MiB | {' | '.join(memory)} |",
    ]
    lines += [
        f"| {name} | {getattr(before, name)} | {max(getattr(s, name) for s in samples)} | {getattr(after, name)} |"
        for name in ("descriptors", "threads", "connections")
    ]
    lines += ["", "| seconds | process | MiB | descriptors | threads | connections |", "| ---: " * 6 + "|"]
    step = max(1, len(soak.samples.taken) // 60)
    lines += [
        f"| {s.seconds:.0f} | {s.pid} | {s.memory / MIB:.0f} | {s.descriptors} | {s.threads} | {s.connections} |"
        for s in soak.samples.taken[::step]
    ]
    return "\n".join(lines) + "\n"


@app.default
def main(*, minutes: float = 30, clients: int = 6, pause: float = 10, results: Path = RESULTS) -> None:
    """Run the soak, and write soak.md into the folder of results.

    Args:
        minutes: how long.
        clients: how many ask at once.
        pause: seconds between two kills, on the average.
        results: the folder.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with started(minutes * 60) as soak:
        for _ in range(4):  # connections are spread by chance: until both workers have seen everything
            soak.clients.every_way()
        before = soak.idle()
        soak.run(clients, pause)
        after = soak.idle()
        faults = soak.faults(before, after)
        report = written(soak, before, after, faults)
    results.mkdir(parents=True, exist_ok=True)
    (results / "soak.md").write_text(report)
    print(report)
    if faults:
        sys.exit(1)


if __name__ == "__main__":
    app()
