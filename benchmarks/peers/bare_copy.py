"""COPY through the service's own driver, thrown away: no exporter on this driver delivers faster."""

import asyncio
import sys

import asyncpg

from benchmarks.peers.stopwatch import Stopwatch


async def main(url: str, table: str, _target: str) -> None:
    """Read the table as CSV."""
    watch, size = Stopwatch(), 0

    async def discard(chunk: bytes) -> None:
        nonlocal size
        watch.first_byte()
        size += len(chunk)

    connection = await asyncpg.connect(url)
    try:
        status = await connection.copy_from_query(f"SELECT * FROM {table}", output=discard, format="csv", header=True)
    finally:
        await connection.close()
    watch.report(int(status.split()[-1]), size)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
