"""Creating, changing and archiving by the form (ONS-1, 2, 6, 7, 14; UNICO-8, 9, 12, 18; CERC-14, 16; X-3, X-4)."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dispatch.slots import webhook_detail_url
from outbound.masking import MASK
from tests.factories import make_product, make_webhook, webhook_values
from tests.people import Person
from tests.webhooks.pages import posted, text, url
from webhooks.actions import update_webhook
from webhooks.models import Webhook
from webhooks.values import HeaderValues

CANARY = "CANARY-33cc44dd"
HTMX = {"HX-Request": "true"}


def summary(response: Any) -> dict[str, str]:
    """The lines of the error summary: the control's id and the message."""
    return dict(re.findall(r'<li data-error-for="([^"]*)">.*?<span>([^<]*)</span></li>', text(response)))


def secret_webhook(person: Person, **over: Any) -> Webhook:
    values = {"auth_method": "secret", "auth_secrets": {"secret": CANARY}} | over
    return make_webhook(participant=person.participant, **values)


# --- create -----------------------------------------------------------------------------------------------------


def test_the_form_says_that_requests_are_signed_whatever_the_authentication(owner: Person) -> None:
    once = "The page after the first save shows the signing secret"
    new, edit = (
        text(owner.client.get(page)) for page in (url("webhook-create"), url("webhook-edit", secret_webhook(owner)))
    )
    assert "every request is signed as well" in new
    assert once in new
    assert "every request is signed as well" in edit
    assert once not in edit


def test_ons_06_ons_02_new_saves_description_address_and_products(owner: Person) -> None:
    products = [make_product(), make_product()]
    make_product()
    data = posted(products=[str(product.uuid) for product in products])
    response = owner.client.post(url("webhook-create"), data)
    webhook = Webhook.objects.get()
    assert response.url == url("webhook-secret", webhook)
    assert (webhook.participant, webhook.description) == (owner.participant, "Programação diária")
    assert webhook.request_uri == "https://hook.example.com/in"
    assert {row.product for row in webhook.product_subscriptions.all()} == set(products)


def test_unico_12_every_common_field_is_saved(owner: Person) -> None:
    data = posted(
        active="false",
        notify_suspect_score="true",
        retry_interval_minutes="7",
        max_attempts="3",
        backoff="exponential",
        body_format="camel_case",
        rate_limit_count="20",
        rate_limit_period_seconds="3600",
    )
    owner.client.post(url("webhook-create"), data)
    webhook = Webhook.objects.get()
    assert (webhook.active, webhook.notify_suspect_score) == (False, True)
    assert (webhook.retry_interval_seconds, webhook.max_attempts, webhook.backoff) == (420, 3, "exponential")
    assert (webhook.body_format, webhook.rate_limit_count, webhook.rate_limit_period_seconds) == (
        "camel_case",
        20,
        3600,
    )


@pytest.mark.parametrize(
    "field",
    ["description", "request_uri", "active", "notify_suspect_score", "retry_interval_minutes", "max_attempts"],
)
@pytest.mark.parametrize("missing", ["", None], ids=["empty", "left out"])
def test_unico_12_each_common_field_is_mandatory(owner: Person, field: str, missing: str | None) -> None:
    response = owner.client.post(url("webhook-create"), posted(**{field: missing}))
    assert summary(response) == {f"id_{field}": "This field is required."}
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("over", "target"),
    [
        ({"request_uri": "javascript:alert(1)"}, "id_request_uri"),
        ({"request_uri": "https://127.0.0.1/"}, "id_request_uri"),
        ({"retry_interval_minutes": "0"}, "id_retry_interval_minutes"),
        ({"retry_interval_minutes": "1441"}, "id_retry_interval_minutes"),
        ({"retry_interval_minutes": "five"}, "id_retry_interval_minutes"),
        ({"retry_interval_minutes": "9" * 400}, "id_retry_interval_minutes"),
        ({"max_attempts": "21"}, "id_max_attempts"),
        ({"retry_interval_minutes": "1440", "max_attempts": "20"}, "id_max_attempts"),
        ({"active": "perhaps"}, "id_active"),
        ({"backoff": "hope"}, "id_backoff"),
        ({"body_format": "xml"}, "id_body_format"),
        ({"auth_method": "quantum"}, "id_auth_method"),
        ({"rate_limit_count": "0"}, "id_rate_limit_count"),
        ({"rate_limit_count": "5", "rate_limit_period_seconds": "61"}, "id_rate_limit_period_seconds"),
        ({"private_ca": "nonsense"}, "id_private_ca"),
        ({"auth_method": "secret"}, "id_secret-secret"),
        ({"auth_method": "basic", "basic-username": "a:b", "basic-password": "p"}, "id_basic-username"),
        ({"headers": [("X-A\r\nX-Evil", "1")]}, "id_headers-0-name"),
        ({"headers": [("X-A", "1\r\nX-Evil: 1")]}, "id_headers-0-value"),
        ({"headers": [("", "1")]}, "id_headers-0-name"),
        ({"headers": [("Host", "1")]}, "id_headers-0-name"),
        ({"headers": [("X-A", "1"), ("x-a", "2")]}, "id_headers-1-name"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_saves_nothing(owner: Person, over: dict[str, Any], target: str) -> None:
    response = owner.client.post(url("webhook-create"), posted(**over))
    assert response.status_code == 200
    assert list(summary(response)) == [target]
    assert f'id="{target}_error"' in text(response)
    assert not Webhook.objects.exists()


def test_errors_name_every_field_at_once_in_the_order_of_the_page(owner: Person) -> None:
    data = posted(description="", request_uri="ftp://x", max_attempts="99", headers=[("Host", "1")])
    targets = list(summary(owner.client.post(url("webhook-create"), data)))
    assert targets == ["id_description", "id_request_uri", "id_max_attempts", "id_headers-0-name"]


def test_nothing_typed_is_lost_but_secrets_which_are_asked_for_again(owner: Person) -> None:
    product = make_product()
    data = posted(
        description="",
        request_uri="https://hook.example.com/in?a=1",
        auth_method="secret",
        products=[str(product.uuid)],
        headers=[("X-Open", "visible value", False), ("X-Key", CANARY)],
        **{"secret-secret": CANARY, "secret-header_name": "X-Token"},
    )
    page = text(owner.client.post(url("webhook-create"), data))
    assert CANARY not in page
    for kept in ("https://hook.example.com/in?a=1", "visible value", "X-Open", "X-Key", 'value="X-Token"'):
        assert kept in page
    assert re.search(rf'value="{product.uuid}" checked', page)
    assert "Enter these secrets again:" in page
    assert "Secret or Token, X-Key" in page


def test_htmx_gets_the_messages_only_and_leaves_the_inputs_alone(owner: Person) -> None:
    response = owner.client.post(url("webhook-create"), posted(description=""), headers=HTMX)
    assert summary(response) == {"id_description": "This field is required."}
    assert "<input" not in text(response)


def test_htmx_is_sent_on_after_saving(owner: Person) -> None:
    response = owner.client.post(url("webhook-create"), posted(), headers=HTMX)
    assert response["HX-Redirect"] == url("webhook-secret", Webhook.objects.get())


def test_a_form_sent_twice_makes_one_webhook(owner: Person) -> None:
    data = posted(notify_suspect_score="true")
    first, second = (owner.client.post(url("webhook-create"), data) for _ in range(2))
    assert first.url == second.url
    assert Webhook.objects.count() == 1


def test_x_4_a_uuid_of_somebody_else_is_not_taken_over(owner: Person, outsider: Person) -> None:
    theirs = make_webhook(participant=owner.participant)
    outsider.client.post(url("webhook-create"), posted(uuid=str(theirs.uuid)))
    mine = Webhook.objects.get(participant=outsider.participant)
    assert mine.uuid != theirs.uuid
    theirs.refresh_from_db()
    assert theirs.participant == owner.participant


def test_unico_07_the_holder_of_the_suspect_score_is_named(owner: Person) -> None:
    make_webhook(participant=owner.participant, description="Mesa", notify_suspect_score=True)
    response = owner.client.post(url("webhook-create"), posted(notify_suspect_score="true"))
    assert "Mesa" in summary(response)["id_notify_suspect_score"]


def test_x_4_a_product_that_cannot_be_seen_is_neither_offered_nor_taken(owner: Person) -> None:
    hidden = make_product(audience="granted", name="Produto reservado")
    assert "Produto reservado" not in text(owner.client.get(url("webhook-create")))
    response = owner.client.post(url("webhook-create"), posted(products=[str(hidden.uuid)]))
    assert list(summary(response)) == ["products"]
    assert "Produto reservado" not in text(response)
    assert not Webhook.objects.exists()


def test_the_form_takes_the_same_number_of_queries_for_many_products(
    owner: Person, django_assert_max_num_queries: Any
) -> None:
    make_product()
    owner.client.get("/profile/")
    with django_assert_max_num_queries(30) as few:
        owner.client.get(url("webhook-create"))
    for _ in range(10):
        make_product()
    with django_assert_max_num_queries(len(few.captured_queries)):
        owner.client.get(url("webhook-create"))


# --- without JavaScript -----------------------------------------------------------------------------------------


def test_add_shows_one_row_more_and_judges_nothing_yet(owner: Person) -> None:
    data = posted(description="", headers=[("X-Open", "value", False)], add_header="headers")
    page = text(owner.client.post(url("webhook-create"), data))
    # The typed row, the new one, and the template of further ones.
    assert page.count('name="remove_header" value="headers-') == 3
    assert 'name="headers-1-name"' in page
    assert 'value="value"' in page
    assert "This field is required." not in page
    assert not Webhook.objects.exists()


def test_remove_takes_that_row_away_and_keeps_the_others(owner: Person) -> None:
    rows = [("X-First", "1", False), ("X-Second", "2", False), ("X-Third", "3", False)]
    page = text(owner.client.post(url("webhook-create"), posted(headers=rows, remove_header="headers-1")))
    assert "X-Second" not in page
    assert 'name="headers-1-name" value="X-Third"' in page


def test_another_authentication_type_shows_its_fields_with_what_was_typed(owner: Person) -> None:
    data = posted(auth_method="basic", show_method="1", **{"basic-username": "joão", "basic-password": CANARY})
    page = text(owner.client.post(url("webhook-create"), data))
    assert '<div class="dependent" data-method="basic">' in page
    assert '<div class="dependent" data-method="secret" hidden>' in page
    assert 'value="joão"' in page
    assert CANARY not in page


# --- edit -------------------------------------------------------------------------------------------------------


def test_ons_14_address_authentication_and_products_can_be_changed(owner: Person, teammate: Person) -> None:
    old, new = make_product(), make_product()
    webhook = make_webhook(participant=owner.participant, products=[old])
    data = posted(
        webhook=str(webhook.uuid),
        request_uri="http://other.example.com/",
        auth_method="secret",
        products=[str(new.uuid)],
        **{"secret-secret": "abc"},
    )
    response = teammate.client.post(url("webhook-edit", webhook), data)
    assert response.status_code == 302
    webhook.refresh_from_db()
    assert (webhook.request_uri, webhook.auth_method) == ("http://other.example.com/", "secret")
    assert [row.product for row in webhook.product_subscriptions.all()] == [new]
    assert webhook.current_version.by == teammate.actor.label


def test_x_3_no_stored_secret_is_on_the_page(owner: Person) -> None:
    webhook = secret_webhook(owner, headers=(HeaderValues("X-Key", CANARY + "-2"),))
    page = text(owner.client.get(url("webhook-edit", webhook)))
    assert "CANARY" not in page
    assert "whsec_" not in page
    assert page.count("and never shown. Leave it empty to keep it.") == 2


@pytest.mark.parametrize("sent", ["", MASK], ids=["empty", "mask sent back"])
def test_x_3_an_empty_or_masked_secret_means_unchanged(owner: Person, sent: str) -> None:
    webhook = secret_webhook(owner, headers=(HeaderValues("X-Key", CANARY + "-2"),))
    row = webhook.headers.get()
    data = posted(auth_method="secret", headers=[("X-Key", sent, True, row.uuid)], **{"secret-secret": sent})
    assert owner.client.post(url("webhook-edit", webhook), data).status_code == 302
    webhook.refresh_from_db()
    row = webhook.headers.get()
    assert (CANARY in webhook.auth_secrets, row.sealed_value) == (True, CANARY + "-2")


def test_an_optional_secret_is_cleared_on_request_only(owner: Person) -> None:
    webhook = make_webhook(
        participant=owner.participant,
        auth_method="basic",
        auth_settings={"username": "u", "token_header": "X-T"},
        auth_secrets={"password": "p", "token": "t"},
    )
    assert "Remove the stored value: Token" in text(owner.client.get(url("webhook-edit", webhook)))
    data = posted(auth_method="basic", **{"basic-username": "u", "basic-clear_token": "on"})
    owner.client.post(url("webhook-edit", webhook), data)
    webhook.refresh_from_db()
    assert webhook.auth_secrets == '{"password": "p"}'


def test_a_header_row_left_empty_or_out_is_removed(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, headers=(HeaderValues("X-A", "1"), HeaderValues("X-B", "2")))
    first, _second = webhook.headers.all()
    owner.client.post(url("webhook-edit", webhook), posted(headers=[("", "", True, first.uuid)]))
    assert not webhook.headers.exists()


def test_x_3_a_stored_secret_header_cannot_be_switched_to_visible_without_its_value(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, headers=(HeaderValues("X-A", CANARY),))
    data = posted(headers=[("X-A", "", False, webhook.headers.get().uuid)])
    response = owner.client.post(url("webhook-edit", webhook), data)
    assert list(summary(response)) == ["id_headers-0-value"]
    assert CANARY not in text(response)


def test_two_people_editing_at_once_the_second_is_told_and_may_save_again(owner: Person, teammate: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    update_webhook(webhook, values=webhook_values(max_attempts=6), by=teammate.actor)
    data = posted(max_attempts="7", seen_version="1")
    response = owner.client.post(url("webhook-edit", webhook), data)
    assert "saved this webhook while you were editing it" in text(response)
    assert 'name="seen_version" id="seen-version" value="2"' in text(response)
    fragment = owner.client.post(url("webhook-edit", webhook), data, headers=HTMX)
    assert 'value="2" hx-swap-oob="true"' in text(fragment)
    assert owner.client.post(url("webhook-edit", webhook), data | {"seen_version": "2"}).status_code == 302


def test_credentials_over_plain_http_are_warned_of(owner: Person) -> None:
    webhook = secret_webhook(owner, request_uri="http://hook.example.com/")
    shown = '<div class="note note-warn" id="clear-text-warning">'
    assert shown in text(owner.client.get(url("webhook-edit", webhook)))
    values = webhook_values(request_uri="https://hook.example.com/", auth_method="secret")
    update_webhook(webhook, values=values, by=owner.actor)
    assert shown not in text(owner.client.get(url("webhook-edit", webhook)))
    update_webhook(
        webhook, values=replace(values, auth_method="none", request_uri="http://a.b.example/"), by=owner.actor
    )
    assert shown not in text(owner.client.get(url("webhook-edit", webhook)))


def test_a_stopped_webhook_says_why_and_can_be_started_again(owner: Person) -> None:
    webhook = make_webhook(
        participant=owner.participant, stopped_at=timezone.now(), stopped_reason="gone", description="Mesa"
    )
    assert "the address is gone" in text(owner.client.get(url("webhook-edit", webhook)))
    owner.client.post(url("webhook-edit", webhook), posted())
    webhook.refresh_from_db()
    assert webhook.stopped
    owner.client.post(url("webhook-edit", webhook), posted(resume="on"))
    webhook.refresh_from_db()
    assert not webhook.stopped


def test_an_archived_webhook_has_no_form(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, active=False, archived_at=timezone.now())
    assert owner.client.get(url("webhook-edit", webhook)).status_code == 404
    assert owner.client.post(url("webhook-edit", webhook), posted()).status_code == 404


# --- archive ----------------------------------------------------------------------------------------------------


def test_archiving_asks_first(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert "can't be undone" in text(owner.client.get(url("webhook-archive", webhook)))
    webhook.refresh_from_db()
    assert not webhook.archived
    assert owner.client.post(url("webhook-archive", webhook)).url == url("webhook-list")
    webhook.refresh_from_db()
    assert webhook.archived


# --- who may ----------------------------------------------------------------------------------------------------

PAGES = ["webhook-edit", "webhook-archive", "webhook-secret"]
POSTS = ["webhook-edit", "webhook-archive", "webhook-secret-show", "webhook-secret-rotate", "webhook-secret-end"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("teammate", 200), ("viewer", 403), ("outsider", 404), ("officer", 403)]
)
def test_x_4_who_may_open_a_page(
    request: pytest.FixtureRequest, owner: Person, name: str, who: str, status: int
) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert request.getfixturevalue(who).client.get(url(name, webhook)).status_code == status


@pytest.mark.parametrize("name", POSTS)
@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("outsider", 404), ("officer", 403)])
def test_x_4_a_forged_post_changes_nothing(
    request: pytest.FixtureRequest, owner: Person, name: str, who: str, status: int
) -> None:
    webhook = make_webhook(participant=owner.participant, description="Intocado")
    before = Webhook.objects.filter(pk=webhook.pk).values().get()
    data = posted(uuid=str(webhook.uuid), webhook=str(webhook.uuid), description="Tomado")
    assert request.getfixturevalue(who).client.post(url(name, webhook), data).status_code == status
    assert Webhook.objects.filter(pk=webhook.pk).values().get() == before


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("officer", 403)])
def test_x_4_only_technical_people_create(request: pytest.FixtureRequest, owner: Person, who: str, status: int) -> None:
    client = request.getfixturevalue(who).client
    assert client.get(url("webhook-create")).status_code == status
    assert client.post(url("webhook-create"), posted()).status_code == status
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("name", ["webhook-create", "webhook-test"])
def test_anonymous_gets_the_login_page(db: None, name: str) -> None:
    assert Client().post(url(name), posted()).url.startswith("/accounts/login/")
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("name", ["webhook-secret-show", "webhook-secret-rotate", "webhook-secret-end"])
def test_what_changes_something_takes_no_get(owner: Person, name: str) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert owner.client.get(url(name, webhook)).status_code == 405


def test_a_post_without_its_token_is_refused(owner: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(url("webhook-create"), posted()).status_code == 403
    assert not Webhook.objects.exists()


def test_a_post_without_rows_or_with_nonsense_is_no_server_error(owner: Person) -> None:
    for over in (
        {"headers-TOTAL_FORMS": None},
        {"headers-TOTAL_FORMS": "9" * 6000},
        {"headers-TOTAL_FORMS": "100000", "add_header": "headers"},
        {"uuid": "nonsense", "description": "a\0b"},
        {"products": ["nonsense"], "seen_version": "x"},
        {"headers": [("X-A", "1", True, "nonsense")]},
    ):
        assert owner.client.post(url("webhook-create"), posted(**over)).status_code in (200, 302)


def test_two_headers_under_one_uuid_are_refused_and_copy_no_secret(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, headers=(HeaderValues("X-Key", CANARY),))
    uuid = webhook.headers.get().uuid
    form = posted(headers=[("X-Key", "", True, uuid), ("X-Copy", "", True, uuid)])
    answer = owner.client.post(url("webhook-edit", webhook), form)
    assert answer.status_code == 200
    assert summary(answer) == {"id_headers-1-value": "Enter the header&#x27;s value."}
    assert [header.name for header in webhook.headers.all()] == ["X-Key"]


def test_more_than_a_thousand_products_can_be_sent(owner: Person) -> None:
    product = make_product()
    form = posted(products=[str(product.uuid)] * 1_500)
    assert owner.client.post(url("webhook-create"), form).status_code == 302


# --- the way back ---------------------------------------------------------------------------------------------------


def test_the_way_back_leads_to_the_webhook(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, description="Mesa")
    own = webhook_detail_url(webhook=webhook)
    for name in ("webhook-edit", "webhook-archive", "webhook-secret"):
        page = text(owner.client.get(url(name, webhook)))
        assert re.search(rf'<li><a href="{own}">Mesa</a></li>\s*<li aria-current="page">', page), name
