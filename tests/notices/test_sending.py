"""The job: one mail per reader whatever happens, in the reader's language, and to nobody else."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.utils import timezone

from access.actions import block_participant
from notices import kinds, sending
from notices.checks import check_operator_addresses
from notices.kinds import Kind
from notices.mails import build_mail
from notices.models import Notice
from notices.readers import Reader
from notices.tasks import remove_notices, send_notices
from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db


@contextmanager
def at(moment: Any) -> Iterator[Any]:
    with time_machine.travel(moment, tick=False) as clock:
        yield clock


def addresses() -> list[str]:
    return [address for message in mail.outbox for address in message.to]


# --- to whom ----------------------------------------------------------------------------------------------------


def test_x_4_members_who_look_after_webhooks_are_told_and_nobody_else(owner, teammate, viewer, outsider, officer, post):
    gone = owner.colleague("administrator")
    gone.user.is_active = False
    gone.user.save()
    notice = post()
    send_notices()
    assert addresses() == [owner.user.email, teammate.user.email]
    notice.refresh_from_db()
    assert (notice.state, notice.told) == ("sent", addresses())
    assert notice.sent_at
    assert notice.due_at is None
    assert notice.lease_token is None


def test_readers_are_found_when_it_is_sent(owner, teammate, post):
    """Who has left since then hears of nothing."""
    post()
    teammate.membership.delete()
    send_notices()
    assert addresses() == [owner.user.email]


def test_a_blocked_participant_is_not_told(owner, officer, post):
    notice = post()
    block_participant(owner.participant, reason="test", by=officer.actor)
    send_notices()
    notice.refresh_from_db()
    assert (notice.state, addresses()) == ("failed", [])


def test_with_nobody_to_tell_it_fails_at_once_and_says_so(owner, post):
    owner.membership.delete()
    notice = post()
    send_notices()
    notice.refresh_from_db()
    assert (notice.state, notice.last_error, notice.tries) == ("failed", sending.NOBODY, 1)


def test_operators_are_told_at_their_own_addresses(settings, officer, owner, post):
    settings.PORTAL_OPERATOR_EMAILS = ["night@operator.test", "day@operator.test", "night@operator.test"]
    post(participant_id=None)
    send_notices()
    assert addresses() == ["night@operator.test", "day@operator.test"]


def test_without_addresses_the_staff_with_the_permission_are_told(officer, owner, post):
    from django.contrib.auth.models import Permission

    permission = Permission.objects.get(codename="receive_operator_notices")
    clerk, _other = make_user(is_staff=True), make_user(is_staff=True)
    clerk.user_permissions.add(permission)
    # A permission alone makes nobody staff.
    owner.user.user_permissions.add(permission)
    post(participant_id=None)
    send_notices()
    assert sorted(addresses()) == sorted([officer.user.email, clerk.email])


# --- what stands in it ------------------------------------------------------------------------------------------


def test_x_5_each_reader_gets_it_in_their_language(settings, owner, teammate, post):
    settings.PORTAL_OPERATOR_NAME, settings.PORTAL_ENVIRONMENT = "Meridiano", "homologation"
    teammate.user.language = "pt-br"
    teammate.user.save()
    post(path="/settings/")
    send_notices()
    english, portuguese = mail.outbox
    assert english.subject == "[Meridiano · Homologation] Webhook test"
    assert portuguese.subject == "[Meridiano · Homologação] Teste de webhook"
    assert "Hello Owner," in english.body
    assert "Olá, Technical" in portuguese.body
    assert all("http://portal.test/settings/\n" in message.body for message in mail.outbox)
    assert all(message.extra_headers["Auto-Submitted"] == "auto-generated" for message in mail.outbox)


def test_what_a_participant_typed_makes_neither_headers_nor_lines(monkeypatch, owner, post):
    monkeypatch.setitem(
        kinds._kinds, "typed", Kind("typed", "", "about %(webhook)s", "dispatch/email/webhook_recovered.txt")
    )
    name = "A\r\nBcc: all@other.test\r\n\r\nPay here\u2028now\u202e\x00"
    owner.participant.name = "Vento\r\nX-Evil: 1"
    owner.participant.save()
    notice = post(kind="typed", values={"webhook": name, "address": "https://a.test/\nhttps://evil.test"})
    message = build_mail(notice, Reader("o@vento.test", "en", "Ana\r\nBcc: b@other.test"))
    assert message.recipients() == ["o@vento.test"]
    assert message.subject.endswith("About A Bcc: all@other.test Pay here now")
    lines = message.body.splitlines()
    assert not [line for line in lines if line.startswith(("Bcc", "Pay", "https://evil", "X-Evil"))]
    sent = message.message()
    assert set(sent.keys()) >= {"Subject", "To", "From"}
    assert "Bcc" not in sent
    assert "X-Evil" not in sent


def test_values_are_written_as_they_are_not_as_html(monkeypatch, owner, post):
    monkeypatch.setitem(
        kinds._kinds, "typed", Kind("typed", "", "about %(webhook)s", "dispatch/email/webhook_recovered.txt")
    )
    notice = post(kind="typed", values={"webhook": "Preço & <Cia> 100%", "address": "https://a.test/?a=1&b=2"})
    message = build_mail(notice, Reader("o@vento.test", "en"))
    assert "“Preço & <Cia> 100%” (https://a.test/?a=1&b=2)" in message.body
    assert message.subject.endswith("About Preço & <Cia> 100%")


# --- when it does not work ---------------------------------------------------------------------------------------


def test_pauses_grow_from_a_minute_to_six_hours_and_end_within_a_day_or_so():
    pauses = [sending.compute_pause(tries) for tries in range(1, sending.MOST_TRIES + 1)]
    minutes = [pause and pause.total_seconds() / 60 for pause in pauses]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, None]
    assert timedelta(hours=20) < sum((pause for pause in pauses if pause), timedelta()) < timedelta(hours=30)


def test_it_is_tried_again_later_and_given_up_in_the_end(settings, post):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    notice, started = post(), timezone.now()
    with at(started + timedelta(seconds=1)) as clock:
        for tries in range(1, sending.MOST_TRIES + 1):
            assert sending.send_due() == 0
            notice.refresh_from_db()
            assert notice.tries == tries
            assert notice.last_error.startswith("ConnectionRefusedError")
            if notice.state == "failed":
                break
            assert notice.due_at - timezone.now() == sending.compute_pause(tries)
            # A moment before it is due nothing happens.
            clock.move_to(notice.due_at - timedelta(seconds=1))
            assert sending.send_due() == 0
            assert Notice.objects.get(pk=notice.pk).tries == tries
            clock.move_to(notice.due_at)
    assert (notice.state, notice.tries) == ("failed", sending.MOST_TRIES)


def test_who_is_refused_keeps_it_from_nobody_and_nobody_gets_it_twice(owner, teammate, post, mail_server):
    mail_server.refused.add(owner.user.email)
    notice = post()
    send_notices()
    assert mail_server.addresses() == [teammate.user.email]
    notice.refresh_from_db()
    assert (notice.state, notice.last_error) == ("waiting", "SMTPRecipientsRefused")
    mail_server.refused.clear()
    with at(notice.due_at + timedelta(seconds=1)):
        send_notices()
    assert mail_server.addresses() == [teammate.user.email, owner.user.email]
    notice.refresh_from_db()
    assert notice.state == "sent"


def test_a_mail_server_that_hangs_is_asked_once_a_run(post, mail_server):
    """The other jobs wait meanwhile: ten notices must not take ten times as long."""
    mail_server.hangs = True
    for number in range(10):
        post(f"notice {number}")
    started = timezone.now()
    send_notices()
    assert timezone.now() - started < timedelta(seconds=5)
    assert Notice.objects.filter(tries=1).count() == 1
    assert Notice.objects.filter(state="waiting").count() == 10


def test_what_the_server_took_without_saying_so_is_repeated_once(owner, post, mail_server):
    """Killed, or cut off, between the sending and the note of it: one repeat, not more."""
    mail_server.hangs_up = True
    notice = post()
    send_notices()
    mail_server.hangs_up = False
    notice.refresh_from_db()
    assert (notice.state, notice.told) == ("waiting", [])
    with at(notice.due_at + timedelta(seconds=1)):
        send_notices()
        send_notices()
    assert mail_server.addresses() == [owner.user.email] * 2


def test_a_job_that_died_leaves_its_notice_to_the_next_after_the_lease(post):
    notice = post()
    now = timezone.now()
    assert sending.claim_next(now).pk == notice.pk
    assert sending.claim_next(now) is None
    with at(now + sending.LEASE - timedelta(seconds=5)):
        assert sending.send_due() == 0
    with at(now + sending.LEASE + timedelta(seconds=5)):
        assert sending.send_due() == 1
    assert len(mail.outbox) == 1


def test_a_notice_that_kills_its_job_each_time_is_given_up(post):
    notice = post()
    Notice.objects.filter(pk=notice.pk).update(tries=sending.MOST_TRIES)
    send_notices()
    notice.refresh_from_db()
    assert (notice.state, notice.last_error) == ("failed", sending.GIVEN_UP)
    assert not mail.outbox


def test_one_that_can_not_be_written_keeps_no_other_from_going(owner, post):
    """A row of a release that knew more kinds, for example (fault 17)."""
    poison = post("poison")
    Notice.objects.filter(pk=poison.pk).update(kind="of the next release", due_at=timezone.now() - timedelta(hours=1))
    post("other")
    send_notices()
    poison.refresh_from_db()
    assert (poison.state, poison.tries, poison.last_error) == ("waiting", 1, "KeyError")
    assert addresses() == [owner.user.email]


def test_a_lease_that_was_lost_writes_nothing_more(owner, teammate, post, monkeypatch):
    """The other job has it now, and tells the rest."""
    notice = post()

    def lose(*args: Any) -> Any:
        Notice.objects.filter(pk=notice.pk).update(lease_token="0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1", told=["x"])
        return original(*args)

    original = sending.build_mail
    monkeypatch.setattr(sending, "build_mail", lose)
    assert sending.send_due() == 0
    notice.refresh_from_db()
    assert (notice.state, notice.told, str(notice.lease_token)[:4]) == ("waiting", ["x"], "0f1e")
    assert addresses() == [owner.user.email]


# --- two at once ------------------------------------------------------------------------------------------------


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_send_one_mail_and_hold_no_lock_meanwhile(owner, post, mail_server):
    mail_server.hold.clear()
    notice = post()
    first = in_thread(send_notices)
    assert mail_server.taken.wait(10)
    # The server has not answered yet: the row can be read and written, and a second job finds nothing to do.
    assert sending.send_due() == 0
    assert Notice.objects.filter(pk=notice.pk).update(subject="not locked") == 1
    mail_server.hold.set()
    first.join(10)
    assert mail_server.addresses() == [owner.user.email]
    assert Notice.objects.get(pk=notice.pk).state == "sent"


@pytest.mark.django_db(transaction=True)
def test_many_jobs_at_once_send_each_notice_once(owner, post):
    for number in range(12):
        post(f"notice {number}")
    threads = [in_thread(send_notices) for _ in range(4)]
    for thread in threads:
        thread.join(20)
    assert len(mail.outbox) == 12
    assert set(Notice.objects.values_list("state", "tries")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_users_of_two_participants_get_their_own_only(owner, outsider, post):
    make_member(owner.user, outsider.participant)
    post("ours")
    post("theirs", participant_id=outsider.participant.pk)
    send_notices()
    told = {notice.dedupe_key: notice.told for notice in Notice.objects.all()}
    assert told["ours"] == [owner.user.email]
    assert sorted(told["theirs"]) == sorted([owner.user.email, outsider.user.email])


def test_a_slow_server_keeps_the_other_jobs_waiting_no_longer_than_its_time(owner, teammate, post, monkeypatch):
    """The rest of the readers have their turn in the next run, and it is no failed try."""
    notice = post()
    with monkeypatch.context() as slow:
        slow.setattr(sending, "RUN_SECONDS", 0.1)
        original = mail.EmailMessage.send
        slow.setattr(mail.EmailMessage, "send", lambda message: (original(message), time.sleep(0.2)))
        send_notices()
    notice.refresh_from_db()
    assert (addresses(), notice.state, notice.tries) == ([owner.user.email], "waiting", 0)
    send_notices()
    notice.refresh_from_db()
    assert (addresses(), notice.state) == ([owner.user.email, teammate.user.email], "sent")


@pytest.mark.parametrize(("state", "days", "stays"), [("sent", 89, True), ("sent", 91, False), ("waiting", 91, True)])
def test_old_notices_are_removed_unless_they_wait(post, state, days, stays):
    notice = post()
    values = {"due_at": None, "sent_at": timezone.now()} if state == "sent" else {}
    Notice.objects.filter(pk=notice.pk).update(state=state, created_at=timezone.now() - timedelta(days=days), **values)
    remove_notices()
    assert Notice.objects.exists() is stays


@pytest.mark.parametrize("wrong", ["night", "Night <night@operator.test>", "a@operator.test b@operator.test"])
def test_addresses_that_are_none_refuse_the_start(settings, wrong):
    settings.PORTAL_OPERATOR_EMAILS = ["day@operator.test"]
    assert check_operator_addresses(None) == []
    settings.PORTAL_OPERATOR_EMAILS.append(wrong)
    (error,) = check_operator_addresses(None)
    assert error.id == "notices.E002"
