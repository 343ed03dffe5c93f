"""How connections to the database are set up, whoever opens them."""

from typing import Any

from django.db.backends.signals import connection_created

NO_JIT = b"SET jit = off"


def plan_at_once(*, connection: Any, **named: Any) -> None:
    """Keep PostgreSQL from compiling statements: ours take a millisecond, compiling one of them takes thirty.

    It compiles what it expects to be dear, and of what waits it expects too much (`dispatch/0008`). Behind a pooler the
    setting may meet another session of ours; it suits that one as well.
    """
    if connection.vendor == "postgresql":
        # Past Django's cursor: what a page or a claim asks is counted by tests, and this is neither.
        with connection.connection.cursor() as cursor:
            cursor.execute(NO_JIT)


connection_created.connect(plan_at_once, dispatch_uid="portal.database.plan_at_once")
