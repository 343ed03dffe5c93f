"""The list of deliveries: the newest of a participant's webhooks, whatever everybody else's are."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dispatch.models import Cause, Delivery, State
from dispatch.pages.newest import find_newest
from tests.factories import make_delivery, make_product, make_webhook, make_webhooks
from tests.plans import count_rows_read
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
LIST = reverse("dispatch:delivery-list")
WAITS = {"state": State.WAITING}
HELD = {"state": State.HELD, "reason": "webhook_stopped"}
DELIVERED = {"state": State.DELIVERED}
FAILED = {"state": State.FAILED, "reason": "exhausted"}
CANCELLED = {"state": State.CANCELLED, "reason": "withdrawn"}


def make_many(webhooks: list[Webhook], states: list[dict[str, Any]]) -> None:
    """One delivery to each of these webhooks, in their order, each in its own state."""
    event, now, number = make_delivery().event, timezone.now(), Delivery.objects.count()
    rows = []
    for at, (webhook, state) in enumerate(zip(webhooks, states, strict=True)):
        waits, ended = state == WAITS, state not in (WAITS, HELD)
        times = {"due_at": now if waits else None, "finished_at": now if ended else None, "created_at": now}
        subject = f"product:{number + at}"
        rows.append(Delivery(webhook=webhook, event=event, subject=subject, cause=Cause.REENVIAR, **state, **times))
    Delivery.objects.bulk_create(rows)


def make_own(owner: Any, count: int) -> list[Webhook]:
    urls = [f"http://127.0.0.1:8000/{number}" for number in range(count)]
    return make_webhooks(urls, product=make_product(), participant=owner.participant)


@pytest.mark.parametrize("wanted", [1, 2, 5, 50])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_finds_what_sorting_all_of_them_would(owner, loopback, wanted, seed):
    """Fewer webhooks than rows wanted and more, busy ones and quiet ones, every state and every page."""
    chance = random.Random(seed)
    own = make_own(owner, 9)
    everybody = [*own, make_webhook()]
    often = [1, 1, 40, 1, 3, 1, 0, 7, 2, 30]
    order = chance.choices(everybody, weights=often, k=150)
    make_many(order, chance.choices([WAITS, HELD, DELIVERED, FAILED, CANCELLED], weights=[2, 1, 9, 2, 1], k=150))
    webhooks = Webhook.objects.filter(participant=owner.participant)
    for state in ("", *State.values):
        left = Delivery.objects.filter(state=state) if state else Delivery.objects.all()
        sorting = [*left.filter(webhook__in=webhooks).order_by("-pk").values_list("pk", flat=True)]
        seen: list[int] = []
        while found := find_newest(left, webhooks, wanted):
            assert len(found) <= wanted
            seen += found
            left = left.filter(pk__lt=found[-1])
        assert seen == sorting


def test_a_page_asks_as_often_for_many_rows_as_for_one(owner, loopback):
    own = make_own(owner, 3)
    make_many(own[:1], [FAILED])
    assert owner.client, "signed in before the counting begins"
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            page = owner.client.get(LIST, {"state": "failed"}).context["page"]
        counts.append(len(asked))
        make_many(own * 20, [FAILED] * 60)
    assert len(page.rows) == 50
    assert page.older
    assert counts[0] == counts[1] <= 14


# --- what PostgreSQL reads for it


def copy(webhook: Webhook, state: dict[str, Any], times: int) -> None:
    """So many deliveries to a webhook at once, newer than all that there are."""
    make_many([webhook], [state])
    last, table = Delivery.objects.latest("pk"), Delivery._meta.db_table
    same = [field.column for field in Delivery._meta.concrete_fields if field.name not in ("id", "uuid", "subject")]
    columns = ", ".join(same)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (uuid, subject, {columns}) SELECT gen_random_uuid(), subject || n, {columns}"
            f" FROM {table}, generate_series(1, %s) AS n WHERE id = %s",
            [times, last.pk],
        )


@pytest.fixture(params=[2, 20])
def quiet(owner, loopback, request) -> SimpleNamespace:
    """A participant of few or many webhooks with old deliveries, two of them failed, behind everybody else's."""
    own, others = make_own(owner, request.param), make_webhook()
    make_many(own * (60 // len(own)), [FAILED, FAILED, *[DELIVERED] * 58])
    # One of its own is a busy one.
    copy(own[-1], DELIVERED, 2000)
    copy(others, DELIVERED, 25_000)
    copy(others, FAILED, 2500)
    copy(others, CANCELLED, 2500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_delivery")
    return SimpleNamespace(owner=owner, busy=own[-1].uuid)


@pytest.mark.postgres
def test_the_list_reads_few_deliveries_whatever_everybody_else_has(quiet):
    read = {}
    for asked in ("", *(f"state={state}" for state in State.values), f"webhook={quiet.busy}", "q=oil"):
        page = f"{LIST}?{asked}"
        assert quiet.owner.client.get(page).status_code == 200
        with CaptureQueriesContext(connection) as queries:
            quiet.owner.client.get(page)
        asked_of_them = [query["sql"] for query in queries if "dispatch_delivery" in query["sql"]]
        read[asked] = sum(sum(count_rows_read("dispatch_delivery", sql)) for sql in asked_of_them)
    assert max(read.values()) < 500, read
