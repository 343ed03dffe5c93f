"""Erasing a participant: afterwards nothing anywhere tells who it was, and nothing of anybody else is touched."""

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from access.actions import request_erasure, unblock_participant
from access.actors import Actor
from access.audit import record
from access.audit_chain import link_entries, verify_chain
from access.errors import ActionError
from access.models import AuditEntry, AuditRedaction, Erasure, Membership, Participant, User, UserSession
from catalog.models import ProductGrant
from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from dispatch.fan_out import fan_out, webhooks_told_of
from dispatch.models import Attempt, Delivery, Event, Lane, ProductStatus, SendBatch, WebhookDay
from dispatch.tallies import read_totals
from notices.models import Notice
from portal import erasing
from portal.tasks import erase_participants
from tests.factories import (
    make_event,
    make_member,
    make_participant,
    make_product,
    make_publication,
)
from tests.people import Person, make_owner
from tests.portal.condemned import (
    ADDRESS,
    MARK,
    STAFF,
    configure,
    erase,
    log_of,
    places_of,
    send,
)
from webhooks.models import Webhook, WebhookTest, WebhookVersion

pytestmark = pytest.mark.django_db


def test_nothing_is_left_that_tells_who_it_was(condemned: Person) -> None:
    participant, cnpj, uuid = condemned.participant, condemned.participant.cnpj, condemned.user.uuid
    before = places_of(MARK)
    # The search finds what is there: one place of each kind, from the row itself to what others wrote of it.
    assert {
        "database: access_participant.name",
        "database: access_user.email",
        "database: access_auditentry.after",
        "database: webhooks_webhook.request_uri",
        "database: webhooks_webhookversion.settings",
        "database: webhooks_webhooktest.exchange",
        "database: connections_keypair.subject",
        "database: connections_cachedtoken.failure_detail",
        "database: connections_connectionrun.by",
        "database: dispatch_delivery.body",
        "database: dispatch_event.payload",
        "database: dispatch_attempt.response_body",
        "database: dispatch_sendbatch.by_label",
        "database: notices_notice.subject",
        "database: django_admin_log.object_repr",
    } <= before
    assert places_of(cnpj)
    assert places_of(ADDRESS)
    erase(participant)
    assert places_of(MARK, cnpj, ADDRESS) == set()
    person = User.objects.get(uuid=uuid)
    assert (person.name, person.is_active, person.has_usable_password()) == ("", False, False)


def test_every_kind_of_row_is_gone_and_the_totals_stay(condemned: Person) -> None:
    participant, totals = condemned.participant, read_totals()
    erasure = erase(participant)
    sent: list[Any] = [Delivery, Attempt, ProductStatus, SendBatch, Lane, WebhookDay]
    kept: list[Any] = [Webhook, WebhookVersion, WebhookTest, Connection, KeyPair, CachedToken, ConnectionRun]
    others: list[Any] = [Notice, ProductGrant, Membership]
    for model in (*sent, *kept, *others):
        assert not model._base_manager.exists(), model
    assert not Event.objects.filter(participant=participant).exists()
    assert read_totals() == totals
    assert erasure.removed["notifications"] == 7
    assert [erasure.removed[name] for name in ("people", "memberships", "name")] == [2, 1, 1]
    signed_in = {session.get_decoded().get("_auth_user_id") for session in Session.objects.all()}
    assert str(condemned.user.pk) not in signed_in


def test_nobody_else_is_touched(condemned: Person) -> None:
    other = make_owner("Kept Energia", "kept@example.test")
    webhook = configure(other.participant, other.actor)
    send(webhook)
    # Of both participants: stays as it is.
    make_member(condemned.user, other.participant, "viewer")
    before = {model: model._base_manager.count() for model in (Event, Notice)}
    erase(condemned.participant)
    assert Webhook.objects.get() == webhook
    assert (Delivery.objects.count(), Attempt.objects.count(), WebhookTest.objects.count()) == (7, 6, 2)
    assert (KeyPair.objects.count(), CachedToken.objects.count(), ConnectionRun.objects.count()) == (1, 1, 1)
    assert (ProductGrant.objects.count(), Notice.objects.count()) == (1, before[Notice] // 2)
    assert User.objects.get(pk=condemned.user.pk).email == f"{MARK}@example.test"
    assert AuditEntry.objects.get(participant=other.participant, action="webhooks.webhook.updated").after == {
        "to": MARK
    }


def test_whoever_has_a_name_that_holds_theirs_is_not_touched(condemned: Person) -> None:
    name = condemned.participant.name
    neighbour = make_owner(f"{name} Sul", f"x{MARK}@example.test")
    staff = User.objects.get(email="logs@operator.test")
    log = [log_of(staff, f"{name} Sul"), log_of(staff, str(neighbour.user)), log_of(staff, f"Banco {name}")]
    gone = [log_of(staff, name), log_of(staff, str(condemned.user))]
    session = UserSession(user=neighbour.user, key_digest=uuid4().hex, auth_digest="", expires_at=timezone.now())
    session.user_agent, session.address = "their browser", "203.0.113.78"
    with transaction.atomic():
        entry = record(by=Actor.for_staff(staff), action="access.session.ended", obj=session, after={"from": "there"})
    erase(condemned.participant)
    kept = AuditEntry.objects.get(pk=entry.pk)
    assert (kept.object_label, kept.after) == (str(session), {"from": "there"})
    assert LogEntry.objects.filter(pk__in=[row.pk for row in log]).count() == 3
    assert not LogEntry.objects.filter(pk__in=[row.pk for row in gone]).exists()


def test_a_name_of_before_that_another_bears_now_finds_nothing(condemned: Person) -> None:
    heir = make_participant(name=f"{MARK} before")
    staff = User.objects.get(email="logs@operator.test")
    kept = log_of(staff, heir.name)
    erase(condemned.participant)
    assert LogEntry.objects.filter(pk=kept.pk).exists()
    entries = AuditEntry.objects.filter(object_type="catalog.product", redaction__isnull=True)
    assert [entry.before for entry in entries] == [{"participants": [heir.name]}]


def test_what_they_did_for_others_stays_in_the_trail_of_those(condemned: Person) -> None:
    other, user = make_participant(name="Kept Energia"), condemned.user
    # Once a member there, and once of the operator.
    away = Actor.for_member(Membership(user=user, participant=other, role="administrator"))
    product = make_product(name="Prices")
    with transaction.atomic():
        did = record(by=away, action="access.participant.updated", obj=other, after={"kind": "bank"})
        staff = record(
            by=Actor.for_staff(user), action="catalog.product.updated", obj=product, after={"name": "Prices"}
        )
        own = record(by=Actor.for_self(user), action="access.user.signed_in", obj=product, after={"by": "code"})
    erase(condemned.participant)
    entries = AuditEntry.objects.in_bulk([did.pk, staff.pk, own.pk])
    assert (entries[did.pk].object_label, entries[did.pk].after) == ("Kept Energia", {"kind": "bank"})
    assert (entries[staff.pk].object_label, entries[staff.pk].after) == ("Prices", {"name": "Prices"})
    assert (entries[own.pk].object_label, entries[own.pk].after, entries[own.pk].actor_label) == ("", {}, "")


def test_the_chain_stays_whole_and_a_forged_emptying_shows(condemned: Person) -> None:
    link_entries()
    assert verify_chain().problem == ""
    erase(condemned.participant)
    link_entries()
    verdict = verify_chain()
    assert (verdict.problem, verdict.redacted) == ("", AuditRedaction.objects.count())
    assert verdict.redacted > 3
    # Somebody who can write to the database, and has no key, empties an entry to hide what was done.
    hidden = AuditEntry.objects.get(action="access.participant.erased")
    with transaction.atomic():
        AuditRedaction.objects.create(entry=hidden, erasure=Erasure.objects.get(), key_id="k1", mac="0" * 64)
        AuditEntry.objects.filter(pk=hidden.pk).update(after={})
    assert f"entry {hidden.pk}" in verify_chain().problem


def test_an_entry_is_emptied_only_where_a_redaction_stands_and_of_nothing_else(condemned: Person) -> None:
    entry = AuditEntry.objects.filter(participant=condemned.participant).first()
    assert entry is not None
    mine = AuditEntry.objects.filter(pk=entry.pk)

    def refused(**values: Any) -> bool:
        try:
            with transaction.atomic():
                mine.update(**values)
        except IntegrityError:
            return True
        return False

    assert refused(object_label="")
    erasure = request_erasure(condemned.participant, reason="contract ended", by=STAFF)
    AuditRedaction.objects.create(entry=entry, erasure=erasure, key_id="k1", mac="0" * 64)
    for changed in (
        {"object_label": "another"},
        {"after": {"to": "another"}},
        {"action": "nothing.happened"},
        {"recorded_at": timezone.now()},
        {"participant": None},
        {"object_id": "", "object_label": ""},
    ):
        assert refused(**changed), changed
    assert not refused(object_label="", before={}, after={}, actor_label="", address="")
    for row in (mine, AuditRedaction.objects.all()):
        with pytest.raises(IntegrityError), transaction.atomic():
            row._raw_delete(connection.alias)


def test_it_goes_on_where_it_was_cut_off(condemned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.erasing.CHUNK", 2)
    monkeypatch.setattr("access.redaction.CHUNK", 1)
    erasure = request_erasure(condemned.participant, reason="contract ended", by=STAFF)
    rounds = 0
    while not erasing.carry_on(erasure, ends_at=time.monotonic()):
        rounds += 1
        assert rounds < 80
    assert rounds > 8
    assert Erasure.objects.get().removed["notifications"] == 7
    assert places_of(MARK) == set()
    [done] = AuditEntry.objects.filter(action="access.participant.erased")
    # Once more changes nothing, and tells nothing twice.
    assert erasing.carry_on(Erasure.objects.get(), ends_at=float("inf"))
    assert AuditEntry.objects.get(action="access.participant.erased") == done


def test_what_is_in_flight_is_waited_for(condemned: Person) -> None:
    erasure = request_erasure(condemned.participant, reason="contract ended", by=STAFF)
    leased = Delivery.objects.filter(lease_token__isnull=False)
    leased.update(due_at=timezone.now() + timedelta(minutes=2))
    assert not erasing.carry_on(erasure, ends_at=float("inf"))
    assert Delivery.objects.count() == 1
    assert Webhook.objects.exists()
    # Its worker died: the lease ends.
    leased.update(due_at=timezone.now() - timedelta(seconds=1))
    assert erasing.carry_on(erasure, ends_at=float("inf"))


def test_nothing_is_removed_before_what_was_under_way_has_ended(
    condemned: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "QUIET", timedelta(seconds=60))
    erasure = request_erasure(condemned.participant, reason="contract ended", by=STAFF)
    assert not erasing.carry_on(erasure, ends_at=float("inf"))
    assert Delivery.objects.count() == 7
    assert 55 < erasing.seconds_to_wait(erasure, timezone.now()) <= 60
    Erasure.objects.update(requested_at=timezone.now() - timedelta(seconds=61))
    assert erase_participants() > 7
    assert Erasure.objects.get().finished_at


def test_what_is_written_late_is_swept_for_a_day(condemned: Person) -> None:
    erasure = erase(condemned.participant)
    WebhookTest.objects.create(participant=condemned.participant, by=f"{MARK} person", at=timezone.now())
    assert erase_participants() == 1
    assert places_of(MARK) == set()
    Erasure.objects.filter(pk=erasure.pk).update(finished_at=timezone.now() - timedelta(days=2))
    WebhookTest.objects.create(participant=condemned.participant, by="somebody", at=timezone.now())
    assert erase_participants() == 0


def test_one_that_breaks_does_not_keep_the_others(condemned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = request_erasure(make_participant(), reason="contract ended", by=STAFF)
    erasure = request_erasure(condemned.participant, reason="contract ended", by=STAFF)
    carry_on = erasing.carry_on

    def break_first(each: Erasure, **more: Any) -> bool:
        if each.pk == broken.pk:
            raise RuntimeError("broken row")
        return carry_on(each, **more)

    monkeypatch.setattr(erasing, "carry_on", break_first)
    with pytest.raises(RuntimeError):
        erasing.erase_all()
    assert Erasure.objects.get(pk=erasure.pk).finished_at
    assert places_of(MARK) == set()


def test_from_the_order_on_it_is_blocked_for_good_and_told_of_nothing(condemned: Person) -> None:
    product = ProductGrant.objects.get(participant=condemned.participant).product
    request_erasure(condemned.participant, reason="contract ended", by=STAFF)
    event = make_event(publication=make_publication(product))
    with transaction.atomic():
        assert fan_out(event, webhooks_told_of(product), now=timezone.now(), by="test") == 0
    with pytest.raises(ActionError) as refused:
        unblock_participant(condemned.participant, by=STAFF)
    assert refused.value.code == "erased"
    with pytest.raises(ActionError) as refused:
        request_erasure(condemned.participant, reason="again", by=STAFF)
    assert refused.value.code == "already_erasing"
    assert Erasure.objects.count() == 1


def test_a_reason_is_wanted_and_nothing_happens_without(condemned: Person) -> None:
    with pytest.raises(ActionError) as refused:
        request_erasure(condemned.participant, reason="  ", by=STAFF)
    assert refused.value.code == "reason_missing"
    assert not Erasure.objects.exists()
    assert not Participant.objects.get().blocked


def test_the_cnpj_may_be_used_again(condemned: Person) -> None:
    cnpj = condemned.participant.cnpj
    erase(condemned.participant)
    assert make_participant(cnpj=cnpj).pk != condemned.participant.pk
