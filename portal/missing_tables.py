"""A command run against a database without tables ends in a sentence: most often PORTAL_HOME was another one."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connections
from django.db.migrations.recorder import MigrationRecorder

# Refused, as commands of ours say it: 1 and 3 tell scripts that something failed, or may go well another time.
EXIT_REFUSED = 2


@contextmanager
def told() -> Iterator[None]:
    """End the process in place of a traceback, whichever command it was; `--traceback` asks for that all the same."""
    try:
        yield
    except DatabaseError:
        if "--traceback" in sys.argv or not _has_no_tables():
            raise
        sys.stderr.write(f"{CommandError.__name__}: {_words()}\n")
        sys.exit(EXIT_REFUSED)


def _has_no_tables() -> bool:
    """Whether nothing was ever migrated here. A database that can't be asked has another trouble than this."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        connection.close()  # it may be left in a transaction that failed
        return not MigrationRecorder(connection).has_table()
    except Error:
        return False


def _words() -> str:
    return (
        f"the database {name_database(connections[DEFAULT_DB_ALIAS].settings_dict)} has no tables yet: set PORTAL_HOME "
        "or DATABASE_URL as for the portal that you mean, or make the tables with `manage.py prepare`"
    )


def name_database(given: Mapping[str, Any]) -> str:
    """Return the path of a file, or where a server's database is; of its address neither user nor password."""
    if given["ENGINE"].endswith("sqlite3"):
        return str(given["NAME"])
    server = ":".join(str(part) for part in (given["HOST"], given["PORT"]) if part)
    return "/".join(part for part in (server, given["NAME"]) if part)
