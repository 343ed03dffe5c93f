"""Testar with a token: from where, which type, how long it lives, then the notification (CERC-17, UNICO-22, UNICO-28,
UNICO-34, X-3)."""

import json
from typing import Any

import pytest

from access.models import AuditEntry
from connections.values import TokenHeader
from tests.certificates import self_signed
from tests.connections.endpoint import VALUE, form_of, json_answer, token_answer
from tests.factories import make_connection, make_upload, make_webhook, webhook_values
from tests.people import Person
from tests.receiver import Answer, Receiver
from tests.webhooks.pages import posted, text, url
from vault.kept import KEPT
from webhooks.actions import update_webhook
from webhooks.diagnosis import DIAGNOSES
from webhooks.errors import InvalidWebhook
from webhooks.exchanges import list_token_steps
from webhooks.models import WebhookTest
from webhooks.trials import try_webhook
from webhooks.values import HeaderValues, KeyPairValues

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]
CANARY = "CANARY-77ee66ff-secret-of-forty-characters"


def oauth2(receiver: Receiver, **over: Any) -> dict[str, Any]:
    settings = {"token_url": receiver.url("/token"), "client_id": "client-1", "auth_type": "client_secret_post"}
    return {
        "request_uri": receiver.url("/hook"),
        "auth_method": "oauth2",
        "auth_settings": settings | {"scope": "a b"},
        "auth_secrets": {"client_secret": CANARY},
    } | over


def jwt_7519(receiver: Receiver, **over: Any) -> dict[str, Any]:
    settings = {"kind": "jwt_7519", "token_url": receiver.url("/token"), "token_minutes": "30"}
    return {
        "request_uri": receiver.url("/hook"),
        "auth_method": "jwt",
        "auth_settings": settings,
        "auth_secrets": {"body": json.dumps({"user": "USR_UNICO", "password": CANARY})},
    } | over


def try_with(person: Person, **values: Any) -> WebhookTest:
    return try_webhook(person.participant, values=webhook_values(**values), by=person.actor)


def test_cerc_17_the_token_is_obtained_and_sent_as_bearer(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    trial = try_with(owner, **oauth2(receiver))
    asked, got = receiver.wait_for(2)
    assert (asked.path, got.path) == ("/token", "/hook")
    assert form_of(asked)["scope"] == "a b"
    assert got.header("Authorization") == f"Bearer {VALUE}"
    assert trial.succeeded
    last = list_token_steps(trial.exchange["token"])[-1]
    assert last.ok
    assert last.label == "Token obtained"
    for told in (receiver.url("/token"), "Bearer", "lives 60 min", "renewed after 48 min"):
        assert told in last.detail


def test_unico_33_user_and_password_are_exchanged_for_a_token(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", json_answer({"access": VALUE}))
    assert try_with(owner, **jwt_7519(receiver)).succeeded
    asked, got = receiver.wait_for(2)
    assert json.loads(asked.body) == {"user": "USR_UNICO", "password": CANARY}
    assert got.header("Authorization") == f"Bearer {VALUE}"


def test_unico_28_each_request_has_its_own_headers_only(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    try_with(
        owner,
        **jwt_7519(receiver, token_headers=(TokenHeader("X-Token-Only", CANARY),)),
        headers=(HeaderValues("X-Delivery-Only", "1", secret=False),),
    )
    asked, got = receiver.wait_for(2)
    assert (asked.header("X-Token-Only"), asked.header("X-Delivery-Only")) == (CANARY, None)
    assert (got.header("X-Token-Only"), got.header("X-Delivery-Only")) == (None, "1")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (json_answer({"error": "invalid_client"}, status=401), "token_invalid_client"),
        (json_answer({"error": "invalid_scope"}, status=400), "token_invalid_scope"),
        (json_answer({}), "token_missing"),
        (Answer(500), "token_server_error"),
        (Answer(302, headers=[("Location", "https://elsewhere.example.com/")]), "token_redirected"),
    ],
)
def test_a_refused_token_is_explained_and_nothing_is_sent_to_the_receiver(
    owner: Person, receiver: Receiver, answer: Answer, code: str
) -> None:
    receiver.answer("/token", answer)
    trial = try_with(owner, **oauth2(receiver))
    assert [request.path for request in receiver.wait_for(1)] == ["/token"]
    assert (trial.succeeded, trial.diagnosis) == (False, code)
    assert not list_token_steps(trial.exchange["token"])[-1].ok
    assert code in DIAGNOSES


def test_unico_34_a_token_server_that_is_away_is_told_apart_from_one_that_refuses(
    owner: Person, receiver: Receiver
) -> None:
    with Receiver() as gone:
        address = gone.url("/token")
    given = oauth2(receiver)
    trial = try_with(owner, **given | {"auth_settings": given["auth_settings"] | {"token_url": address}})
    assert trial.diagnosis == "token_unreachable"
    steps = list_token_steps(trial.exchange["token"])
    assert [step.ok for step in steps] == [True, False]


def test_a_401_with_a_fresh_token_is_diagnosed_in_the_words_of_the_method(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    receiver.answer("/hook", Answer(401))
    assert try_with(owner, **oauth2(receiver)).diagnosis == "unauthorized_oauth2"


def test_x_3_nothing_of_it_is_kept_in_the_clear(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer(scope=CANARY))
    receiver.answer("/hook", Answer(500, f"I got {VALUE} and {CANARY}".encode(), [("X-Echo", VALUE)]))
    trial = try_with(owner, **oauth2(receiver))
    stored = json.dumps(WebhookTest.objects.get(pk=trial.pk).exchange)
    assert VALUE not in stored
    assert CANARY not in stored


def test_x_3_a_kept_secret_goes_to_no_other_server(owner: Person, receiver: Receiver) -> None:
    """Neither by Testar nor by saving, unless whoever changes the address knows it."""
    headers = (TokenHeader("X-Key", CANARY + "-2"),)
    given = oauth2(receiver, token_headers=headers)
    webhook = make_webhook(participant=owner.participant, **given)
    kept = (TokenHeader("X-Key", KEPT, id=webhook.connection.settings["headers"][0]["id"]),)
    same = given | {"auth_secrets": {}, "token_headers": kept}
    with Receiver() as other:
        other.answer("/token", token_answer())
        moved = same | {"auth_settings": given["auth_settings"] | {"token_url": other.url("/token")}}
        for act in (
            lambda values: try_webhook(owner.participant, values=values, webhook=webhook, by=owner.actor),
            lambda values: update_webhook(webhook, values=values, by=owner.actor),
        ):
            with pytest.raises(InvalidWebhook) as refused:
                act(webhook_values(**moved))
            found = [(problem.field, problem.code) for problem in refused.value.problems]
            assert found == [
                ("auth.client_secret", "secret_elsewhere"),
                ("auth.headers.0.value", "secret_elsewhere"),
            ]
        assert other.requests() == []
        again = moved | {"auth_secrets": {"client_secret": CANARY}, "token_headers": headers}
        try_webhook(owner.participant, values=webhook_values(**again), webhook=webhook, by=owner.actor)
        assert len(other.requests("/token")) == 1
    receiver.answer("/elsewhere", token_answer())
    near = same | {"auth_settings": given["auth_settings"] | {"token_url": receiver.url("/elsewhere")}}
    try_webhook(owner.participant, values=webhook_values(**near), webhook=webhook, by=owner.actor)
    assert form_of(receiver.wait_for(1, path="/elsewhere")[0])["client_secret"] == CANARY


def test_x_3_a_test_is_audited_with_the_address_that_was_asked_for_a_token(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    webhook = make_webhook(participant=owner.participant, **oauth2(receiver))
    settings = oauth2(receiver)["auth_settings"] | {"token_url": receiver.url("/token?pin=q1w2e3r4")}
    values = webhook_values(**oauth2(receiver, auth_settings=settings))
    try_webhook(owner.participant, values=values, webhook=webhook, by=owner.actor)
    after = AuditEntry.objects.filter(action="webhooks.webhook.tested").latest("pk").after
    assert after["connection"] == str(webhook.connection.uuid)
    assert after["token_url"].startswith(receiver.url("/token?pin="))
    assert "q1w2e3r4" not in after["token_url"]
    shared = make_connection(participant=owner.participant, token_url=receiver.url("/token"))
    try_with(
        owner, request_uri=receiver.url("/hook"), auth_method="oauth2", auth_settings={"connection": str(shared.uuid)}
    )
    after = AuditEntry.objects.filter(action="webhooks.webhook.tested").latest("pk").after
    assert (after["connection"], after["token_url"]) == (str(shared.uuid), receiver.url("/token"))


def test_a_shared_connection_is_tried_past_its_cache(owner: Person, receiver: Receiver) -> None:
    shared = make_connection(participant=owner.participant, token_url=receiver.url("/token"))
    receiver.answer("/token", token_answer("first-token-0123456789"), token_answer("second-token-0123456789"))
    values = {"request_uri": receiver.url("/hook"), "auth_method": "oauth2"}
    for _ in range(2):
        assert try_with(owner, **values, auth_settings={"connection": str(shared.uuid)}).succeeded
    bearers = [got.header("Authorization") for got in receiver.wait_for(4) if got.path == "/hook"]
    assert bearers == ["Bearer first-token-0123456789", "Bearer second-token-0123456789"]


def test_unico_30_tags_are_filled_in_with_the_uploaded_key_before_saving(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", json_answer({"access": VALUE}))
    upload = make_upload(self_signed("client.example.com"))
    trial = try_with(
        owner,
        **jwt_7519(receiver, auth_key_pair=KeyPairValues(own=True, upload=upload)),
        headers=(HeaderValues("X-Signature", "{{algorithm}} {{signature}}", secret=False),),
    )
    got = receiver.wait_for(2)[1]
    assert str(got.header("X-Signature")).startswith("RS256 ")
    assert "PRIVATE KEY" not in json.dumps(trial.exchange)


def test_the_page_shows_both_lists_of_steps(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    fields = {
        "request_uri": receiver.url("/hook"),
        "auth_method": "oauth2",
        "oauth2-token_url": receiver.url("/token"),
        "oauth2-auth_type": "client_secret_post",
        "oauth2-client_id": "client-1",
        "oauth2-client_secret": CANARY,
        "oauth2-headers-TOTAL_FORMS": "0",
        "oauth2-headers-INITIAL_FORMS": "0",
    }
    page = text(owner.client.post(url("webhook-test"), posted(**fields), headers={"HX-Request": "true"}))
    assert page.index("<h3>Token</h3>") < page.index("Token obtained") < page.index("<h3>Notification</h3>")
    assert "Delivered: response 200" in page
    assert VALUE not in page
    assert CANARY not in page
