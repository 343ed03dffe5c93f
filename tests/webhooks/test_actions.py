"""Create, change, stop, archive: rules, versions, audit, news."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone

from access.errors import ActionError
from access.models import AuditEntry
from tests.certificates import Authority
from tests.factories import make_participant, make_product, make_webhook, webhook_values
from tests.people import Person
from vault.kept import KEPT
from webhooks.actions import (
    archive_webhook,
    create_webhook,
    end_signing_overlap,
    reveal_signing_secret,
    rotate_signing_secret,
    stop_webhook,
    update_webhook,
)
from webhooks.errors import InvalidWebhook, WebhookArchived
from webhooks.models import ProductSubscription, Webhook
from webhooks.signals import webhook_changed
from webhooks.values import HeaderValues

CANARY = "CANARY-91ab42cd"


@pytest.fixture
def news() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(sender: object, **kwargs: Any) -> None:
        heard.append(kwargs)

    webhook_changed.connect(hear)
    yield heard
    webhook_changed.disconnect(hear)


def refused(values: Any, participant: Any, by: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidWebhook) as caught:
        create_webhook(participant, values=values, by=by)
    return [(problem.field, problem.code) for problem in caught.value.problems]


def secret_webhook(owner: Person, **over: Any) -> Webhook:
    values = {"auth_method": "secret", "auth_secrets": {"secret": CANARY}} | over
    return make_webhook(participant=owner.participant, **values)


# --- create -----------------------------------------------------------------------------------------------------


def test_ons_06_description_address_and_products_make_a_webhook(owner: Person, news: list[Any]) -> None:
    product = make_product()
    webhook = create_webhook(owner.participant, values=webhook_values(products=[product]), by=owner.actor)
    assert webhook.active
    assert webhook.ready
    assert webhook.created_by == owner.actor.label
    assert [row.product for row in webhook.product_subscriptions.all()] == [product]
    assert news == [{"signal": ANY, "webhook": webhook, "created": True}]


def test_ons_07_as_many_as_wanted_with_the_same_product(owner: Person) -> None:
    product = make_product()
    for _ in range(3):
        make_webhook(participant=owner.participant, products=[product])
    assert ProductSubscription.objects.filter(product=product).count() == 3


@pytest.mark.parametrize("url", ["http://hook.example.com/in", "https://hook.example.com:8443/in?x=1"])
def test_ons_01_http_and_https_are_accepted(owner: Person, url: str) -> None:
    assert make_webhook(participant=owner.participant, request_uri=url).request_uri == url


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"description": " "}, ("description", "required")),
        ({"description": "x" * 121}, ("description", "too_long")),
        ({"description": "a\0b"}, ("description", "unprintable")),
        ({"request_uri": ""}, ("request_uri", "required")),
        ({"request_uri": "ftp://a.example/"}, ("request_uri", "url_scheme")),
        ({"request_uri": "https://10.0.0.1/"}, ("request_uri", "refused_address")),
        ({"request_uri": "https://user:pw@a.example/"}, ("request_uri", "url_userinfo")),
        ({"retry_interval_seconds": 59}, ("retry_interval_minutes", "interval_range")),
        ({"retry_interval_seconds": 86_401}, ("retry_interval_minutes", "interval_range")),
        ({"max_attempts": 0}, ("max_attempts", "attempts_range")),
        ({"max_attempts": 21}, ("max_attempts", "attempts_range")),
        ({"max_attempts": 8, "retry_interval_seconds": 86_400}, ("max_attempts", "beyond_link_life")),
        ({"backoff": "hope"}, ("backoff", "unknown")),
        ({"rate_limit_count": 0, "rate_limit_period_seconds": 60}, ("rate_limit_count", "rate_range")),
        ({"rate_limit_count": 10_001, "rate_limit_period_seconds": 60}, ("rate_limit_count", "rate_range")),
        ({"rate_limit_period_seconds": 60}, ("rate_limit_count", "rate_range")),
        ({"rate_limit_count": 5, "rate_limit_period_seconds": 61}, ("rate_limit_period_seconds", "unknown")),
        ({"body_format": "xml"}, ("body_format", "unknown")),
        ({"auth_method": "quantum"}, ("auth_method", "unknown")),
        ({"auth_method": "secret"}, ("auth.secret", "required")),
        ({"private_ca": "no pem"}, ("private_ca", "ca_unreadable")),
        ({"private_ca": "-----BEGIN PRIVATE KEY-----"}, ("private_ca", "ca_is_key")),
        ({"event_types": frozenset({"publication.published"})}, ("event_types", "unknown")),
    ],
)
def test_unico_12_bad_values_are_refused_by_their_field(
    owner: Person, over: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refused(webhook_values(**over), owner.participant, owner.actor) == [expected]
    assert not Webhook.objects.exists()


def test_all_problems_are_named_at_once(owner: Person) -> None:
    values = webhook_values(description="", request_uri="x", max_attempts=99)
    assert [field for field, _ in refused(values, owner.participant, owner.actor)] == [
        "request_uri",
        "description",
        "max_attempts",
    ]


def test_x_4_a_product_of_another_audience_is_refused(owner: Person) -> None:
    hidden = make_product(audience="granted")
    values = webhook_values(products=[hidden])
    assert refused(values, owner.participant, owner.actor) == [("products", "product_unknown")]
    assert not Webhook.objects.exists()


# --- suspect score ----------------------------------------------------------------------------------------------


def test_unico_07_a_second_suspect_score_webhook_is_refused_naming_the_holder(owner: Person) -> None:
    make_webhook(participant=owner.participant, description="Mesa", notify_suspect_score=True)
    with pytest.raises(InvalidWebhook, match="“Mesa”") as caught:
        make_webhook(participant=owner.participant, notify_suspect_score=True)
    assert caught.value.code == "suspect_score_taken"


def test_unico_07_the_database_decides_between_two_saves_at_once(
    owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_webhook(participant=owner.participant, description="Mesa", notify_suspect_score=True)
    # As if the first had been saved between our look and our insert.
    monkeypatch.setattr("webhooks.actions.find_problems", lambda *_args: [])
    with pytest.raises(InvalidWebhook, match="“Mesa”"):
        make_webhook(participant=owner.participant, notify_suspect_score=True)
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize("free", ["switch off", "archive"])
def test_unico_07_the_place_becomes_free(owner: Person, free: str) -> None:
    values = webhook_values(notify_suspect_score=True)
    holder = create_webhook(owner.participant, values=values, by=owner.actor)
    if free == "archive":
        archive_webhook(holder, by=owner.actor)
    else:
        update_webhook(holder, values=replace(values, notify_suspect_score=False), by=owner.actor)
    assert make_webhook(participant=owner.participant, notify_suspect_score=True).notify_suspect_score


def test_unico_07_each_participant_has_its_own_place(owner: Person, outsider: Person) -> None:
    make_webhook(participant=owner.participant, notify_suspect_score=True)
    assert make_webhook(participant=outsider.participant, notify_suspect_score=True).notify_suspect_score


# --- secrets ----------------------------------------------------------------------------------------------------


def test_x_3_a_kept_secret_stays_with_its_version(owner: Person) -> None:
    webhook = secret_webhook(owner)
    values = webhook_values(description="renamed", auth_method="secret", auth_secrets={"secret": KEPT})
    updated = update_webhook(webhook, values=values, by=owner.actor)
    assert CANARY in updated.auth_secrets
    assert updated.auth_secrets_version == webhook.auth_secrets_version
    assert updated.auth_secrets_set_at == webhook.auth_secrets_set_at


def test_a_new_secret_gets_a_new_version(owner: Person) -> None:
    webhook = secret_webhook(owner)
    values = webhook_values(auth_method="secret", auth_secrets={"secret": "another"})
    updated = update_webhook(webhook, values=values, by=owner.actor)
    assert updated.auth_secrets == '{"secret": "another"}'
    assert updated.auth_secrets_version != webhook.auth_secrets_version


def test_clearing_a_required_secret_is_refused_and_changes_nothing(owner: Person) -> None:
    webhook = secret_webhook(owner)
    values = webhook_values(auth_method="secret", auth_secrets={"secret": ""})
    with pytest.raises(InvalidWebhook):
        update_webhook(webhook, values=values, by=owner.actor)
    webhook.refresh_from_db()
    assert CANARY in webhook.auth_secrets


def test_an_optional_secret_can_be_cleared(owner: Person) -> None:
    settings = {"username": "u", "token_header": "X-T"}
    secrets = {"password": "p", "token": CANARY}
    webhook = make_webhook(
        participant=owner.participant, auth_method="basic", auth_settings=settings, auth_secrets=secrets
    )
    values = webhook_values(auth_method="basic", auth_settings={"username": "u"}, auth_secrets={"token": ""})
    assert update_webhook(webhook, values=values, by=owner.actor).auth_secrets == '{"password": "p"}'


def test_another_methods_secrets_are_not_taken_over(owner: Person) -> None:
    webhook = secret_webhook(owner)
    updated = update_webhook(webhook, values=webhook_values(), by=owner.actor)
    assert updated.auth_secrets == ""
    assert updated.auth_secrets_version is None


def test_a_header_keeps_its_secret_under_a_new_name_and_place(owner: Person) -> None:
    webhook = secret_webhook(owner, headers=(HeaderValues("X-A", CANARY), HeaderValues("X-B", "b", secret=False)))
    first, second = webhook.headers.all()
    swapped = (
        HeaderValues("X-A", "b", secret=False, uuid=second.uuid),
        HeaderValues("X-B", KEPT, uuid=first.uuid),
    )
    values = webhook_values(auth_method="secret", headers=swapped)
    updated = update_webhook(webhook, values=values, by=owner.actor)
    rows = [(row.uuid, row.name, row.value, row.sealed_value) for row in updated.headers.order_by("position")]
    assert rows == [(second.uuid, "X-A", "b", ""), (first.uuid, "X-B", "", CANARY)]
    assert updated.headers.get(secret=True).secret_version == first.secret_version


def test_x_3_switching_a_stored_secret_to_visible_never_shows_it(owner: Person) -> None:
    webhook = secret_webhook(owner, headers=(HeaderValues("X-A", CANARY),))
    row = webhook.headers.get()
    values = webhook_values(auth_method="secret", headers=(HeaderValues("X-A", KEPT, secret=False, uuid=row.uuid),))
    with pytest.raises(InvalidWebhook) as caught:
        update_webhook(webhook, values=values, by=owner.actor)
    assert caught.value.code == "secret_hidden"
    row.refresh_from_db()
    assert (row.secret, row.value) == (True, "")


def test_x_4_a_header_of_another_webhook_lends_its_secret_to_nobody(owner: Person, outsider: Person) -> None:
    theirs = secret_webhook(owner, headers=(HeaderValues("X-A", CANARY),)).headers.get()
    values = webhook_values(headers=(HeaderValues("X-A", KEPT, uuid=theirs.uuid),))
    assert refused(values, outsider.participant, outsider.actor) == [("headers.0.value", "required")]


def test_an_unreadable_secret_has_to_be_given_again(owner: Person) -> None:
    webhook = secret_webhook(owner)
    other = secret_webhook(owner)
    Webhook.objects.filter(pk=webhook.pk).update(auth_secrets=other.auth_secrets_sealed)
    kept = webhook_values(auth_method="secret", auth_secrets={"secret": KEPT})
    with pytest.raises(InvalidWebhook) as caught:
        update_webhook(webhook, values=kept, by=owner.actor)
    assert [problem.field for problem in caught.value.problems] == ["auth.secret"]
    given = replace(kept, auth_secrets={"secret": "new-secret"})
    assert update_webhook(webhook, values=given, by=owner.actor).auth_secrets == '{"secret": "new-secret"}'


# --- versions, audit --------------------------------------------------------------------------------------------


def test_a_version_holds_what_is_no_secret_and_the_audit_too(owner: Person) -> None:
    product = make_product()
    webhook = create_webhook(
        owner.participant,
        values=webhook_values(
            request_uri=f"https://hook.example.com/in?token={CANARY}",
            auth_method="secret",
            auth_secrets={"secret": CANARY},
            headers=(HeaderValues("X-Key", CANARY), HeaderValues("X-Open", "open", secret=False)),
            products=[product],
        ),
        by=owner.actor,
    )
    version = webhook.versions.get()
    assert (version.number, version.by, webhook.current_version) == (1, owner.actor.label, version)
    assert version.settings["headers"] == [
        {"name": "X-Key", "secret": True},
        {"name": "X-Open", "secret": False, "value": "open"},
    ]
    assert version.settings["products"] == [str(product.uuid)]
    assert set(version.secret_versions["headers"]) == {"X-Key"}
    entry = AuditEntry.objects.get(action="webhooks.webhook.created")
    assert CANARY not in str(entry.after)
    assert "whsec_" not in str(version.settings) + str(version.secret_versions) + str(entry.after)


def test_a_save_that_changes_nothing_leaves_no_trace(owner: Person) -> None:
    values = webhook_values()
    webhook = create_webhook(owner.participant, values=values, by=owner.actor)
    update_webhook(webhook, values=values, by=owner.actor)
    assert webhook.versions.count() == 1
    assert AuditEntry.objects.filter(action="webhooks.webhook.updated").count() == 0


def test_the_line_ends_of_a_browser_make_no_new_version(owner: Person) -> None:
    pem = Authority().pem
    webhook = create_webhook(owner.participant, values=webhook_values(private_ca=pem), by=owner.actor)
    values = webhook_values(description=webhook.description, private_ca=pem.replace("\n", "\r\n"))
    assert update_webhook(webhook, values=values, by=owner.actor).current_version.number == 1


def test_ons_14_a_change_appends_a_version_and_audits_only_what_differs(owner: Person, news: list[Any]) -> None:
    values = webhook_values()
    webhook = create_webhook(owner.participant, values=values, by=owner.actor)
    update_webhook(webhook, values=replace(values, max_attempts=7), by=owner.actor)
    assert [version.number for version in webhook.versions.all()] == [2, 1]
    entry = AuditEntry.objects.get(action="webhooks.webhook.updated")
    assert (entry.before, entry.after) == ({"max_attempts": 5}, {"max_attempts": 7})
    assert [item["created"] for item in news] == [True, False]


def test_two_editors_at_once_the_second_is_told(owner: Person) -> None:
    values = webhook_values(seen_version=1)
    webhook = create_webhook(owner.participant, values=values, by=owner.actor)
    update_webhook(webhook, values=replace(values, max_attempts=6), by=owner.actor)
    with pytest.raises(InvalidWebhook) as caught:
        update_webhook(webhook, values=replace(values, max_attempts=7), by=owner.actor)
    assert caught.value.code == "changed_meanwhile"
    webhook.refresh_from_db()
    assert webhook.max_attempts == 6


def test_a_subscription_that_cannot_be_seen_any_longer_is_neither_lost_nor_offered(owner: Person) -> None:
    hidden, shown = make_product(), make_product()
    webhook = make_webhook(participant=owner.participant, products=[hidden, shown])
    type(hidden).objects.filter(pk=hidden.pk).update(active=False)
    update_webhook(webhook, values=webhook_values(), by=owner.actor)
    assert [row.product for row in webhook.product_subscriptions.all()] == [hidden]


def test_event_types_are_left_alone_unless_given(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, event_types=frozenset({"client-transaction"}))
    update_webhook(webhook, values=webhook_values(), by=owner.actor)
    assert webhook.event_type_subscriptions.count() == 1
    update_webhook(webhook, values=webhook_values(event_types=frozenset()), by=owner.actor)
    assert webhook.event_type_subscriptions.count() == 0


# --- stop, resume, archive --------------------------------------------------------------------------------------


def test_a_webhook_is_stopped_once(owner: Person, news: list[Any]) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert stop_webhook(webhook, reason="gone", by=owner.actor)
    assert not stop_webhook(webhook, reason="failing", by=owner.actor)
    webhook.refresh_from_db()
    assert (webhook.stopped, webhook.stopped_reason) == (True, "gone")
    assert AuditEntry.objects.filter(action="webhooks.webhook.stopped").count() == 1
    assert len(news) == 2


@pytest.mark.parametrize(
    ("over", "still_stopped"),
    [({}, True), ({"resume": True}, False), ({"request_uri": "https://new.example.com/"}, False)],
)
def test_a_stopped_webhook_starts_with_a_new_address_or_on_request(
    owner: Person, over: dict[str, Any], still_stopped: bool
) -> None:
    webhook = make_webhook(participant=owner.participant, stopped_at=timezone.now(), stopped_reason="gone")
    updated = update_webhook(webhook, values=webhook_values(**over), by=owner.actor)
    assert updated.stopped is still_stopped
    resumed = AuditEntry.objects.filter(action="webhooks.webhook.resumed").count()
    assert resumed == (0 if still_stopped else 1)


def test_archiving_is_final_and_audited_once(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    archive_webhook(webhook, by=owner.actor)
    archived = archive_webhook(webhook, by=owner.actor)
    assert archived.archived
    assert not archived.active
    assert AuditEntry.objects.filter(action="webhooks.webhook.archived").count() == 1
    for change in (
        lambda: update_webhook(webhook, values=webhook_values(), by=owner.actor),
        lambda: rotate_signing_secret(webhook, by=owner.actor),
    ):
        with pytest.raises(WebhookArchived):
            change()
    with pytest.raises(ActionError):
        reveal_signing_secret(webhook, by=owner.actor)
    assert not stop_webhook(webhook, reason="gone", by=owner.actor)


# --- signing secret ---------------------------------------------------------------------------------------------


def test_the_signing_secret_is_revealed_once(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert reveal_signing_secret(webhook, by=owner.actor) == webhook.signing_secret
    with pytest.raises(ActionError) as caught:
        reveal_signing_secret(webhook, by=owner.actor)
    assert caught.value.code == "already_shown"
    entry = AuditEntry.objects.get(action="webhooks.webhook.signing_secret_shown")
    assert "whsec_" not in str([entry.before, entry.after])


def test_a_rotated_secret_can_be_revealed_and_makes_a_version(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    before = reveal_signing_secret(webhook, by=owner.actor)
    rotated = rotate_signing_secret(webhook, by=owner.actor)
    assert rotated.previous_signing_secret == before
    assert reveal_signing_secret(webhook, by=owner.actor) == rotated.signing_secret != before
    assert rotated.current_version.number == 2
    entry = AuditEntry.objects.get(action="webhooks.webhook.signing_secret_rotated")
    assert set(entry.after) == {"secret_versions"}


def test_pressing_twice_does_not_push_out_the_secret_that_receivers_use(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    in_use = reveal_signing_secret(webhook, by=owner.actor)
    for _ in range(2):
        rotated = rotate_signing_secret(webhook, by=owner.actor)
    assert rotated.previous_signing_secret == in_use
    assert rotated.signing_secret != in_use


def test_the_overlap_is_ended_early_once_with_a_version_and_an_entry(owner: Person, news: list[Any]) -> None:
    webhook = make_webhook(participant=owner.participant)
    reveal_signing_secret(webhook, by=owner.actor)
    rotated = rotate_signing_secret(webhook, by=owner.actor)
    assert rotated.previous_signing_until == rotated.previous_signing_secret_until
    assert end_signing_overlap(webhook, by=owner.actor)
    assert not end_signing_overlap(webhook, by=owner.actor)
    ended = Webhook.objects.get()
    assert (ended.previous_signing_secret, ended.previous_signing_until) == ("", None)
    # Senders keep their plans by version: without another one they would go on signing with both.
    assert ended.current_version.number == rotated.current_version.number + 1
    [entry] = AuditEntry.objects.filter(action="webhooks.webhook.signing_overlap_ended")
    assert entry.before["previous_secret_signs_until"] > entry.after["previous_secret_signs_until"]
    assert "whsec_" not in str([entry.before, entry.after])


def test_without_an_overlap_there_is_nothing_to_end(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert not end_signing_overlap(webhook, by=owner.actor)
    rotate_signing_secret(webhook, by=owner.actor)  # nobody has ever seen the first one
    assert not end_signing_overlap(webhook, by=owner.actor)
    assert Webhook.objects.get().previous_signing_until is None


# --- which rows -------------------------------------------------------------------------------------------------


def test_x_4_an_actor_sees_its_participants_webhooks_only(owner: Person, outsider: Person, officer: Person) -> None:
    mine = make_webhook(participant=owner.participant)
    make_webhook(participant=outsider.participant)
    assert list(Webhook.objects.for_actor(owner.actor)) == [mine]
    assert list(Webhook.objects.for_actor(officer.actor)) == []


def test_receiving_are_those_that_a_publication_is_written_down_for(owner: Person) -> None:
    product = make_product()
    over: dict[str, Any] = {"participant": owner.participant, "products": [product]}
    active = make_webhook(**over)
    stopped = make_webhook(**over, stopped_at=timezone.now(), stopped_reason="gone")
    make_webhook(**over, active=False)
    make_webhook(**over, ready=False)
    make_webhook(**over | {"products": []})
    make_webhook(**over | {"participant": make_participant(blocked_at=timezone.now(), blocked_reason="x")})
    archive_webhook(make_webhook(**over), by=owner.actor)
    assert set(Webhook.objects.receiving(product)) == {active, stopped}
