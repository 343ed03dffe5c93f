"""What libraries write and never remove: the admin's own log, rows of the cache that have expired, incidents long over.

Each has people's names or addresses in it. The trail of who changed what is ours (access.audit), and kept.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.db import connection

from notices.models import Incident


def remove_leftovers(now: datetime) -> dict[str, int]:
    """Remove what is too old; return how many rows of each kind. A statement each."""
    old = now - timedelta(days=settings.PORTAL_KEEP_DELIVERIES_DAYS)
    return {
        "admin_log": LogEntry.objects.filter(action_time__lt=old).delete()[0],
        "incidents": Incident.objects.filter(over_at__lt=old).delete()[0],
        "cache": _remove_expired(now),
    }


def _remove_expired(now: datetime) -> int:
    """Django removes expired rows of its cache in the database when the table is full, and not before: the addresses
    that sign-ins are counted by would stand there for months. Another cache forgets by itself."""
    if not isinstance(caches["default"], DatabaseCache):
        return 0
    table = connection.ops.quote_name(settings.CACHES["default"]["LOCATION"])
    # As Django itself writes them: in whole seconds.
    moment = connection.ops.adapt_datetimefield_value(now.replace(microsecond=0))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [moment])  # noqa: S608 (a name of the settings)
        return max(cursor.rowcount, 0)
