"""The database's own refusal to change the audit trail, whoever asks: UPDATE, DELETE and TRUNCATE fail.

A later migration that rebuilds one of these tables on SQLite loses its triggers there, and must create them again; a
test looks for them after all migrations. Only the test suite's flush drops them.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

# Each table with the columns by which a second row could push a first one out (see _sqlite).
TABLES = {"access_auditentry": ("id", "uuid"), "access_auditlink": ("id", "entry_id", "position")}
REFUSAL = "the audit trail can not be changed"
_FUNCTION = "access_refuse_audit_change"


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for statement in _postgresql() if connection.vendor == "postgresql" else _sqlite():
            cursor.execute(statement)


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    on_table = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in trigger_names(connection.vendor, table):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if on_table else ""))


def trigger_names(vendor: str, table: str) -> list[str]:
    kinds = ("update_delete", "truncate") if vendor == "postgresql" else ("update", "delete", "replace")
    return [f"{table}_{kind}_refused" for kind in kinds]


def _postgresql() -> list[str]:
    body = f"BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END"
    statements = [f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"]
    for table in TABLES:
        rows, whole = trigger_names("postgresql", table)
        call = f"EXECUTE FUNCTION {_FUNCTION}()"
        statements.append(f"CREATE TRIGGER {rows} BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {call}")
        statements.append(f"CREATE TRIGGER {whole} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}")
        # Fire in replicas and restores that switch ordinary triggers off for the session, too.
        statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {rows}")
        statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {whole}")
    return statements


def _sqlite() -> list[str]:
    statements = []
    for table, keys in TABLES.items():
        update, delete, replace = trigger_names("sqlite", table)
        refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        # INSERT OR REPLACE removes the row in its way without firing a delete trigger: it is caught as an insert.
        taken = " OR ".join(f"{key} = NEW.{key}" for key in keys)
        in_the_way = f"EXISTS (SELECT 1 FROM {table} WHERE {taken})"  # noqa: S608 (constants of this module)
        statements += [
            f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} {refuse}",
            f"CREATE TRIGGER {delete} BEFORE DELETE ON {table} {refuse}",
            f"CREATE TRIGGER {replace} BEFORE INSERT ON {table} WHEN {in_the_way} {refuse}",
        ]
    return statements
