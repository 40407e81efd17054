"""The exporter as a library: `python notebook.py`. In a notebook, `await` stands in a cell by itself."""

import asyncio
import os
from pathlib import Path

from exporter import Dataset, Exporter, Problem

DAYS = Dataset(
    "days",
    sql="SELECT day::date, extract(isodow FROM day)::int AS weekday "
    "FROM generate_series(:since, '2024-12-31'::timestamp, '1 day') day",
    parameters={"since": {"type": "date"}},
)


async def main() -> None:
    """Read a table, write a file, and see what a wrong argument says."""
    async with Exporter(os.environ["DATABASE_URL"], [DAYS]) as exports:
        table = await exports.table("days", since="2024-12-25")
        print(table.to_pylist()[0])

        with Path("days.parquet").open("wb") as file:
            async with exports.run("days", "parquet", since="2024-01-01") as run:
                async for chunk in run.chunks():
                    file.write(chunk)
        print(run.ended.rows if run.ended else 0, "rows of", [column.name for column in run.order.dataset.parameters])

        try:
            await exports.table("days", since="yesterday")
        except Problem as problem:
            print(problem.faults[0].detail)


if __name__ == "__main__":
    asyncio.run(main())
