"""Credentials of a webhook are touched only by somebody who has just proved who they are: by the form, with htmx or
without, by Testar, on the page of the signing secret. What touches none takes no proof."""

from typing import Any

import pytest
from django.core.cache import cache

from access.errors import ProofMissing
from access.models import AuditEntry
from connections.values import TokenHeader
from tests.certificates import Authority
from tests.factories import make_connection, make_key_pair, make_product, make_upload, make_webhook
from tests.people import Person
from tests.posted_back import posted_back
from tests.receiver import Receiver
from tests.webhooks.pages import posted, text, url
from webhooks.actions import create_webhook
from webhooks.models import Webhook, WebhookTest
from webhooks.values import HeaderValues, KeyPairValues, WebhookValues

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
PASSWORD = "a-good-long-password"
CANARY = "CANARY-9b2c4d6e80-long-enough"
ASKED = 'name="again-password"'
HTMX_OR_NOT = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
AUTHORITY = Authority()
SECRET = {"auth_method": "secret", "secret-secret": CANARY}


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def stored(webhook: Webhook) -> tuple[Any, ...]:
    """Everything of the webhook that a save could change."""
    row = Webhook.objects.filter(pk=webhook.pk).values().get()
    return row, list(webhook.headers.order_by("pk").values())


def form_of(webhook: Webhook, **over: Any) -> dict[str, Any]:
    """The webhook's form as a browser would post it unchanged: no secret is in it."""
    assert webhook.current_version
    rows = [(row.name, "" if row.secret else row.value, row.secret, row.uuid) for row in webhook.headers.all()]
    fields = {"description": webhook.description, "request_uri": webhook.request_uri, "headers": rows}
    fields |= {"auth_method": webhook.auth_method, "seen_version": str(webhook.current_version.number)}
    if webhook.connection:
        fields |= shared(webhook.connection)
    if webhook.client_key_pair:
        fields["client_key_pair-shared"] = str(webhook.client_key_pair.uuid)
    return posted(**fields | over)


def shared(connection: Any) -> dict[str, Any]:
    """The fields of OAuth2 by a shared connection."""
    fields = {"auth_method": "oauth2", "oauth2-connection": str(connection.uuid)}
    return fields | {"oauth2-headers-TOTAL_FORMS": "0", "oauth2-headers-INITIAL_FORMS": "0"}


def save(person: Person, webhook: Webhook | None, fields: dict[str, Any], headers: Any = HTMX) -> Any:
    address = url("webhook-edit", webhook) if webhook else url("webhook-create")
    return person.stale_client.post(address, fields, headers=headers)


def press_test(person: Person, fields: dict[str, Any], webhook: Webhook | None = None, headers: Any = HTMX) -> Any:
    fields = fields | ({"webhook": str(webhook.uuid)} if webhook else {})
    return person.stale_client.post(url("webhook-test"), fields, headers=headers)


@pytest.fixture
def webhook(owner: Person) -> Webhook:
    """One with a secret of its own and a secret header."""
    made: Webhook = make_webhook(
        participant=owner.participant,
        auth_method="secret",
        auth_secrets={"secret": CANARY},
        headers=(HeaderValues("X-Key", CANARY, True), HeaderValues("X-Plain", "plain", False)),
    )
    return made


# --- new ------------------------------------------------------------------------------------------------------------


@HTMX_OR_NOT
@pytest.mark.parametrize(
    "over",
    [SECRET, {"auth_method": "basic", "basic-username": "u", "basic-password": CANARY}, {"headers": [("X-K", CANARY)]}],
    ids=["secret", "basic", "header"],
)
def test_a_webhook_with_credentials_takes_proof(owner: Person, over: dict[str, Any], headers: Any) -> None:
    fields = posted(**over)
    page = text(save(owner, None, fields, headers))
    assert ASKED in page
    assert CANARY not in page
    assert not Webhook.objects.exists()
    assert "This is not your password." in text(save(owner, None, fields | {"again-password": "wrong"}, headers))
    assert not Webhook.objects.exists()
    save(owner, None, fields | {"again-password": PASSWORD}, headers)
    assert Webhook.objects.count() == 1


def test_one_without_credentials_takes_none(owner: Person) -> None:
    answer = save(owner, None, posted(headers=[("X-Plain", "plain", False, "")]))
    assert "HX-Redirect" in answer
    assert Webhook.objects.count() == 1


def test_a_shared_connection_is_a_credential(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)
    fields = posted(**shared(connection))
    assert ASKED in text(save(owner, None, fields))
    assert not Webhook.objects.exists()


def test_without_javascript_everything_but_secrets_comes_back(owner: Person) -> None:
    page = text(save(owner, None, posted(description="Kept words", **SECRET), {}))
    assert 'value="Kept words"' in page
    assert "Enter these secrets again:" in page
    assert page.count(ASKED) == 1
    page = text(owner.stale_client.get(url("webhook-create")))
    assert ASKED in page.split("<noscript>")[-1]


# --- changed --------------------------------------------------------------------------------------------------------


@HTMX_OR_NOT
@pytest.mark.parametrize(
    "over",
    [
        {"secret-secret": "another-secret"},
        {"secret-header_name": "X-Other"},
        {"auth_method": "none"},
        {"auth_method": "basic", "basic-username": "u", "basic-password": CANARY},
        {"headers": []},
        {"headers": [("X-New", "value")]},
        {"request_uri": "http://hook.example.com/in"},
        {"private_ca": AUTHORITY.pem},
    ],
    ids=[
        "replaced",
        "elsewhere",
        "removed",
        "other-method",
        "header-removed",
        "header-new",
        "in-the-clear",
        "authority",
    ],
)
def test_what_touches_credentials_takes_proof(
    owner: Person, webhook: Webhook, over: dict[str, Any], headers: Any
) -> None:
    before, fields = stored(webhook), form_of(webhook, **over)
    page = text(save(owner, webhook, fields, headers))
    assert ASKED in page
    assert stored(webhook) == before
    save(owner, webhook, fields | {"again-password": PASSWORD}, headers)
    assert stored(webhook) != before


def test_another_server_takes_proof_though_the_same_secrets_are_typed(owner: Person, webhook: Webhook) -> None:
    row = webhook.headers.get(name="X-Key")
    over = {"request_uri": "https://other.example.com/in", "headers": [("X-Key", CANARY, True, row.uuid)]}
    before, fields = stored(webhook), form_of(webhook, **over, **{"secret-secret": CANARY})
    assert ASKED in text(save(owner, webhook, fields))
    assert stored(webhook) == before


def test_what_touches_none_takes_no_proof(owner: Person, webhook: Webhook) -> None:
    product = make_product()
    rows = [
        ("X-Key", "", True, webhook.headers.get(name="X-Key").uuid),
        ("X-Plain", "changed", False, webhook.headers.get(name="X-Plain").uuid),
    ]
    over = {"description": "Renamed", "max_attempts": "3", "active": "false", "request_uri": webhook.request_uri + "/x"}
    answer = save(owner, webhook, form_of(webhook, headers=rows, products=[str(product.uuid)], **over))
    assert "HX-Redirect" in answer, text(answer)
    after = Webhook.objects.get()
    assert (after.description, after.max_attempts, after.active) == ("Renamed", 3, False)
    assert after.headers.get(name="X-Plain").value == "changed"


OWN_OAUTH2 = {
    "auth_method": "oauth2",
    "auth_settings": {
        "token_url": "https://as.example.com/token",
        "client_id": "client-1",
        "auth_type": "client_secret_basic",
    },
    "auth_secrets": {"client_secret": CANARY},
    "token_headers": (TokenHeader("X-Token-Key", CANARY, True), TokenHeader("X-Token-Plain", "plain", False)),
}
KINDS: dict[str, dict[str, Any]] = {
    "none": {},
    "basic": {"auth_method": "basic", "auth_settings": {"username": "u"}, "auth_secrets": {"password": CANARY}},
    "secret": {"auth_method": "secret", "auth_secrets": {"secret": CANARY}},
    "headers": {"headers": (HeaderValues("X-Key", CANARY, True), HeaderValues("X-Plain", "plain", False))},
    "oauth2": OWN_OAUTH2,
    "jwt": {
        "auth_method": "jwt",
        "auth_settings": {
            "method": "jwt_7523",
            "token_url": "https://as.example.com/token",
            "sub": "USR",
            "ver": "1",
            "token_minutes": "60",
        },
        "auth_key_pair": KeyPairValues(own=True, upload=make_upload()),
    },
    "certificate": {"client_key_pair": KeyPairValues(own=True, upload=make_upload())},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_sent_back_as_it_came_takes_no_proof(owner: Person, kind: str) -> None:
    """Whatever a webhook keeps: only another description is not worth a password."""
    webhook = make_webhook(participant=owner.participant, **KINDS[kind])
    page = text(owner.stale_client.get(url("webhook-edit", webhook)))
    fields = posted_back(page, "webhook-form") | {"description": "Renamed"}
    answer = save(owner, webhook, fields)
    assert "HX-Redirect" in answer, text(answer)
    assert Webhook.objects.get().description == "Renamed"


def test_shared_credentials_are_chosen_only_with_proof(owner: Person) -> None:
    connection, key_pair = make_connection(participant=owner.participant), make_key_pair(participant=owner.participant)
    webhook = make_webhook(
        participant=owner.participant, auth_method="oauth2", auth_settings={"connection": str(connection.uuid)}
    )
    other, before = make_connection(participant=owner.participant), stored(webhook)
    assert ASKED in text(save(owner, webhook, form_of(webhook, **shared(other))))
    assert ASKED in text(save(owner, webhook, form_of(webhook, **{"client_key_pair-shared": str(key_pair.uuid)})))
    assert stored(webhook) == before
    assert "HX-Redirect" in save(owner, webhook, form_of(webhook, description="Renamed"))


def test_a_form_that_hides_its_version_is_no_way_round(owner: Person, webhook: Webhook) -> None:
    before = stored(webhook)
    fields = form_of(webhook, seen_version=None, **{"secret-secret": "another-secret"})
    assert ASKED in text(save(owner, webhook, fields))
    assert stored(webhook) == before


def test_the_rule_is_the_actions_own(owner: Person) -> None:
    values = WebhookValues(
        description="x",
        request_uri="https://hook.example.com/",
        auth_method="secret",
        auth_secrets={"secret": CANARY},
    )
    with pytest.raises(ProofMissing):
        create_webhook(owner.participant, values=values, by=owner.actor, proven=False)
    assert not Webhook.objects.exists()
    assert not AuditEntry.objects.exists()


def test_viewers_and_others_get_nothing_by_their_own_password(
    owner: Person, viewer: Person, outsider: Person, webhook: Webhook
) -> None:
    before = stored(webhook)
    fields = form_of(webhook, **{"secret-secret": "another-secret", "again-password": PASSWORD})
    assert save(viewer, webhook, fields).status_code == 403
    assert save(outsider, webhook, fields).status_code == 404
    assert stored(webhook) == before


# --- Testar ---------------------------------------------------------------------------------------------------------


@HTMX_OR_NOT
@pytest.mark.usefixtures("loopback")
def test_a_test_does_not_send_a_shared_token_to_any_server_without_proof(
    owner: Person, receiver: Receiver, headers: Any
) -> None:
    receiver.answer("/token", make_token_answer())
    connection = make_connection(participant=owner.participant, token_url=receiver.url("/token"))
    fields = posted(request_uri=receiver.url("/hook"), **shared(connection))
    page = text(press_test(owner, fields, headers=headers))
    assert ASKED in page
    assert page.count(ASKED) == 1
    assert receiver.requests() == []
    assert not WebhookTest.objects.exists()
    press_test(owner, fields | {"again-password": PASSWORD}, headers=headers)
    assert receiver.wait_for(1, path="/hook")


@pytest.mark.usefixtures("loopback")
def test_a_test_does_not_take_a_webhooks_own_token_elsewhere_without_proof(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", make_token_answer())
    connection = make_connection(participant=owner.participant, token_url=receiver.url("/token"))
    webhook = make_webhook(
        participant=owner.participant,
        request_uri="https://hook.example.com/in",
        auth_method="oauth2",
        auth_settings={"connection": str(connection.uuid)},
    )
    fields = form_of(webhook, request_uri=receiver.url("/hook"))
    assert ASKED in text(press_test(owner, fields, webhook))
    assert receiver.requests() == []


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("kept", ["secret", "header"])
@pytest.mark.parametrize("where", ["in-the-clear", "authority"])
def test_a_test_takes_no_stored_secret_into_the_clear_or_to_another_authority_without_proof(
    owner: Person, receiver: Receiver, where: str, kept: str
) -> None:
    """The same server by name, so that the form keeps what is stored."""
    hook = receiver.url("/hook")
    secret = {"auth_method": "secret", "auth_secrets": {"secret": CANARY}}
    webhook = make_webhook(
        participant=owner.participant,
        request_uri=hook if where == "authority" else hook.replace("http://", "https://"),
        **(secret if kept == "secret" else {"headers": (HeaderValues("X-Key", CANARY, True),)}),
    )
    over = {"request_uri": hook} | ({"private_ca": AUTHORITY.pem} if where == "authority" else {})
    fields = form_of(webhook, **over)
    assert ASKED in text(press_test(owner, fields, webhook))
    assert receiver.requests() == []
    assert not WebhookTest.objects.exists()
    press_test(owner, fields | {"again-password": PASSWORD}, webhook)
    [sent] = receiver.wait_for(1, path="/hook")
    assert CANARY in str(sent.headers)


@pytest.mark.usefixtures("loopback")
def test_a_test_of_what_was_typed_or_is_stored_for_this_server_takes_no_proof(
    owner: Person, receiver: Receiver
) -> None:
    typed = posted(request_uri=receiver.url("/hook"), **SECRET)
    assert "Delivered: response 200" in text(press_test(owner, typed))
    webhook = make_webhook(
        participant=owner.participant,
        request_uri=receiver.url("/hook"),
        auth_method="secret",
        auth_secrets={"secret": CANARY},
    )
    assert "Delivered: response 200" in text(press_test(owner, form_of(webhook), webhook))


# --- the signing secret ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["webhook-secret-show", "webhook-secret-rotate", "webhook-secret-end"])
def test_the_signing_secret_is_shown_made_anew_and_ended_only_with_proof(owner: Person, page: str) -> None:
    webhook = make_webhook(participant=owner.participant)
    owner.client.post(url("webhook-secret-show", webhook))
    owner.client.post(url("webhook-secret-rotate", webhook))
    webhook, before = Webhook.objects.get(), stored(webhook)
    answer = text(owner.stale_client.post(url(page, webhook)))
    assert ASKED in answer
    assert f'action="{url(page, webhook)}"' in answer
    assert webhook.signing_secret not in answer
    assert stored(webhook) == before
    refused = text(owner.stale_client.post(url(page, webhook), {"again-password": "wrong"}))
    assert "This is not your password." in refused
    assert stored(webhook) == before
    owner.stale_client.post(url(page, webhook), {"again-password": PASSWORD})
    assert stored(webhook) != before


def make_token_answer() -> Any:
    from tests.connections.endpoint import token_answer

    return token_answer()
