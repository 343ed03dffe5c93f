"""Pages over a million deliveries: a few statements write the past, the pages are asked for as a person does."""

import time
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from bench.inside.crowd import analyze
from dispatch import tallies
from dispatch.models import Attempt, Delivery, State, WebhookDay
from tests.people import Person, make_owner
from webhooks.models import Webhook

HOST = "127.0.0.1"
# Of a hundred deliveries one still waits and three have failed.
PAST = """
    UPDATE dispatch_delivery AS d SET
        state = v.state, reason = v.reason, created_at = v.at, last_attempt_at = v.at, attempts_made = 1,
        counted_attempts = 1, last_status = v.status, body = convert_to(repeat('x', 400), 'UTF8'),
        body_format = 'documented', content_type = 'application/json',
        due_at = CASE WHEN v.state = 'waiting' THEN now() + interval '1 hour' END,
        finished_at = CASE WHEN v.state <> 'waiting' THEN v.at + interval '1 second' END
    FROM (
        SELECT id, now() - (max(id) OVER () - id) * interval '0.5 s' AS at,
            CASE WHEN lot = 0 THEN 'waiting' WHEN lot < 4 THEN 'failed' ELSE 'delivered' END AS state,
            CASE WHEN lot BETWEEN 1 AND 3 THEN 'exhausted' ELSE '' END AS reason,
            CASE WHEN lot < 4 THEN 500 ELSE 200 END AS status
        FROM (SELECT id, abs(hashint8(id)) % 100 AS lot FROM dispatch_delivery) AS lots
    ) AS v WHERE v.id = d.id
"""
ATTEMPT = {
    "delivery_id": "d.id",
    "webhook_id": "d.webhook_id",
    "number": "1",
    "lease_token": "gen_random_uuid()",
    "outcome": "'answered'",
    "succeeded": "d.state = 'delivered'",
    "slot_at": "d.created_at",
    "finished_at": "d.created_at + interval '1 second'",
    "url": "'http://127.0.0.1:8000/hook'",
    "status": "d.last_status",
    "request_headers": """'[["webhook-id", "msg_1"], ["webhook-timestamp", "1"], ["user-agent", "Gancho"]]'""",
    "response_body": "'ok'",
}
STATUSES = """
    UPDATE dispatch_productstatus AS s SET state = d.state FROM dispatch_delivery d WHERE d.id = s.delivery_id
"""


def make_past() -> dict[str, Any]:
    """Turn a backlog into a past: states, attempts, statuses; and give a hundred webhooks to one participant."""
    call_command("collectstatic", interactive=False, verbosity=0)
    owner = make_owner()
    hundred = Webhook.objects.order_by("pk").values("pk")[:100]
    Webhook.objects.filter(pk__in=hundred).update(participant=owner.participant)
    table = Attempt._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(PAST)
        # A row is written whole here: no room has to be left for what the record adds.
        cursor.execute(f"ALTER TABLE {table} SET (fillfactor = 100)")
        cursor.execute(*_attempts(table))
        cursor.execute(STATUSES)
    analyze()
    # As the job has done once a minute.
    while tallies.carry_on() or WebhookDay.objects.count() == 0:
        pass
    return {"deliveries": Delivery.objects.count(), "owner": owner.membership.pk}


def _attempts(table: str) -> tuple[str, list[Any]]:
    """One attempt for each delivery; what is not named above is the model's default."""
    columns, values, params = list(ATTEMPT), list(ATTEMPT.values()), []
    for field in Attempt._meta.concrete_fields:
        if field.column not in ATTEMPT and not field.primary_key and not field.null:
            columns.append(field.column)
            values.append("%s")
            params.append(field.get_db_prep_save(field.get_default(), connection))
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM dispatch_delivery d", params


def time_pages(owner: int, requests: int) -> dict[str, Any]:
    """Ask for each page that often; return its queries and the seconds of each request."""
    from access.models import Membership

    membership = Membership.objects.select_related("user").get(pk=owner)
    person, officer = Person(membership.user, membership), Person.staff()
    mine = Webhook.objects.filter(participant=membership.participant)
    delivery = Delivery.objects.filter(webhook__in=mine, state=State.FAILED).order_by("-pk")[0]
    admin_list = reverse("admin:dispatch_delivery_changelist")
    pages = {
        "home": (person, "/"),
        "webhook list": (person, reverse("webhooks:webhook-list")),
        "webhook details": (person, reverse("dispatch:webhook-detail", args=[delivery.webhook.uuid])),
        "delivery list": (person, reverse("dispatch:delivery-list")),
        "failed deliveries": (person, reverse("dispatch:delivery-list") + "?state=failed"),
        "delivery details": (person, reverse("dispatch:delivery-detail", args=[delivery.uuid])),
        "admin deliveries": (officer, admin_list),
        "admin failed deliveries": (officer, f"{admin_list}?state__exact=failed"),
        "admin delivery": (officer, reverse("admin:dispatch_delivery_change", args=[delivery.pk])),
    }
    return {name: _time(who.client, path, requests) for name, (who, path) in pages.items()}


def _time(client: Client, path: str, requests: int) -> dict[str, Any]:
    _get(client, path)
    queries: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        _get(client, path)
    took, before = [], time.process_time()
    for _ in range(requests):
        begun = time.perf_counter()
        _get(client, path)
        took.append(time.perf_counter() - begun)
    return {"queries": len(queries), "seconds": took, "cpu": (time.process_time() - before) / requests}


def _get(client: Client, path: str) -> None:
    response = client.get(path, headers={"host": HOST})
    assert response.status_code == 200, f"{path} answered {response.status_code} {response.get('Location', '')}"
