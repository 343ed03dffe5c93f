"""Events, deliveries and attempts in the admin: found by what an operator has at hand, and never changed."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dispatch.actions import announce
from dispatch.models import Attempt, Delivery, DispatcherBeat, Event, Lane, ProductStatus
from tests.factories import make_delivery, make_publication, make_user, make_webhook

pytestmark = pytest.mark.django_db
MODELS = [Delivery, Attempt, Event, ProductStatus, Lane, DispatcherBeat]


@pytest.fixture
def webhook(owner, product):
    return make_webhook(
        participant=owner.participant,
        description="Mesa",
        request_uri="https://8.8.8.8/hook?key=CANARY-in-the-query",
        products=[product],
    )


@pytest.fixture
def delivery(webhook, product, officer):
    announce(make_publication(product), by=officer.actor)
    delivery = Delivery.objects.get()
    now = timezone.now()
    Attempt.objects.create(
        delivery=delivery, webhook=webhook, number=1, lease_token=delivery.uuid, slot_at=now, finished_at=now,
        outcome="answered", status=500, diagnosis="server_error", url="https://8.8.8.8/hook?key=••••••••",
        request_headers=[["Authorization", "••••••••"]], response_body="<script>alert(1)</script>",
    )  # fmt: skip
    Delivery.objects.update(body=b'{"Nome":"<b>"}')
    DispatcherBeat.objects.create(name="d", started_at=now, beat_at=now)
    return delivery


def path_of(model, *parts):
    return "/".join(["/admin/dispatch", model._meta.model_name, *map(str, parts), ""])


def found(person, model, query):
    return list(person.client.get(path_of(model) + query).context["cl"].result_list)


@pytest.mark.parametrize("model", MODELS)
def test_it_can_be_looked_at_and_nothing_else(officer, delivery, model):
    row = model.objects.first()
    assert officer.client.get(path_of(model)).status_code == 200
    page = officer.client.get(path_of(model, row.pk, "change"))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    before = list(model.objects.values())
    assert officer.client.post(path_of(model, row.pk, "change"), {"state": "failed"}).status_code == 403
    assert officer.client.get(path_of(model, "add")).status_code == 403
    assert officer.client.post(path_of(model, "add"), {}).status_code == 403
    assert officer.client.post(path_of(model, row.pk, "delete"), {"post": "yes"}).status_code == 403
    officer.client.post(path_of(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert list(model.objects.values()) == before


@pytest.mark.parametrize("model", MODELS)
def test_staff_without_the_permission_are_refused(delivery, model):
    client = Client()
    client.force_login(make_user(is_staff=True))
    row = model.objects.first()
    assert client.get(path_of(model)).status_code == 403
    assert client.get(path_of(model, row.pk, "change")).status_code == 403


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_participants_do_not_get_in(who, request, delivery):
    """X-4."""
    answer = request.getfixturevalue(who).client.get(path_of(Delivery))
    assert answer.status_code in (302, 403)


def test_an_answer_that_is_a_script_is_only_text(officer, delivery):
    html = officer.client.get(path_of(Attempt, Attempt.objects.get().pk, "change")).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    html = officer.client.get(path_of(Delivery, delivery.pk, "change")).content.decode()
    assert "{&quot;Nome&quot;:&quot;&lt;b&gt;&quot;}" in html
    assert "CANARY" not in html


@pytest.mark.parametrize("model", [Delivery, Attempt, ProductStatus, Lane])
def test_it_is_found_by_what_an_operator_has_at_hand(officer, owner, outsider, delivery, model):
    make_delivery(webhook=make_webhook(participant=outsider.participant, request_uri="https://9.9.9.9/other"))
    everything = model.objects.count()
    mine = [model.objects.order_by("pk").first()]
    cnpj = owner.participant
    for words in ("8.8.8.8/hook", "mesa", "Vento", cnpj.cnpj, cnpj.formatted_cnpj):
        assert found(officer, model, f"?q={words}") == mine, words
    assert found(officer, model, "?q=nothing+like+it") == []
    assert found(officer, model, f"?webhook={delivery.webhook_id}") == mine or model is Lane
    assert everything >= 1


def test_a_delivery_is_found_by_its_webhook_id(officer, delivery):
    make_delivery(webhook=delivery.webhook)
    for words in (delivery.message_id, str(delivery.uuid), delivery.uuid.hex):
        assert found(officer, Delivery, f"?q={words}") == [delivery]
    assert found(officer, Attempt, f"?q={delivery.message_id}") == [Attempt.objects.get()]
    event, publication = delivery.event, delivery.event.publication
    for words in (event.uuid, publication.uuid, publication.product.code.lower()):
        assert found(officer, Event, f"?q={words}") == [event]


def test_a_search_confirms_no_guess_about_a_query_value(officer, delivery):
    assert found(officer, Delivery, "?q=CANARY-in-the-query") == []
    assert found(officer, Delivery, "?q=/hook?key=") == [delivery]


@pytest.mark.parametrize(
    ("model", "query", "expected"),
    [
        (Delivery, "?state=waiting", 1),
        (Delivery, "?state=failed", 0),
        (Delivery, "?due=overdue", 0),
        (Delivery, "?due=sent", 0),
        (Delivery, "?age=hour", 1),
        (Delivery, "?age=older", 0),
        (Delivery, "?age=0001-01-01", 1),
        (Delivery, "?age=9999-12-31", 1),
        (Delivery, "?age=2999-12-31", 0),
        (Delivery, "?webhook=999999", 0),
        (Delivery, "?webhook=x", 0),
        (Delivery, f"?webhook={'9' * 40}", 0),
        (Attempt, "?age=day", 1),
        (Attempt, "?result=refused", 1),
        (Event, "?type=publication.published", 1),
        (Event, "?type=client-transaction", 0),
        (Event, "?age=week", 1),
    ],
)
def test_lists_are_narrowed(officer, delivery, model, query, expected):
    assert len(found(officer, model, query)) == expected


def test_overdue_ones_are_found(officer, delivery):
    Delivery.objects.update(due_at=timezone.now() - timedelta(minutes=2))
    assert found(officer, Delivery, "?due=overdue") == [delivery]


def test_no_list_counts_its_whole_table(officer, delivery, django_assert_max_num_queries, monkeypatch):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    assert officer.client
    for model in (Delivery, Attempt, Event):
        with CaptureQueriesContext(connection) as captured:
            officer.client.get(path_of(model))
        counts = [each["sql"] for each in captured if "COUNT(" in each["sql"] and model._meta.db_table in each["sql"]]
        assert counts
        assert all("LIMIT 5000" in sql for sql in counts)
        assert len(captured) < 15
