"""Webhooks in the admin: found by address, CNPJ and id; read-only; no secret, no value of a query."""

from typing import Any

import pytest
from django.urls import reverse

from dispatch.models import Lane
from tests.factories import make_attempt, make_delivery, make_upload, make_webhook
from tests.people import Person
from tests.webhooks.pages import text
from tests.webhooks.test_credentials import OAUTH2
from webhooks.models import Webhook, WebhookTest
from webhooks.values import HeaderValues, KeyPairValues

LIST = "admin:webhooks_webhook_changelist"
CANARY = "CANARY-77ee88ff"


@pytest.fixture
def webhook(owner: Person) -> Webhook:
    return make_webhook(
        participant=owner.participant,
        description="Mesa de operação",
        request_uri="https://mesa.example.com/in?token=QUERYSECRET",
        auth_method="basic",
        auth_settings={"username": "usuario"},
        auth_secrets={"password": CANARY},
        headers=(HeaderValues("X-Key", CANARY), HeaderValues("X-Open", "aberto", secret=False)),
    )


def search(officer: Person, **parameters: Any) -> str:
    return text(officer.client.get(reverse(LIST), parameters))


@pytest.mark.parametrize("words", ["mesa.example.com/in", "Mesa de op", "Vento"])
def test_search_by_address_description_and_participant(officer: Person, webhook: Webhook, words: str) -> None:
    assert "Mesa de operação" in search(officer, q=words)


def test_search_by_cnpj_and_identifier(officer: Person, webhook: Webhook) -> None:
    for words in (webhook.participant.cnpj, str(webhook.uuid)):
        assert "Mesa de operação" in search(officer, q=words)


def test_no_search_confirms_a_masked_value(officer: Person, webhook: Webhook) -> None:
    found = search(officer, q="QUERYSECRET")
    assert "Mesa de operação" not in found


@pytest.mark.parametrize(
    "lookup", ["request_uri__contains", "request_uri", "auth_settings__username", "signing_secret"]
)
def test_no_address_of_the_list_confirms_a_value_either(officer: Person, webhook: Webhook, lookup: str) -> None:
    answer = officer.client.get(reverse(LIST), {lookup: "QUERYSECRET"})
    assert (answer.status_code, "Mesa de operação" in text(answer)) == (400, False)


def test_links_that_narrow_the_list_still_work(officer: Person, webhook: Webhook) -> None:
    year = webhook.created_at.year
    for query in (
        {"participant": webhook.participant_id},
        {"notify_suspect_score__exact": 0},
        {"created_at__year": year},
    ):
        assert "Mesa de operação" in search(officer, **query)


@pytest.mark.parametrize(("state", "found"), [("active", True), ("stopped", False), ("archived", False)])
def test_filter_by_state(officer: Person, webhook: Webhook, state: str, found: bool) -> None:
    assert ("Mesa de operação" in search(officer, state=state)) is found


def test_x_3_the_detail_shows_settings_and_versions_without_secrets(officer: Person, webhook: Webhook) -> None:
    page = text(officer.client.get(reverse("admin:webhooks_webhook_change", args=[webhook.pk])))
    for shown in ("usuario", "X-Key", "aberto", "https://mesa.example.com/in?token="):
        assert shown in page
    for hidden in ("CANARY", "QUERYSECRET", "whsec_"):
        assert hidden not in page


def test_nothing_can_be_added_changed_or_deleted(officer: Person, webhook: Webhook) -> None:
    before = Webhook.objects.values().get()
    change = reverse("admin:webhooks_webhook_change", args=[webhook.pk])
    assert officer.client.post(change, {"description": "Tomado"}).status_code == 403
    assert officer.client.get(reverse("admin:webhooks_webhook_add")).status_code == 403
    assert officer.client.post(reverse("admin:webhooks_webhook_delete", args=[webhook.pk])).status_code == 403
    assert Webhook.objects.values().get() == before


def test_tests_are_listed_and_read_only(officer: Person, owner: Person) -> None:
    from django.utils import timezone

    trial = WebhookTest.objects.create(
        participant=owner.participant, by="Marina", at=timezone.now(), finished_at=timezone.now(), diagnosis="gone"
    )
    assert "Gone: 410" in text(officer.client.get(reverse("admin:webhooks_webhooktest_changelist")))
    page = officer.client.get(reverse("admin:webhooks_webhooktest_change", args=[trial.pk]))
    assert page.status_code == 200


def test_x_3_operations_see_where_a_token_comes_from_and_no_secret(officer: Person) -> None:
    shown = {"client_key_pair": KeyPairValues(own=True, upload=make_upload())}
    webhook = make_webhook(**OAUTH2 | shown)
    page = text(officer.client.get(reverse("admin:webhooks_webhook_change", args=[webhook.pk])))
    assert "as.example.com" in page
    assert webhook.client_key_pair.fingerprint in page
    assert OAUTH2["auth_secrets"]["client_secret"] not in page
    assert "PRIVATE KEY" not in page


def page_of(officer: Person, webhook: Webhook) -> str:
    return text(officer.client.get(reverse("admin:webhooks_webhook_change", args=[webhook.pk])))


def test_settings_stand_under_the_words_of_the_form(officer: Person, webhook: Webhook) -> None:
    page = page_of(officer, webhook)
    assert "<dt>User</dt><dd>usuario</dd>" in page
    assert "5 min" in page
    assert "300 s" not in page


def test_connection_is_named_with_the_way_there_and_no_field_of_the_code(officer: Person) -> None:
    webhook = make_webhook(**OAUTH2)
    page = page_of(officer, webhook).partition('id="versions-heading"')[0]
    way = reverse("admin:connections_connection_change", args=[webhook.connection_id])
    assert f'<a href="{way}">{webhook.connection.name}</a>' in page
    for raw in ("token_url:", "shared: ", "private_ca", "&#x27;", "auth_type"):
        assert raw not in page, raw


def test_empty_headers_and_products_are_a_dash_and_no_box(officer: Person) -> None:
    page = page_of(officer, make_webhook())
    assert "<pre>–</pre>" not in page
    assert "<ul></ul>" not in page


def test_page_says_of_a_failing_webhook_what_the_list_says(officer: Person, webhook: Webhook) -> None:
    from django.utils import timezone

    Lane.objects.create(webhook=webhook, failures_in_row=3, failing_since=timezone.now())
    make_attempt(make_delivery(webhook=webhook), number=1, status=401, diagnosis="unauthorized_basic")
    for page in (search(officer), page_of(officer, webhook)):
        assert "Failing: 401" in page
        assert "today" in page


def test_empty_list_of_tests_says_what_one_is(officer: Person) -> None:
    assert "A webhook test is one press of" in text(
        officer.client.get(reverse("admin:webhooks_webhooktest_changelist"))
    )
