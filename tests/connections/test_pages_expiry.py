"""Warnings before a certificate expires: on the pages, and by mail 30, 14, 7 and 1 days before, each once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone, translation

from connections.actions import replace_key_pair
from connections.expiry import THRESHOLDS, describe_validity, find_threshold
from connections.expiry_notices import warn_of_expiries
from connections.models import KeyPair
from connections.tasks import warn_of_expiring_certificates
from notices.models import Notice
from notices.tasks import send_notices
from portal.jobs import JOBS
from tests.at_once import at_once
from tests.connections.pages import text
from tests.factories import make_connection, make_key_pair, make_upload, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def ending_in(owner: Person, left: timedelta, **over: Any) -> KeyPair:
    now = timezone.now()
    over = {"not_before": now - 400 * DAY, "not_after": now + left, "participant": owner.participant} | over
    made: KeyPair = make_key_pair(**over)
    return made


def told() -> list[tuple[str, str]]:
    """Of each notice: whom it is for, and the threshold that its key names."""
    keys = Notice.objects.order_by("pk").values_list("audience", "dedupe_key")
    return [(audience, key.split(":")[3]) for audience, key in keys]


# --- when ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "threshold"),
    [
        (31 * DAY, None),
        (30 * DAY + timedelta(seconds=1), None),
        (30 * DAY, 30),
        (14 * DAY + timedelta(seconds=1), 30),
        (14 * DAY, 14),
        (8 * DAY, 14),
        (7 * DAY, 7),
        (2 * DAY, 7),
        (DAY, 1),
        (timedelta(seconds=1), 1),
        (timedelta(0), None),
        (-DAY, None),
    ],
)
def test_the_newest_threshold_that_is_reached_counts(left: timedelta, threshold: int | None) -> None:
    assert find_threshold(NOW + left, NOW) == threshold


def test_thresholds_are_those_of_the_promise() -> None:
    assert THRESHOLDS == (30, 14, 7, 1)


@pytest.mark.parametrize(
    ("left", "tone", "word"),
    [
        (31 * DAY, "ok", "Valid until 21 Dec 2026"),
        (12 * DAY, "warn", "Expires in 12 days"),
        (DAY, "warn", "Expires in 1 day"),
        # Noon in Brasília: 13 hours later is another day there, 11 hours later is not.
        (timedelta(hours=13), "warn", "Expires in 1 day"),
        (timedelta(hours=11), "warn", "Expires today"),
        (timedelta(0), "bad", "Expired on 20 Nov 2026"),
    ],
)
def test_days_are_counted_as_on_a_calendar(left: timedelta, tone: str, word: str) -> None:
    state = describe_validity(NOW - DAY, NOW + left, NOW)
    assert (state.tone, state.word) == (tone, word)


def test_a_certificate_may_begin_later() -> None:
    assert describe_validity(NOW + DAY, NOW + 90 * DAY, NOW).word == "Valid from 21 Nov 2026 on"


# --- by mail ------------------------------------------------------------------------------------------------------


def test_participant_and_operator_are_told_once_for_each_threshold(owner: Person) -> None:
    pair = ending_in(owner, 40 * DAY)
    for left in (40, 30, 29, 14, 14, 7, 3, 1):
        KeyPair.objects.update(not_after=timezone.now() + left * DAY)
        for _look in range(2):
            warn_of_expiring_certificates()
    expected = [(audience, days) for days in ("30", "14", "7", "1") for audience in ("participant", "operators")]
    assert told() == expected
    assert {notice.subject for notice in Notice.objects.all()} == {pair.name}


def test_a_job_that_slept_tells_the_newest_threshold_only(owner: Person) -> None:
    ending_in(owner, 5 * DAY)
    assert warn_of_expiries(timezone.now()) == 2
    assert told() == [("participant", "7"), ("operators", "7")]


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_warn_once(owner: Person) -> None:
    for _number in range(3):
        ending_in(owner, 10 * DAY)
    now = timezone.now()
    at_once([lambda: warn_of_expiries(now)] * 3)
    assert Notice.objects.count() == 6


def test_a_replaced_certificate_warns_no_more_until_it_ends_itself(owner: Person) -> None:
    pair = ending_in(owner, 10 * DAY)
    replace_key_pair(pair, upload=make_upload(), by=owner.actor)
    KeyPair.objects.update(not_after=timezone.now() + 100 * DAY)
    assert warn_of_expiries(timezone.now()) == 0
    KeyPair.objects.update(not_after=timezone.now() + 10 * DAY)
    assert warn_of_expiries(timezone.now()) == 2


def test_a_new_certificate_begins_anew(owner: Person) -> None:
    pair = ending_in(owner, 10 * DAY)
    warn_of_expiries(timezone.now())
    replace_key_pair(pair, upload=make_upload(), by=owner.actor)
    KeyPair.objects.update(not_after=timezone.now() + 10 * DAY)
    assert warn_of_expiries(timezone.now()) == 2


def test_archived_expired_and_blocked_ones_are_silent(owner: Person, outsider: Person) -> None:
    ending_in(owner, 10 * DAY, archived_at=timezone.now())
    ending_in(owner, -DAY)
    ending_in(outsider, 10 * DAY)
    type(outsider.participant).objects.filter(pk=outsider.participant.pk).update(
        blocked_at=timezone.now(), blocked_reason="x"
    )
    assert warn_of_expiries(timezone.now()) == 0


def test_the_mail_goes_to_those_who_can_act_in_their_language(owner: Person, viewer: Person, settings: Any) -> None:
    settings.PORTAL_OPERATOR_EMAILS = ["night@operator.test"]
    teammate = owner.colleague("technical")
    pair = ending_in(owner, 12 * DAY, name="Assinatura 2026")
    make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair, name="Emissor da câmara")
    warn_of_expiring_certificates()
    send_notices()
    assert sorted(message.to[0] for message in mail.outbox) == sorted(
        [owner.user.email, teammate.user.email, "night@operator.test"]
    )
    theirs = next(message for message in mail.outbox if message.to == [owner.user.email])
    for words in ("Assinatura 2026", "in 12 days", "CN=client.example.com", "Emissor da câmara", "by Replace"):
        assert words in theirs.body, words
    assert reverse("connections:key-pair-detail", args=[pair.uuid]) in theirs.body
    assert "expires on" in theirs.subject
    ours = next(message for message in mail.outbox if message.to == ["night@operator.test"])
    assert reverse("admin:connections_keypair_change", args=[pair.pk]) in ours.body
    assert owner.participant.name in ours.body


def test_the_job_is_among_those_that_run() -> None:
    tasks = {job.task for job in JOBS}
    assert {"connections.tasks.warn_of_expiring_certificates", "connections.tasks.remove_connection_runs"} <= tasks


# --- on the pages --------------------------------------------------------------------------------------------------


@pytest.fixture
def webhook(owner: Person) -> Any:
    return make_webhook(participant=owner.participant, description="Mesa")


@pytest.mark.parametrize("by", ["client certificate", "connection"])
def test_webhooks_warn_of_the_certificates_that_they_use(owner: Person, webhook: Any, by: str) -> None:
    pair = ending_in(owner, 12 * DAY, name="Assinatura 2026")
    if by == "connection":
        connection = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair)
        type(webhook).objects.update(connection=connection)
    else:
        type(webhook).objects.update(client_key_pair=pair)
    for page in (reverse("webhooks:webhook-list"), reverse("dispatch:webhook-detail", args=[webhook.uuid])):
        shown = text(owner.client.get(page))
        for words in (
            "Assinatura 2026",
            "expires in 12 days",
            reverse("connections:key-pair-detail", args=[pair.uuid]),
        ):
            assert words in shown, (page, words)
    KeyPair.objects.update(not_after=timezone.now() + 100 * DAY)
    for page in (reverse("webhooks:webhook-list"), reverse("dispatch:webhook-detail", args=[webhook.uuid])):
        assert "Assinatura 2026" not in text(owner.client.get(page))


def test_the_list_of_webhooks_asks_for_all_certificates_at_once(
    owner: Person, django_assert_max_num_queries: Any
) -> None:
    pair = ending_in(owner, 12 * DAY)
    webhook = make_webhook(participant=owner.participant)
    type(webhook).objects.update(client_key_pair=pair)
    owner.client.get(reverse("webhooks:webhook-list"))
    with django_assert_max_num_queries(30) as one:
        owner.client.get(reverse("webhooks:webhook-list"))
    for _number in range(4):
        make_webhook(participant=owner.participant)
    type(webhook).objects.update(client_key_pair=pair)
    with django_assert_max_num_queries(len(one)):
        owner.client.get(reverse("webhooks:webhook-list"))


def test_warnings_are_portuguese_too(owner: Person, webhook: Any) -> None:
    pair = ending_in(owner, 12 * DAY)
    type(webhook).objects.update(client_key_pair=pair)
    owner.user.language = "pt-br"
    owner.user.save()
    with translation.override("pt-br"):
        words = str(describe_validity(pair.not_before, pair.not_after, timezone.now()).reason)
    assert words in text(owner.client.get(reverse("webhooks:webhook-list")))
