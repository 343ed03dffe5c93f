"""Connections and key pairs of webhooks: their own, shared ones, and what a change of them does (CERC-17, UNICO-20)."""

from typing import Any

import pytest

from access.actors import Actor
from access.models import AuditEntry
from connections.actions import archive_connection, archive_key_pair, replace_key_pair, update_connection
from connections.errors import InUse
from connections.models import Connection, KeyPair
from tests.factories import (
    connection_values,
    make_connection,
    make_key_pair,
    make_participant,
    make_upload,
    make_webhook,
    webhook_values,
)
from vault.kept import KEPT
from webhooks.actions import archive_webhook, create_webhook, update_webhook
from webhooks.drafts import make_draft
from webhooks.errors import InvalidWebhook
from webhooks.models import Webhook
from webhooks.plans import SendPlan
from webhooks.rules import find_request_problems
from webhooks.sending import PlanCache, PlanError, load_plans
from webhooks.values import HeaderValues, KeyPairValues

pytestmark = pytest.mark.django_db
CANARY = "CANARY-5e6f7a8b-secret"
BY = Actor.system("test")
OAUTH2: dict[str, Any] = {
    "auth_method": "oauth2",
    "auth_settings": {
        "token_url": "https://as.example.com/token",
        "client_id": "client-1",
        "auth_type": "client_secret_basic",
        "scope": "a b",
    },
    "auth_secrets": {"client_secret": CANARY},
}
JWT_7519: dict[str, Any] = {
    "auth_method": "jwt",
    "auth_settings": {"kind": "jwt_7519", "token_url": "https://as.example.com/jwt", "token_minutes": "30"},
    "auth_secrets": {"body": '{"user":"USR_UNICO","password":"senha1234"}'},
}


def jwt_7523(**over: Any) -> dict[str, Any]:
    settings = {"kind": "jwt_7523", "token_url": "https://as.example.com/jwt", "token_minutes": "30"}
    settings |= {"sub": "USR", "ver": "1"}
    pair = KeyPairValues(own=True, upload=make_upload())
    return {"auth_method": "jwt", "auth_settings": settings, "auth_key_pair": pair} | over


def codes(webhook: Webhook | None = None, **over: Any) -> list[tuple[str, str]]:
    draft = make_draft(webhook_values(**over), webhook)
    return [(problem.field, problem.code) for problem in find_request_problems(draft)]


def save(webhook: Webhook, **over: Any) -> Webhook:
    saved = update_webhook(webhook, values=webhook_values(**over), by=BY)
    return Webhook.objects.select_related("connection__key_pair", "client_key_pair").get(pk=saved.pk)


def plan_of(webhook: Webhook) -> SendPlan:
    plan = load_plans([webhook.pk])[webhook.pk]
    assert isinstance(plan, SendPlan)
    return plan


# --- values of the webhook's own ----------------------------------------------------------------------------------


def test_cerc_17_cerc_23_own_oauth2_values_are_a_connection_of_this_webhook() -> None:
    webhook = make_webhook(**OAUTH2)
    own = webhook.connection
    assert (own.kind, own.shared, own.participant) == ("oauth2", False, webhook.participant)
    assert own.token_url == "https://as.example.com/token"
    assert own.settings["scope"] == "a b"
    assert own.settings["client_id"] == "client-1"
    assert (webhook.auth_settings, webhook.auth_secrets, webhook.ready) == ({}, "", True)
    source = plan_of(webhook).token
    assert source is not None
    assert (source.connection_id, source.secrets) == (own.pk, {"client_secret": CANARY})


def test_unico_20_unico_24_jwt_keeps_the_uploaded_certificate_with_its_connection() -> None:
    webhook = make_webhook(**jwt_7523())
    pair = webhook.connection.key_pair
    assert (webhook.connection.kind, pair.shared, pair.participant) == ("jwt_7523", False, webhook.participant)
    source = plan_of(webhook).token
    assert source is not None
    assert source.key_pair is not None
    assert source.key_pair.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")


def test_a_kept_secret_and_a_kept_certificate_stay_as_they_are() -> None:
    webhook = make_webhook(**jwt_7523(auth_secrets={"body": "extra=1"}))
    before = webhook.connection
    kept = jwt_7523(auth_key_pair=KeyPairValues(own=True), auth_secrets={"body": KEPT})
    after = save(webhook, **kept).connection
    assert (after.pk, after.key_pair_id, after.credential_version) == (
        before.pk,
        before.key_pair_id,
        before.credential_version,
    )
    assert after.secrets == before.secrets


def test_saving_erases_what_the_chosen_method_does_not_use() -> None:
    webhook = make_webhook(**jwt_7523(auth_secrets={"body": "extra=1"}))
    own = webhook.connection
    saved = save(webhook, auth_method="secret", auth_secrets={"secret": "abc"})
    assert (saved.connection, saved.ready) == (None, True)
    own.refresh_from_db()
    own.key_pair.refresh_from_db()
    assert own.archived
    assert own.secrets == ""
    assert own.key_pair.archived
    assert own.key_pair.private_key == ""


def test_another_certificate_replaces_the_one_so_far_which_is_erased() -> None:
    webhook = make_webhook(**jwt_7523())
    before = webhook.connection.key_pair
    after = save(webhook, **jwt_7523()).connection.key_pair
    before.refresh_from_db()
    assert after.pk != before.pk
    assert before.archived
    assert before.private_key == ""
    assert not after.archived


def test_unico_33_switching_the_metodo_keeps_the_connection_and_drops_the_key_it_does_not_need() -> None:
    webhook = make_webhook(**jwt_7523())
    pair = webhook.connection.key_pair
    saved = save(webhook, **JWT_7519)
    assert (saved.connection.pk, saved.connection.kind) == (webhook.connection.pk, "jwt_7519")
    assert saved.connection.key_pair is None
    pair.refresh_from_db()
    assert pair.archived


def test_unico_33_switching_the_metodo_takes_no_user_and_password_along() -> None:
    """They would go to the token server within the signed request, and stay stored unseen."""
    webhook = make_webhook(**JWT_7519)
    over = {"auth_secrets": {"body": KEPT}}
    draft = make_draft(webhook_values(**jwt_7523(**over)), webhook)
    assert find_request_problems(draft) == []
    assert draft.token is not None
    assert draft.token.source().secrets == {}
    saved = save(webhook, **jwt_7523(**over))
    assert (saved.connection.kind, saved.connection.secrets) == ("jwt_7523", "")
    back = codes(saved, **JWT_7519 | over)
    assert back == [("auth.body", "required")]


def test_an_archived_webhook_keeps_no_secrets_of_its_connection() -> None:
    webhook = make_webhook(**jwt_7523())
    archived = archive_webhook(webhook, by=BY)
    assert archived.archived
    own = Connection.objects.get()
    assert own.archived
    assert own.secrets == ""
    assert KeyPair.objects.get().private_key == ""


@pytest.mark.parametrize("missing", ["token_url", "token_minutes", "sub", "ver"])
def test_unico_22_unico_25_unico_32_rfc_7523_needs_each_of_its_fields(missing: str) -> None:
    given = jwt_7523()
    given["auth_settings"] = given["auth_settings"] | {missing: "" if missing != "token_minutes" else "0"}
    assert [field for field, _code in codes(**given)] == [f"auth.{missing}"]


def test_unico_32_rfc_7523_needs_certificate_and_private_key() -> None:
    assert codes(**jwt_7523(auth_key_pair=KeyPairValues())) == [("auth.key_pair", "required")]
    half = KeyPairValues(own=True, upload=make_upload(private_key=b"", private_key_name=""))
    assert [field for field, _code in codes(**jwt_7523(auth_key_pair=half))] == ["auth.key_pair.private_key"]


def test_unico_33_rfc_7519_needs_a_body_with_user_and_password_and_nothing_else() -> None:
    assert codes(**JWT_7519) == []
    assert codes(**JWT_7519 | {"auth_secrets": {}}) == [("auth.body", "required")]
    assert codes(**JWT_7519 | {"auth_secrets": {"body": '{"user":"x"}'}}) == [("auth.body", "user_and_password")]


def test_one_source_of_authorization_the_second_is_refused_by_name() -> None:
    headers = (HeaderValues("authorization", "x"),)
    draft = make_draft(webhook_values(**OAUTH2, headers=headers), None)
    [problem] = find_request_problems(draft)
    assert (problem.field, problem.code) == ("headers.0.name", "header_taken")
    assert "OAuth2" in str(problem.message)


def test_x_3_neither_version_nor_audit_holds_a_secret() -> None:
    webhook = make_webhook(**jwt_7523(auth_secrets={"body": f"extra={CANARY}"}))
    save(webhook, **OAUTH2)
    written = str([(each.settings, each.secret_versions) for each in webhook.versions.all()])
    written += str([(each.before, each.after) for each in AuditEntry.objects.all()])
    assert CANARY not in written
    assert "PRIVATE KEY" not in written
    assert "as.example.com" in written


# --- shared ones ----------------------------------------------------------------------------------------------------


def shared_by(**over: Any) -> tuple[Webhook, Connection]:
    shared = make_connection()
    chosen = {"auth_method": "oauth2", "auth_settings": {"connection": str(shared.uuid)}}
    return make_webhook(participant=shared.participant, **chosen | over), shared


def test_cerc_17_a_shared_connection_may_be_chosen_and_is_left_alone() -> None:
    webhook, shared = shared_by()
    assert webhook.connection == shared
    save(webhook, auth_method="none")
    shared.refresh_from_db()
    assert not shared.archived
    assert shared.secrets


@pytest.mark.parametrize("whose", ["another's", "archived", "of another kind", "nobody's"])
def test_x_4_a_connection_that_is_not_there_for_it_is_refused(whose: str) -> None:
    participant = make_participant()
    kind = {"kind": "jwt_7519"} if whose == "of another kind" else {}
    shared = make_connection(participant=None if whose == "another's" else participant, **kind)
    if whose == "archived":
        archive_connection(shared, by=BY)
    uuid = "00000000-0000-4000-8000-000000000000" if whose == "nobody's" else str(shared.uuid)
    values = webhook_values(auth_method="oauth2", auth_settings={"connection": uuid})
    with pytest.raises(InvalidWebhook) as refused:
        create_webhook(participant, values=values, by=BY)
    assert [(each.field, each.code) for each in refused.value.problems] == [("auth.connection", "connection_unknown")]
    assert not Webhook.objects.exists()


def test_a_change_of_a_shared_connection_takes_effect_with_the_next_plan() -> None:
    webhook, shared = shared_by()
    cache = PlanCache()
    before = cache.load({webhook.pk: webhook.current_version_id})[webhook.pk]
    update_connection(shared, values=connection_values(name="x", secrets={"client_secret": CANARY}), by=BY)
    webhook.refresh_from_db()
    assert webhook.current_version.number == 2
    after = cache.load({webhook.pk: webhook.current_version_id})[webhook.pk]
    assert isinstance(before, SendPlan)
    assert isinstance(after, SendPlan)
    assert before.token is not None
    assert after.token is not None
    assert before.token.secrets != after.token.secrets == {"client_secret": CANARY}


def test_a_change_that_no_request_notices_makes_no_version() -> None:
    webhook, shared = shared_by()
    update_connection(shared, values=connection_values(name="Another name"), by=BY)
    assert webhook.versions.count() == 1


def test_a_replaced_key_pair_is_heard_of_by_every_webhook_that_uses_it() -> None:
    participant = make_participant()
    pair = make_key_pair(participant=participant)
    mine = KeyPairValues(shared=pair.uuid)
    signing = make_webhook(participant=participant, **jwt_7523(auth_key_pair=mine))
    showing = make_webhook(participant=participant, client_key_pair=mine)
    other = make_webhook(participant=participant)
    replace_key_pair(pair, upload=make_upload(), by=BY)
    assert [webhook.versions.count() for webhook in (signing, showing, other)] == [2, 2, 1]


def test_what_a_webhook_uses_can_not_be_archived_and_names_it() -> None:
    pair = make_key_pair()
    webhook, shared = shared_by(description="Mesa", client_key_pair=KeyPairValues())
    showing = make_webhook(
        participant=pair.participant, description="Torre", client_key_pair=KeyPairValues(shared=pair.uuid)
    )
    with pytest.raises(InUse, match="Mesa"):
        archive_connection(shared, by=BY)
    with pytest.raises(InUse, match="Torre"):
        archive_key_pair(pair, by=BY)
    archive_webhook(webhook, by=BY)
    archive_webhook(showing, by=BY)
    archive_connection(shared, by=BY)
    archive_key_pair(pair, by=BY)


def test_a_secret_that_can_not_be_opened_ends_the_plan_with_its_own_reason() -> None:
    webhook, shared = shared_by()
    Connection.objects.filter(pk=shared.pk).update(
        secrets=Connection.objects.get(pk=make_connection().pk).secrets_sealed
    )
    plan = load_plans([webhook.pk])[webhook.pk]
    assert isinstance(plan, PlanError)
    assert plan.code == "token_credentials_unreadable"


# --- the client certificate -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [{}, {"auth_method": "secret", "auth_secrets": {"secret": "abc"}}, OAUTH2])
def test_a_client_certificate_goes_with_every_method(method: dict[str, Any]) -> None:
    webhook = make_webhook(client_key_pair=KeyPairValues(own=True, upload=make_upload()), **method)
    tls = plan_of(webhook).tls
    assert tls is not None
    assert tls.client_cert_pem == webhook.client_key_pair.certificate_pem
    assert "PRIVATE KEY" in tls.client_key_pem
    assert "PRIVATE" not in repr(tls)


def test_a_client_certificate_is_taken_away_and_its_key_erased() -> None:
    webhook = make_webhook(client_key_pair=KeyPairValues(own=True, upload=make_upload()))
    pair = webhook.client_key_pair
    assert save(webhook, client_key_pair=KeyPairValues(own=True)).client_key_pair == pair
    saved = save(webhook)
    pair.refresh_from_db()
    assert saved.client_key_pair is None
    assert pair.archived
    assert pair.private_key == ""


def test_x_4_somebody_elses_certificate_is_refused() -> None:
    theirs = make_key_pair()
    assert codes(client_key_pair=KeyPairValues(shared=theirs.uuid)) == [("client_key_pair.shared", "key_pair_unknown")]
