"""What the database can't know: that every stored kind still has its module."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError

from connections.kinds.registry import KINDS
from connections.models import Connection


@checks.register(checks.Tags.database)
def check_registered_kinds(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Runs with `check --database default` and with every migrate; quiet before the table exists."""
    if not databases:
        return []
    try:
        kinds = set(Connection.objects.order_by().values_list("kind", flat=True).distinct())
    except DatabaseError:
        return []
    hint = "Install the release that has it. Until then no token is got with these."
    return [
        checks.Error(
            f"Connections are stored with the kind {kind!r}, which this release does not have.",
            hint,
            id="connections.E001",
        )
        for kind in sorted(kinds - KINDS.keys())
    ]
