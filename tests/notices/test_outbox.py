"""The row of a notice: written with its change, once, and never in a state that says something untrue."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import AuditEntry
from notices import kinds
from notices.actions import ActionError, Draft, post_notice, post_notices, resend_notice
from notices.kinds import Kind
from notices.models import Incident, Notice

pytestmark = pytest.mark.django_db


def test_a_notice_is_undone_with_its_change(owner):
    with transaction.atomic():
        post_notice(Draft("tried", "once", owner.participant.pk))
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_notice_outside_a_transaction_is_refused(owner):
    with pytest.raises(TransactionManagementError):
        post_notice(Draft("tried", "once", owner.participant.pk))
    assert not Notice.objects.exists()


def test_posting_twice_leaves_one_notice_and_the_transaction_whole(owner, post):
    first = post(subject="first")
    with transaction.atomic():
        post_notice(Draft("tried", "once", owner.participant.pk, subject="second"))
        # Anything after a broken statement would fail on PostgreSQL.
        post_notice(Draft("tried", "another", owner.participant.pk))
    assert Notice.objects.get(dedupe_key="once").subject == first.subject == "first"
    assert Notice.objects.count() == 2


def test_many_notices_are_one_statement(owner):
    drafts = [Draft("tried", f"key {number}", owner.participant.pk) for number in range(50)]
    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as statements,
    ):
        post_notices(drafts)
    assert len(statements) == 1
    assert Notice.objects.count() == 50


def test_a_kind_that_nobody_registered_is_refused(owner):
    with pytest.raises(KeyError), transaction.atomic():
        post_notice(Draft("unheard of", "once", owner.participant.pk))


def test_two_kinds_can_not_share_a_code(monkeypatch):
    with pytest.raises(ValueError, match="defined twice"):
        kinds.register(Kind("tried", "", "", ""))


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "lost"},
        {"audience": "operators"},
        {"participant": None},
        {"due_at": None},
        {"state": "sent", "due_at": None},
        {"sent_at": timezone.now()},
        {"state": "failed"},
        {"state": "sent", "sent_at": timezone.now()},
        {"state": "failed", "due_at": None, "lease_token": "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1"},
    ],
)
def test_the_database_refuses_what_can_not_be(post, wrong):
    notice = post()
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.filter(pk=notice.pk).update(**wrong)


def test_the_database_lets_one_incident_of_a_kind_be_open(db):
    now = timezone.now()
    Incident.objects.create(kind="late", suspected_at=now, seen_at=now, told_at=now, over_at=now)
    Incident.objects.create(kind="late", suspected_at=now, seen_at=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.create(kind="late", suspected_at=now, seen_at=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.filter(over_at=None).update(over_at=now)


# --- once more, by an operator ----------------------------------------------------------------------------------


def end(notice: Notice, state: str) -> Notice:
    sent_at = timezone.now() if state == "sent" else None
    values: dict[str, Any] = {"state": state, "due_at": None, "sent_at": sent_at, "tries": 7, "told": ["a@vento.test"]}
    Notice.objects.filter(pk=notice.pk).update(**values)
    notice.refresh_from_db()
    return notice


@pytest.mark.parametrize(("state", "told"), [("failed", ["a@vento.test"]), ("sent", [])])
def test_sent_again_is_due_at_once_and_recorded(post, officer, state, told):
    """A failed one goes to those who lack it, a sent one to everybody."""
    notice = end(post(), state)
    resend_notice(notice, by=officer.actor)
    notice.refresh_from_db()
    assert (notice.state, notice.tries, notice.told, notice.sent_at) == ("waiting", 0, told, None)
    assert notice.due_at <= timezone.now() + timedelta(seconds=1)
    entry = AuditEntry.objects.get(action="notices.notice.resent")
    assert (entry.actor_user, entry.participant, entry.before["state"]) == (officer.user, notice.participant, state)


def test_a_waiting_notice_is_not_sent_again(post, officer):
    notice = post()
    with pytest.raises(ActionError) as refused:
        resend_notice(notice, by=officer.actor)
    assert refused.value.code == "still_waiting"
    assert not AuditEntry.objects.filter(action="notices.notice.resent").exists()


def test_two_presses_send_again_once(post, officer):
    notice = end(post(), "sent")
    stale = Notice.objects.get(pk=notice.pk)
    resend_notice(notice, by=officer.actor)
    with pytest.raises(ActionError):
        resend_notice(stale, by=officer.actor)
    assert AuditEntry.objects.filter(action="notices.notice.resent").count() == 1
