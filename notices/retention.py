"""Notices are removed when they are as old as the notifications that are removed; those that wait stay."""

from datetime import datetime, timedelta

from django.conf import settings

from notices.models import Notice, NoticeState

CHUNK = 1_000


def remove_old_notices(now: datetime) -> int:
    """Remove the notices that are too old, chunk by chunk, each a statement of its own; return how many there were."""
    ended = Notice.objects.filter(created_at__lt=now - timedelta(days=settings.PORTAL_KEEP_DELIVERIES_DAYS))
    old, removed = ended.exclude(state=NoticeState.WAITING).order_by("pk"), 0
    while ids := list(old.values_list("pk", flat=True)[:CHUNK]):
        removed += Notice.objects.filter(pk__in=ids).delete()[0]
    return removed
