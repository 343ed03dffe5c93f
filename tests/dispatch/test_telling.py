"""What participants are told by mail: trouble once an hour, its end, a stop and its end; always with the change."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.actors import Actor
from catalog.actions import receive_file
from dispatch.actions import publish_received
from dispatch.models import Lane
from dispatch.news import LaneChange
from dispatch.telling import tell_of_lanes
from notices.models import Notice
from notices.tasks import send_notices
from tests.factories import make_delivery, make_event, make_webhook, webhook_values
from tests.receiver import Answer
from webhooks.actions import archive_webhook, restate_stop, resume_webhook, stop_webhook, update_webhook
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import StoppedReason, Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
TEN = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)


def kinds() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


@pytest.fixture
def lane(owner: Any) -> Lane:
    webhook = make_webhook(
        participant=owner.participant, description="Preços", request_uri="https://hook.example.com/in?key=CANARY-1"
    )
    return Lane.objects.create(webhook=webhook)


def tell(lane: Lane, now: datetime, *kinds: Any, diagnosis: str = "not_found") -> None:
    """What the record of results does with a lane's news."""
    changes = [LaneChange(lane.pk, kind, diagnosis if kind == "exhausted" else "") for kind in kinds]
    with transaction.atomic():
        if kinds:
            Lane.objects.filter(pk=lane.pk).update(trouble_told_at=now if kinds[-1] == "exhausted" else None)
        tell_of_lanes(changes, now=now)


def is_told(lane: Lane) -> bool:
    lane.refresh_from_db()
    return lane.trouble_told_at is not None


# --- trouble and its end -------------------------------------------------------------------------------------------


def test_no_news_cost_no_statement(db):
    with CaptureQueriesContext(connection) as statements:
        tell_of_lanes([], now=timezone.now())
    assert len(statements) == 0


@pytest.mark.parametrize("many", [1, 40])
def test_news_cost_the_same_whatever_their_number(owner, many):
    webhooks = [make_webhook(participant=owner.participant) for _ in range(many)]
    Lane.objects.bulk_create(Lane(webhook=webhook) for webhook in webhooks)
    changes = [LaneChange(webhook.pk, "exhausted", "not_found") for webhook in webhooks]
    with CaptureQueriesContext(connection) as statements:
        tell_of_lanes(changes, now=TEN)
    assert len(statements) == 3
    assert Notice.objects.count() == many


def test_trouble_is_told_to_the_owner_with_what_to_do_and_without_secrets(owner, outsider, lane):
    tell(lane, TEN, "exhausted", diagnosis="not_found")
    send_notices()
    (message,) = mail.outbox
    assert message.to == [owner.user.email]
    assert "Notifications to the webhook “Preços” end in error" in message.subject
    assert "https://hook.example.com/in?key=••••" in message.body
    assert "CANARY" not in message.body + str(Notice.objects.values())
    assert f"What happened: {DIAGNOSES['not_found'].title}" in message.body
    assert f"http://portal.test/settings/integration/webhooks/{lane.webhook.uuid}/" in message.body


def test_trouble_is_told_once_per_webhook_and_hour_and_its_end_only_to_who_heard_of_it(lane):
    tell(lane, TEN, "exhausted")
    tell(lane, TEN + timedelta(minutes=5), "recovered")
    # The hour has had its notice: nothing is said, and the lane knows that nothing was.
    tell(lane, TEN + timedelta(minutes=10), "exhausted")
    assert not is_told(lane)
    assert kinds() == ["webhook_failing", "webhook_recovered"]
    tell(lane, TEN + timedelta(minutes=60), "exhausted")
    assert is_told(lane)
    tell(lane, TEN + timedelta(minutes=61), "recovered")
    assert kinds() == ["webhook_failing", "webhook_recovered"] * 2


def test_the_hour_is_counted_for_each_webhook_by_itself(owner, lane):
    other = Lane.objects.create(webhook=make_webhook(participant=owner.participant))
    tell(lane, TEN, "exhausted")
    tell(other, TEN, "exhausted")
    assert kinds() == ["webhook_failing"] * 2


@pytest.mark.parametrize(
    ("before", "news", "told", "open_after"),
    [
        ((), ("exhausted", "recovered"), ["webhook_failing", "webhook_recovered"], False),
        ((), ("exhausted", "recovered", "exhausted"), ["webhook_failing", "webhook_recovered"], False),
        (("exhausted", "recovered"), ("exhausted", "recovered"), [], False),
    ],
)
def test_several_turns_in_one_batch_end_in_what_was_told(lane, before, news, told, open_after):
    if before:
        tell(lane, TEN, *before)
    already = len(kinds())
    tell(lane, TEN + timedelta(minutes=1), *news)
    assert kinds()[already:] == told
    assert is_told(lane) == open_after


def test_what_is_undone_is_not_told(lane):
    with transaction.atomic():
        tell_of_lanes([LaneChange(lane.pk, "exhausted")], now=TEN)
        transaction.set_rollback(True)
    assert not kinds()


# --- a stop and its end ---------------------------------------------------------------------------------------------


def test_a_stop_is_told_once_though_the_webhook_is_edited_meanwhile(owner, lane):
    stop_webhook(lane.webhook, reason=StoppedReason.GONE, by=BY)
    values = webhook_values(description="Renamed", request_uri=lane.webhook.request_uri)
    update_webhook(lane.webhook, values=values, by=BY)
    assert kinds() == ["webhook_stopped"]
    send_notices()
    (message,) = mail.outbox
    assert "was stopped by the system on" in message.body
    assert "The receiver answered 410: the address is gone." in message.body
    assert "until its address changes or you start it again" in message.body


def test_a_stop_is_undone_with_its_notice(lane):
    with transaction.atomic():
        stop_webhook(lane.webhook, reason=StoppedReason.GONE, by=BY)
        transaction.set_rollback(True)
    assert not kinds()


def test_a_start_is_told_with_what_is_held_and_the_lane_begins_anew(owner, lane):
    """Or the same failures would stop it again a minute later."""
    event = make_event()
    make_delivery(webhook=lane.webhook, event=event)
    long_ago = timezone.now() - timedelta(days=9)
    Lane.objects.filter(pk=lane.pk).update(failing_since=long_ago, failures_in_row=99, trouble_told_at=long_ago)
    stop_webhook(lane.webhook, reason=StoppedReason.FAILING, by=BY)
    Lane.objects.filter(pk=lane.pk).update(probe_at=timezone.now(), probes_made=4)
    uri = lane.webhook.request_uri
    update_webhook(
        lane.webhook, values=webhook_values(request_uri=uri, resume=True, products=[event.publication.product]), by=BY
    )
    assert kinds() == ["webhook_stopped", "webhook_resumed"]
    lane.refresh_from_db()
    assert (lane.failing_since, lane.failures_in_row, lane.probe_at, lane.probes_made) == (None, 0, None, 0)
    assert (lane.trouble_told_at, lane.stop_told_at) == (None, None)
    send_notices()
    assert "1 notification was held meanwhile" in mail.outbox[-1].body


def test_a_webhook_that_was_never_stopped_tells_nothing(lane):
    Lane.objects.filter(pk=lane.pk).update(failures_in_row=3, failing_since=timezone.now())
    update_webhook(lane.webhook, values=webhook_values(), by=BY)
    assert not kinds()
    lane.refresh_from_db()
    assert lane.failures_in_row == 3


def test_an_archived_webhook_is_forgotten_without_a_word(lane):
    stop_webhook(lane.webhook, reason=StoppedReason.FAILING, by=BY)
    Lane.objects.filter(pk=lane.pk).update(probe_at=timezone.now())
    archive_webhook(lane.webhook, by=BY)
    lane.refresh_from_db()
    assert (kinds(), lane.probe_at, lane.stop_told_at) == (["webhook_stopped"], None, None)


def test_a_webhook_without_a_lane_is_told_of_too(owner):
    webhook = make_webhook(participant=owner.participant)
    stop_webhook(webhook, reason=StoppedReason.GONE, by=BY)
    resume_webhook(Webhook.objects.get(pk=webhook.pk), by=BY)
    assert kinds() == ["webhook_stopped", "webhook_resumed"]


def test_two_stops_are_two_stories(lane):
    for _ in range(2):
        stop_webhook(lane.webhook, reason=StoppedReason.GONE, by=BY)
        resume_webhook(Webhook.objects.get(pk=lane.pk), by=BY)
    assert kinds() == ["webhook_stopped", "webhook_resumed"] * 2


def test_a_stop_for_another_reason_is_told_anew(lane):
    stop_webhook(lane.webhook, reason=StoppedReason.FAILING, by=BY)
    Lane.objects.filter(pk=lane.pk).update(probe_at=timezone.now())
    stopped = Webhook.objects.get(pk=lane.pk)
    assert restate_stop(stopped, reason=StoppedReason.GONE, by=BY)
    assert not restate_stop(stopped, reason=StoppedReason.GONE, by=BY)
    lane.refresh_from_db()
    assert (kinds(), lane.probe_at) == (["webhook_stopped"] * 2, None)


# --- by a real dispatcher -------------------------------------------------------------------------------------------


@pytest.fixture
def sent(owner: Any, webhook: Any, product: Any, work: Any) -> Any:
    """Publish something and let the dispatcher send it, to a webhook of the owner's that gives up at once."""
    Webhook.objects.filter(pk=webhook.pk).update(participant=owner.participant, max_attempts=1)

    numbers = count()

    def publish_and_send() -> None:
        received = receive_file(ContentFile(b"%d" % next(numbers), "x.csv"))
        publish_received(product, period="2020-08-15", received=received, by=BY)
        work()

    return publish_and_send


def test_trouble_its_end_and_a_410_as_a_dispatcher_meets_them(owner, webhook, receiver, sent):
    receiver.answer("/hook", Answer(500), Answer(500), Answer(200), Answer(200), Answer(410))
    for told in (
        ["webhook_failing"],
        ["webhook_failing"],
        ["webhook_failing", "webhook_recovered"],
        ["webhook_failing", "webhook_recovered"],
        ["webhook_failing", "webhook_recovered", "webhook_stopped"],
    ):
        sent()
        assert kinds() == told
    send_notices()
    assert [message.to for message in mail.outbox] == [[owner.user.email]] * 3
    assert str(DIAGNOSES["server_error"].title) in mail.outbox[0].body
