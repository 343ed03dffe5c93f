"""Write many rows, each with its own values, in one statement.

Django's bulk_update builds a CASE per row and column and costs half a millisecond a row. On PostgreSQL the rows travel
as one JSON text, which the database takes apart by itself: a tenth of what arrays of parameters cost in Python. SQLite
prepares one statement and runs it for every row.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson
from django.db import connection, models

if TYPE_CHECKING:
    AnyField = models.Field[Any, Any]

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """New values for rows of one table: each row's are set where the table's `key` field equals the row's own.

    All rows have the same field names; a field that is a reference takes the number it refers to.
    """

    model: type[models.Model]
    rows: Rows
    key: str = "id"


def update_rows(model: type[models.Model], rows: Rows, *, key: str = "id") -> None:
    """Write one table's rows. Belongs in a transaction that has locked what it changes."""
    update_tables([Change(model, rows, key)])


def update_tables(changes: Sequence[Change]) -> None:
    """Write the rows of several tables, no row twice: on PostgreSQL in one statement, whatever their number.

    Belongs in a transaction that has locked what it changes: the order in which the tables are written is not given.
    """
    changes = [change for change in changes if change.rows]
    if not changes:
        return
    if connection.vendor != "postgresql":
        for change in changes:
            _update_by_many(change)
        return
    parts = [_update_sql(change.model, tuple(change.rows[0]), change.key) for change in changes]
    *before, last = parts
    named = ", ".join(f"change_{number} AS ({part})" for number, part in enumerate(before))
    with connection.cursor() as cursor:
        cursor.execute((f"WITH {named} " if named else "") + last, [as_json(change.rows) for change in changes])


def as_json(rows: Rows) -> str:
    """Return rows as the JSON text that `recordset` reads. Bytes become base64, moments and UUIDs their usual text."""
    # Not by the standard library: that would be a ninth of all our processor time.
    return orjson.dumps(rows, default=_plain).decode()


def _plain(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} can't be written in bulk")


def recordset(columns: dict[str, str], alias: str) -> str:
    """Return the SQL of one parameter, the JSON text of rows, as a table with these columns and types."""
    typed = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in columns.items())
    return f"json_to_recordset(%s::json) AS {alias}({typed})"


@lru_cache(maxsize=64)
def _update_sql(model: type[models.Model], names: tuple[str, ...], key: str) -> str:
    fields = {name: cast("AnyField", model._meta.get_field(name)) for name in names}
    # The rows' own names, so that a row need not be written anew with the names of columns.
    types = {f'"{name}"': _type(field) for name, field in fields.items()}
    changes = ", ".join(f"{_column(field)} = {_value(name, types)}" for name, field in fields.items() if name != key)
    table = connection.ops.quote_name(model._meta.db_table)
    # Names only, taken from the model: every value is a parameter.
    return f'UPDATE {table} AS t SET {changes} FROM {recordset(types, "v")} WHERE t.{_column(fields[key])} = v."{key}"'  # noqa: S608


def _value(name: str, types: dict[str, str]) -> str:
    value = f'v."{name}"'
    return f"decode({value}, 'base64')" if types[f'"{name}"'] == "bytea" else value


def _update_by_many(change: Change) -> None:
    rows, key = change.rows, change.key
    fields = {name: cast("AnyField", change.model._meta.get_field(name)) for name in rows[0]}
    written = [name for name in fields if name != key]
    changes = ", ".join(f"{_column(fields[name])} = %s" for name in written)
    table = connection.ops.quote_name(change.model._meta.db_table)
    sql = f"UPDATE {table} SET {changes} WHERE {_column(fields[key])} = %s"  # noqa: S608 (as above)
    params = [[fields[name].get_db_prep_save(row[name], connection) for name in [*written, key]] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(sql, params)


def _column(field: "AnyField") -> str:
    return connection.ops.quote_name(cast(str, field.column))


def _type(field: "AnyField") -> str:
    # The own type of an automatic field says how numbers are made; a reference to it has the plain integer's type.
    found = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    # Without the length: cast to varchar(20) a text that is too long would be cut and not refused.
    return (found or "text").replace("varchar", "text").partition("(")[0]
