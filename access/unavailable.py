"""Is it us, or is there nowhere to write: a full disk, a database that is read-only, restarting or gone."""

import errno

from django.db import InterfaceError, InternalError, OperationalError

# Full, over its quota, mounted read-only, broken.
_ERRORS_OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
# PostgreSQL's read_only_sql_transaction: a standby, or default_transaction_read_only. psycopg calls it internal.
_READ_ONLY = "25006"
# SQLite has one class of errors for these and for mistakes of ours, such as a column that is not there.
_SQLITE_WORDS = ("readonly", "read-only", "is full", "disk i/o", "unable to open", "is locked")


def is_unavailable(error: BaseException) -> bool:
    """Whether `error` says that nothing can be read or stored now, and that the same may go well in a while."""
    if isinstance(error, OSError):
        return error.errno in _ERRORS_OF_DISKS
    cause = error.__cause__
    if isinstance(error, InternalError):
        return getattr(cause, "sqlstate", None) == _READ_ONLY
    if type(cause).__module__ == "sqlite3":
        return isinstance(error, OperationalError) and any(words in str(error).lower() for words in _SQLITE_WORDS)
    return isinstance(error, OperationalError | InterfaceError)
