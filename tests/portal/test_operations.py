"""The overview of operations: what it says, who may see it, and what it costs."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dispatch.models import Delivery, DispatcherBeat, Lane
from notices.models import Incident
from portal.jobs import sync_jobs
from portal.models import JobRun
from portal.operations.figures import load_figures
from tests.access.test_admin_people import staff_with
from tests.factories import make_attempt, make_delivery, make_event, make_webhook
from tests.people import Person
from tests.webhooks.pages import text
from webhooks.actions import stop_webhook

pytestmark = pytest.mark.django_db
OVERVIEW = "admin:operations"


def look(person: Person, **query: str) -> str:
    return re.sub(r"\s+", " ", text(person.client.get(reverse(OVERVIEW), query)))


@pytest.fixture
def trouble(owner: Person, officer: Person) -> Any:
    """One webhook that fails, one that is stopped, something due for two minutes, a job that failed."""
    failing = make_webhook(participant=owner.participant, description="ERP produção")
    now = timezone.now()
    Lane.objects.create(webhook=failing, failures_in_row=4, failing_since=now)
    delivery = make_delivery(webhook=failing, due_at=now - timedelta(minutes=2))
    make_attempt(delivery, number=1, status=401, diagnosis="unauthorized_none", duration_ms=40)
    stop_webhook(make_webhook(description="Mesa"), reason="gone", by=officer.actor)
    sync_jobs()
    JobRun.objects.create(task="notices.tasks.send_notices", ended_at=now, succeeded=False, error="OSError")
    return failing


def test_quiet_portal_says_so(officer: Person) -> None:
    page = look(officer)
    for words in ("No attempt in this time.", "No webhook fails or is stopped.", "Nothing needs you.", "Nothing waits"):
        assert words in page
    assert "no dispatcher has started yet" in page


def test_what_is_scheduled_is_counted_itself(officer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    make_delivery(due_at=now + timedelta(hours=1))
    make_delivery(due_at=now + timedelta(minutes=1), lease_token=uuid4())
    [later] = [each for each in load_figures([], held=0, since=now, now=now) if each.label == "Scheduled for later"]
    assert later.text == "1"
    # More due than are counted, whatever waits besides.
    monkeypatch.setattr("dispatch.backlog.COUNTED_AT_MOST", 2)
    for _each in range(3):
        make_delivery(due_at=now - timedelta(minutes=2))
    [later] = [each for each in load_figures([], held=0, since=now, now=now) if each.label == "Scheduled for later"]
    assert later.text == "1"


def test_trouble_is_named_with_its_reason_and_the_way_to_pause_it(officer: Person, trouble: Any) -> None:
    page = look(officer)
    for words in ("ERP produção", "Vento", "100 %", "Stopped: 410", "Behind", "Over 1 min", "2 min"):
        assert words in page, words
    assert f"/admin/webhooks/webhook/pause/?webhook={trouble.uuid}" in page
    assert "Failed: OSError" in page
    assert "Jobs whose last run failed" in page
    assert "Webhooks stopped by the system" in page


def test_reader_without_other_rights_gets_no_way_to_act(trouble: Any) -> None:
    reader = Person(staff_with("view_operations")[0])
    page = look(reader)
    assert "ERP produção" in page
    for way in ("/pause/", "/resume/", "/run/", "/admin/webhooks/webhook/", "/admin/notices/"):
        assert way not in page, way


def test_overview_opens_to_its_right_only(owner: Person) -> None:
    _user, client = staff_with("view_webhook", "view_delivery")
    for name in (OVERVIEW, "admin:operations_jobs"):
        assert client.get(reverse(name)).status_code == 403
        assert owner.client.get(reverse(name)).status_code in (302, 403)
    assert client.get("/")["Location"] == reverse("admin:index")


def test_staff_begin_at_the_overview(officer: Person) -> None:
    assert officer.client.get("/")["Location"] == reverse(OVERVIEW)
    assert officer.client.post(reverse(OVERVIEW)).status_code == 405


@pytest.mark.parametrize("span", ["1h", "6h", "24h", "7d", "junk", ""])
def test_every_view_is_drawn(officer: Person, trouble: Any, span: str) -> None:
    page = look(officer, span=span)
    assert 'class="chart-retried"' in page
    assert 'aria-current="true"' in page


def test_senders_are_counted_and_silence_is_told(officer: Person) -> None:
    now = timezone.now()
    DispatcherBeat.objects.create(name="a", started_at=now, beat_at=now)
    assert "1 process sends" in look(officer)
    DispatcherBeat.objects.update(beat_at=now - timedelta(hours=1))
    assert "Nobody sends: the last sign of life was" in look(officer)


def test_open_incident_waits_for_us(officer: Person) -> None:
    now = timezone.now()
    Incident.objects.create(kind="deliveries_late", suspected_at=now, seen_at=now, told_at=now)
    assert "Incidents under way" in look(officer)


def test_cost_does_not_grow_with_what_there_is(officer: Person, trouble: Any) -> None:
    officer.client.get(reverse(OVERVIEW))
    with CaptureQueriesContext(connection) as few:
        look(officer)
    webhooks = [make_webhook() for _ in range(8)]
    for place, webhook in enumerate(webhooks):
        Lane.objects.create(webhook=webhook, failures_in_row=place + 1, failing_since=timezone.now())
        make_attempt(make_delivery(webhook=webhook, event=make_event()), number=1, status=500)
    with CaptureQueriesContext(connection) as many:
        look(officer)
    assert len(many) <= len(few) + 2
    assert len(many) <= 32


def test_no_question_counts_a_big_table_without_a_bound(officer: Person, trouble: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        look(officer)
    tables = (Delivery._meta.db_table, "dispatch_attempt")
    counting = [each["sql"] for each in captured if "COUNT(" in each["sql"]]
    loose = [
        sql
        for sql in counting
        if any(f'FROM "{table}"' in sql for table in tables) and "LIMIT" not in sql and "60000" not in sql
    ]
    assert loose == []
    assert counting


def test_every_link_of_the_overview_leads_somewhere(officer: Person, trouble: Any) -> None:
    for link in set(re.findall(r'href="(/admin/[^"]+)"', look(officer))):
        assert officer.client.get(link.replace("&amp;", "&")).status_code in (200, 302), link


def test_menu_holds_every_model_that_may_be_opened_once(officer: Person) -> None:
    from django.contrib import admin
    from django.test import RequestFactory

    request = RequestFactory().get("/admin/")
    request.user = officer.user
    urls = [model["admin_url"] for group in admin.site.get_app_list(request) for model in group["models"]]
    wanted = {reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist") for m in admin.site._registry}
    assert len(urls) == len(set(urls))
    assert wanted <= set(urls)
    assert reverse(OVERVIEW) in urls
    _user, client = staff_with("view_delivery")
    page = text(client.get(reverse("admin:index")))
    assert "/admin/dispatch/delivery/" in page
    assert "/admin/operations/" not in page
    assert "/admin/webhooks/webhook/" not in page
