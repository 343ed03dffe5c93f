"""The database's own refusal to change the audit trail, whoever asks: UPDATE, DELETE and TRUNCATE fail.

One UPDATE passes: an entry for which a redaction stands may be emptied of what tells of a person, and of nothing else.
Whether a redaction is ours, its code says (access/redaction.py).

A later migration that rebuilds one of these tables on SQLite loses its triggers there, and must create them again; a
test looks for them after all migrations. Only the test suite's flush drops them.
"""

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper

# Each table with the columns by which a second row could push a first one out (see _sqlite).
FIRST_TABLES = {"access_auditentry": ("id", "uuid"), "access_auditlink": ("id", "entry_id", "position")}
TABLES = FIRST_TABLES | {"access_auditredaction": ("id", "entry_id")}
REFUSAL = "the audit trail can not be changed"
ENTRIES = "access_auditentry"
# What an emptied entry has in these columns; every other one has to stay as it is.
EMPTIED = {"actor_label": "''", "object_label": "''", "address": "''", "before": "'{}'", "after": "'{}'"}
KEPT = (
    "id",
    "uuid",
    "recorded_at",
    "actor_source",
    "actor_user_id",
    "participant_id",
    "action",
    "object_type",
    "object_id",
    "request_id",
)
_FUNCTION = "access_refuse_audit_change"

Tables = Mapping[str, tuple[str, ...]]


def create_triggers(connection: BaseDatabaseWrapper, tables: Tables = TABLES) -> None:
    """Create those of `tables`. While only the first two are there, no entry can be emptied."""
    with connection.cursor() as cursor:
        for statement in _postgresql(tables) if connection.vendor == "postgresql" else _sqlite(tables):
            cursor.execute(statement)


def drop_triggers(connection: BaseDatabaseWrapper, tables: Tables = TABLES) -> None:
    on_table = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for table in tables:
            for name in trigger_names(connection.vendor, table):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if on_table else ""))


def trigger_names(vendor: str, table: str) -> list[str]:
    kinds = ("update_delete", "truncate") if vendor == "postgresql" else ("update", "delete", "replace")
    return [f"{table}_{kind}_refused" for kind in kinds]


def _emptying(same: str) -> str:
    """The condition under which an UPDATE of an entry passes; `same`: how this database compares, NULL included."""
    kept = [f"NEW.{column} {same} OLD.{column}" for column in KEPT]
    emptied = [f"(NEW.{name} = {empty} OR NEW.{name} {same} OLD.{name})" for name, empty in EMPTIED.items()]
    stands = "EXISTS (SELECT 1 FROM access_auditredaction r WHERE r.entry_id = OLD.id)"
    return " AND ".join([stands, *kept, *emptied])


def _postgresql(tables: Tables) -> list[str]:
    body = f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation';"
    if tables is not FIRST_TABLES:
        # Parted in two: the row of a DELETE or a TRUNCATE has no NEW to compare.
        passes = f"IF {_emptying('IS NOT DISTINCT FROM')} THEN RETURN NEW; END IF;"
        entries = f"IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = '{ENTRIES}' THEN {passes} END IF;"
        body = f"{entries} {body}"
    body = f"BEGIN {body} END"
    statements = [f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"]
    for table in tables:
        rows, whole = trigger_names("postgresql", table)
        call = f"EXECUTE FUNCTION {_FUNCTION}()"
        statements.append(f"CREATE TRIGGER {rows} BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {call}")
        statements.append(f"CREATE TRIGGER {whole} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}")
        # Fire in replicas and restores that switch ordinary triggers off for the session, too.
        statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {rows}")
        statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {whole}")
    return statements


def _sqlite(tables: Tables) -> list[str]:
    statements = []
    for table, keys in tables.items():
        update, delete, replace = trigger_names("sqlite", table)
        refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        # INSERT OR REPLACE removes the row in its way without firing a delete trigger: it is caught as an insert.
        taken = " OR ".join(f"{key} = NEW.{key}" for key in keys)
        in_the_way = f"EXISTS (SELECT 1 FROM {table} WHERE {taken})"  # noqa: S608 (constants of this module)
        may_empty = table == ENTRIES and tables is not FIRST_TABLES
        unless = f"WHEN NOT ({_emptying('IS')})" if may_empty else ""
        statements += [
            f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} {unless} {refuse}",
            f"CREATE TRIGGER {delete} BEFORE DELETE ON {table} {refuse}",
            f"CREATE TRIGGER {replace} BEFORE INSERT ON {table} WHEN {in_the_way} {refuse}",
        ]
    return statements
