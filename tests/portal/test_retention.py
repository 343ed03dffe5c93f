"""What libraries leave behind goes too: the admin's own log, expired counts of sign-ins, incidents long over."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from access.models import User
from notices.models import Incident
from portal.tasks import remove_leftovers
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def cached_keys() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM portal_cache")
        return int(cursor.fetchone()[0])


def test_the_admins_own_log_and_incidents_go_with_the_notifications(settings: Any) -> None:
    user, now = make_user(), timezone.now()
    kind = ContentType.objects.get_for_model(User)
    for days in (89, 91):
        log = LogEntry.objects.create(user=user, content_type=kind, object_id="1", object_repr="Ana", action_flag=2)
        LogEntry.objects.filter(pk=log.pk).update(action_time=now - timedelta(days=days))
        at = now - timedelta(days=days)
        Incident.objects.create(kind=f"late_{days}", suspected_at=at, seen_at=at, told_at=at, over_at=at)
    still_on = now - timedelta(days=200)
    Incident.objects.create(kind="late", suspected_at=still_on, seen_at=now, told_at=still_on)
    assert remove_leftovers() == 2
    assert LogEntry.objects.count() == 1
    assert set(Incident.objects.values_list("kind", flat=True)) == {"late_89", "late"}
    settings.PORTAL_KEEP_DELIVERIES_DAYS = 80
    assert remove_leftovers() == 2


def test_expired_counts_of_sign_ins_go_and_the_others_stay() -> None:
    cache.clear()
    cache.set("login:203.0.113.9", 3, timeout=600)
    cache.set("login:203.0.113.8", 3, timeout=600)
    with connection.cursor() as cursor:
        past = connection.ops.adapt_datetimefield_value(timezone.now() - timedelta(minutes=5))
        cursor.execute("UPDATE portal_cache SET expires = %s WHERE cache_key LIKE %s", [past, "%.9"])
    assert cached_keys() == 2
    assert remove_leftovers() == 1
    assert cache.get("login:203.0.113.8") == 3
    assert cached_keys() == 1
