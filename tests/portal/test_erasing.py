"""Erasing a participant: afterwards nothing anywhere tells who it was, and nothing of anybody else is touched."""

import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
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
from notices.actions import Draft, post_notice
from notices.models import Notice
from portal import erasing
from portal.tasks import erase_participants
from tests.canary import Search
from tests.certificates import self_signed
from tests.factories import (
    make_attempt,
    make_connection,
    make_delivery,
    make_event,
    make_key_pair,
    make_member,
    make_participant,
    make_product,
    make_publication,
    make_user,
    make_webhook,
)
from tests.people import Person, make_owner
from webhooks.models import Webhook, WebhookTest, WebhookVersion
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db
STAFF = Actor.system("operations")
# In every text that tells of the participant or its people; the search leaves letters' case alone.
MARK = "zorgon"
ADDRESS = "203.0.113.77"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "QUIET", timedelta(0))


def configure(participant: Participant, actor: Actor) -> Webhook:
    """A webhook with everything that can hang on it, under marked names."""
    product = make_product(granted_to=[participant])
    key_pair = make_key_pair(self_signed(f"{MARK}.example", kind="EC"), participant=participant, name=f"{MARK} key")
    shared = make_connection(participant=participant, name=f"{MARK} login", token_url=f"https://{MARK}.example/token")
    values: dict[str, Any] = {
        "description": f"{MARK} webhook",
        "request_uri": f"https://{MARK}.example/in?key={MARK}-key",
        "headers": (HeaderValues("X-One", f"{MARK} header", secret=False), HeaderValues("X-Two", f"{MARK} secret")),
    }
    webhook = make_webhook(participant=participant, products=[product], **values)
    now = timezone.now()
    token = {"connection": shared, "credential_version": shared.credential_version}
    cached = CachedToken(key=uuid4().hex, obtained_at=now, refresh_at=now, failure_detail=f"{MARK} said no", **token)
    cached.token = f"{MARK} token"
    cached.save()
    ConnectionRun.objects.create(connection=shared, by=f"{MARK} person", at=now, purge_at=now)
    WebhookTest.objects.create(participant=participant, webhook=webhook, by=f"{MARK} person", at=now)
    WebhookTest.objects.create(participant=participant, by=f"{MARK} person", at=now, exchange={"of": MARK})
    with transaction.atomic():
        post_notice(Draft("webhook_stopped", uuid4().hex, participant.pk, f"{MARK} webhook", values={"webhook": MARK}))
        key = f"key_pair_expiring:{key_pair.uuid}:{key_pair.fingerprint[:16]}:30:operators"
        post_notice(Draft("key_pair_expiring", key, None, f"{MARK} key", values={"owner": MARK}))
        record(by=actor, action="webhooks.webhook.updated", obj=webhook, participant=participant, after={"to": MARK})
    return webhook


def send(webhook: Webhook) -> None:
    """Notifications in every state, with attempts, statuses, batches, days."""
    now = timezone.now()
    batch = SendBatch.objects.create(webhook=webhook, kind="enviar_tudo", by_label=f"{MARK} person")
    states: list[dict[str, Any]] = [
        {"state": "waiting"},
        {"state": "held", "reason": "webhook_stopped", "due_at": None},
        {"state": "delivered", "due_at": None, "finished_at": now, "batch": batch, "cause": "enviar_tudo"},
        {"state": "failed", "reason": "exhausted", "due_at": None, "finished_at": now},
        {"state": "cancelled", "reason": "archived", "due_at": None, "finished_at": now},
        {"state": "waiting", "lease_token": uuid4(), "due_at": now - timedelta(seconds=1)},
    ]
    for over in states:
        delivery = make_delivery(webhook=webhook, body=f"{MARK} body".encode(), created_by=f"{MARK} person", **over)
        make_attempt(delivery, url=f"https://{MARK}.example/", response_body=f"{MARK} answer")
        ProductStatus.objects.update_or_create(
            webhook=webhook,
            product=delivery.event.publication.product,
            defaults={"delivery": delivery, "state": delivery.state, "changed_at": now},
        )
    own = make_event(participant=webhook.participant, payload=f'{{"of": "{MARK}"}}', mode="test")
    make_delivery(webhook=webhook, event=own)
    make_event(participant=webhook.participant, payload=f'{{"of": "{MARK}"}}', mode="test")
    WebhookDay.objects.create(webhook=webhook, day=now.date(), delivered=3)


@pytest.fixture
def condemned(db: None) -> Person:
    """An owner whose participant has everything."""
    owner = make_owner(f"{MARK.title()} Geração", f"{MARK}@example.test")
    User.objects.filter(pk=owner.user.pk).update(name=f"{MARK} owner")
    owner.user.refresh_from_db()
    owner.client.get("/", REMOTE_ADDR=ADDRESS)
    owner.client.post(reverse("access:preferences-update"), {"theme": "dark"}, REMOTE_ADDR=ADDRESS)
    webhook = configure(owner.participant, owner.actor)
    send(webhook)
    kind = ContentType.objects.get_for_model(User)
    staff = make_user(email="logs@operator.test", is_staff=True)
    LogEntry.objects.create(
        user=staff, content_type=kind, object_id=str(owner.user.pk), object_repr=str(owner.user), action_flag=2
    )
    former = make_user(name=f"{MARK} former", email=f"{MARK}-former@example.test")
    product = ProductGrant.objects.get(participant=owner.participant).product
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(product),
        object_id=str(product.pk),
        object_repr=product.name,
        change_message=json.dumps([{"added": {"object": str(owner.participant)}}]),
        action_flag=2,
    )
    with transaction.atomic():
        by = Actor.for_staff(staff)
        # All that is known of somebody whose membership was removed, and who never did anything.
        gone = Membership(user=former, participant=owner.participant)
        left = {"user": str(former)}
        record(by=by, action="access.membership.deleted", obj=gone, participant=owner.participant, before=left)
        audience = {"participants": [owner.participant.name, "another"]}
        record(by=by, action="catalog.product.updated", obj=product, after=audience)
        # As staff end a session: nothing but its label says whose it was.
        session = UserSession(user=owner.user, key_digest=uuid4().hex, auth_digest="", expires_at=timezone.now())
        session.user_agent, session.address = f"{MARK} browser", ADDRESS
        session.save()
        after = {"device": session.user_agent, "from": ADDRESS}
        record(by=Actor.for_staff(staff), action="access.session.ended", obj=session, after=after)
        called_otherwise_before(owner, staff, product)
    return owner


def called_otherwise_before(owner: Person, staff: User, product: Any) -> None:
    """What was written while the participant and the person had other names, and that they were given these."""
    by, was = Actor.for_staff(staff), f"{MARK} before"
    named = {"name": {"before": was, "after": owner.participant.name}}
    moved = {"email": {"before": f"{MARK}-before@example.test", "after": owner.user.email}}
    for obj, change in ((owner.participant, named), (owner.user, moved)):
        [(key, values)] = change.items()
        before, after = {key: values["before"]}, {key: values["after"]}
        record(by=by, action=f"{obj._meta.label_lower}.updated", obj=obj, before=before, after=after)
    then = User(name="", email=f"{MARK}-before@example.test")
    session = UserSession(user=then, key_digest=uuid4().hex, auth_digest="", expires_at=timezone.now())
    record(by=by, action="access.session.ended", obj=session)
    record(by=by, action="catalog.product.updated", obj=product, before={"participants": [was]})
    for name in (was, str(then)):
        log_of(staff, name)


def erase(participant: Participant) -> Erasure:
    erasure = request_erasure(participant, reason="contract ended", by=STAFF)
    assert erasing.carry_on(erasure, ends_at=float("inf"))
    return Erasure.objects.get(pk=erasure.pk)


def places_of(*words: str) -> set[str]:
    search = Search()
    search.add_database()
    texts = [(place, content.lower()) for place, content in search.texts]
    return {place for place, content in texts for word in words if word.lower() in content}


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


def log_of(staff: User, named: str) -> LogEntry:
    """What the admin's own log keeps when somebody is added to the audience of a product."""
    message = json.dumps([{"added": {"name": "grant", "object": f"Prices · {named}"}}])
    kind = ContentType.objects.get_for_model(Participant)
    return LogEntry.objects.create(
        user=staff, content_type=kind, object_id="0", object_repr=named, change_message=message, action_flag=2
    )


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


# --- the command ------------------------------------------------------------------------------------------------


def test_the_command_says_what_would_go_and_changes_nothing(condemned: Person, capsys: Any) -> None:
    call_command("erase_participant", condemned.participant.formatted_cnpj, "--dry-run")
    said = capsys.readouterr().out
    assert "         7  notifications with their attempts" in said
    assert "         2  people who belong to no other participant" in said
    assert Delivery.objects.count() == 7
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--reason", "over", "--confirmed", "00.000.000/0000-00"], "not its CNPJ"),
        (["--confirmed", "the cnpj"], "reason"),
    ],
)
def test_the_command_refuses_without_the_cnpj_and_a_reason(condemned: Person, words: list[str], says: str) -> None:
    cnpj = condemned.participant.cnpj
    words = [cnpj if word == "the cnpj" else word for word in words]
    with pytest.raises(CommandError, match=says) as refused:
        call_command("erase_participant", cnpj, *words)
    assert refused.value.returncode == 2
    assert not Erasure.objects.exists()


def test_the_command_erases_to_the_end_lists_and_may_be_repeated(condemned: Person, capsys: Any) -> None:
    participant = condemned.participant
    call_command("erase_participant", participant.cnpj, "--reason", "over", "--confirmed", participant.cnpj)
    assert f"erased: {participant.uuid}" in capsys.readouterr().out
    assert places_of(MARK) == set()
    call_command("erase_participant", str(participant.uuid))
    call_command("erase_participant", "--list")
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{participant.uuid} ")
    with pytest.raises(CommandError, match="no such participant"):
        call_command("erase_participant", "12.345.678/0001-95")


def test_the_command_waits_anew_whenever_something_went(condemned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now, rounds = [0.0], iter([True, True, True, False])
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def carry_on(erasure: Erasure, *, ends_at: float, tell: Any) -> bool:
        going = next(rounds)
        now[0] += 200.0
        tell("notifications: 500")
        return not going

    monkeypatch.setattr(erasing, "carry_on", carry_on)
    cnpj = condemned.participant.cnpj
    call_command("erase_participant", cnpj, "--reason", "over", "--confirmed", cnpj)
    assert next(rounds, None) is None


# --- the page of the admin --------------------------------------------------------------------------------------


def page_of(participant: Participant) -> str:
    return reverse("admin:access_participant_erase", args=[participant.pk])


def test_the_page_says_what_goes_and_changes_nothing(officer: Person, condemned: Person) -> None:
    shown = officer.client.get(page_of(condemned.participant)).content.decode()
    assert '<tr><td>notifications with their attempts</td><td class="number">7</td></tr>' in shown
    assert not Erasure.objects.exists()


def test_the_page_counts_no_further_than_it_tells(condemned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dispatch.backlog", "portal.erasing"):
        monkeypatch.setattr(f"{name}.COUNTED_AT_MOST", 3)
    plan = {str(words): number for words, number in erasing.plan_erasure(condemned.participant)}
    assert plan["notifications with their attempts"] == "3+"


@pytest.mark.parametrize("given", [{"cnpj": "other"}, {"reason": ""}, {"cnpj": ""}])
def test_a_slip_of_the_finger_erases_nobody(officer: Person, condemned: Person, given: dict[str, str]) -> None:
    other = make_participant()
    values = {"cnpj": condemned.participant.cnpj, "reason": "contract 12"} | given
    values["cnpj"] = other.cnpj if values["cnpj"] == "other" else values["cnpj"]
    assert "errors" in officer.client.post(page_of(condemned.participant), values).content.decode()
    assert not Erasure.objects.exists()
    assert not Participant.objects.get(pk=condemned.participant.pk).blocked


def test_an_officer_orders_it_and_sees_how_far_it_is(officer: Person, condemned: Person) -> None:
    participant = condemned.participant
    values = {"cnpj": participant.formatted_cnpj, "reason": "contract 12"}
    ordered = officer.client.post(page_of(participant), values, follow=True).content.decode()
    assert "Being erased by a job" in ordered
    entry = AuditEntry.objects.get(action="access.participant.erasure_requested")
    assert (entry.actor_user, entry.after) == (officer.user, {"reason": "contract 12"})
    assert Delivery.objects.count() == 7
    # Pressed twice: one order.
    officer.client.post(page_of(participant), values)
    erase_participants()
    done = officer.client.get(page_of(participant)).content.decode()
    assert "Erased." in done
    assert MARK not in done.lower()
    change = reverse("admin:access_participant_change", args=[participant.pk])
    assert officer.client.post(change, {"name": "again", "cnpj": participant.cnpj, "kind": "bank"}).status_code == 403


def test_it_takes_a_permission_of_its_own(condemned: Person, outsider: Person) -> None:
    staff = Person(make_user(email="clerk@operator.test", is_staff=True))
    for codename in ("view_participant", "change_participant", "block_participant"):
        staff.user.user_permissions.add(Permission.objects.get(codename=codename))
    values = {"cnpj": condemned.participant.cnpj, "reason": "contract 12"}
    for person in (staff, condemned, outsider):
        assert person.client.post(page_of(condemned.participant), values, follow=True).status_code == 403
    assert not Erasure.objects.exists()
    staff.user.user_permissions.add(Permission.objects.get(codename="erase_participant"))
    assert staff.client.post(page_of(condemned.participant), values).status_code == 302
