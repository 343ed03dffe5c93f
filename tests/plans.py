"""What a statement really reads, as PostgreSQL itself counts it.

By rows and not by the names of indexes: which of two indexes that both answer is taken hangs on how much space the
rows of tests before have left behind in them.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection


def count_rows_read(table: str, sql: str, params: Sequence[Any] | None = None) -> list[int]:
    """Run `sql` and return how many rows of `table` each step of its plan reads, those it throws away included."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, params)
        (plan,) = cursor.fetchone()
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return [_rows_read(step) for step in _steps(top) if step.get("Relation Name") == table]


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", []):
        yield from _steps(below)


def _rows_read(step: dict[str, Any]) -> int:
    """A step that runs several times gives its averages. The rows a coarse bitmap names needlessly count as read."""
    thrown_away = step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Index Recheck", 0)
    return int((step["Actual Rows"] + thrown_away) * step["Actual Loops"])
