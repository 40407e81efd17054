"""Folders of datasets."""

from pathlib import Path


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name}.sql").write_text(text, encoding="utf-8", newline="")
    return directory


ORDERS = """/*
title = "Orders"
description = '''
min = "not a key"
'''
source = "cursor"
statement_timeout = 1.5
cache_control = "max-age=60"
on_unrepresentable = "null"

[parameters.since]
type = "date"
default = 2024-01-01

[parameters."ids"]
type = "integer[]"
nullable = true
[columns.total]
type = "decimal(12, 2)"
[columns."Kurs €"]
on_unrepresentable = "error"
*/
SELECT * FROM orders
WHERE placed_on >= :since AND id = ANY(:ids);
"""
