"""What operators are told of the sending itself: silence and lateness, each once, and its end once."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from dispatch import clock
from dispatch.beats import DispatcherSign
from dispatch.models import Attempt, Delivery, DispatcherBeat, Lane
from dispatch.watching import find_oldest_neglected, watch
from notices.models import Incident, Notice
from notices.tasks import send_notices
from tests.at_once import at_once
from tests.factories import make_delivery

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def kinds() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


@pytest.fixture
def look(later: Any) -> Any:
    """The job, half a minute after the one before; how often it is to look."""

    def run(times: int = 1) -> list[str]:
        for _ in range(times):
            later(30)
            watch()
        return kinds()

    return run


def beat(ago: timedelta = timedelta()) -> None:
    moment = clock.now() - ago
    DispatcherBeat.objects.update_or_create(name="here", defaults={"started_at": moment, "beat_at": moment})


def attempt(delivery: Delivery, ago: timedelta) -> None:
    at = clock.now() - ago
    Attempt.objects.create(delivery=delivery, webhook=delivery.webhook, number=1, lease_token=delivery.uuid, slot_at=at)


# --- silence ---------------------------------------------------------------------------------------------------------


def test_an_installation_that_never_had_anything_to_send_is_told_nothing(look):
    assert look(10) == []
    assert not Incident.objects.exists()


def test_silence_is_told_once_and_its_end_once(look, settings):
    settings.PORTAL_OPERATOR_EMAILS = ["night@operator.test"]
    beat(ago=5 * MINUTE)
    assert look() == []
    assert look(20) == ["dispatcher_silent"]
    beat()
    assert look(2) == ["dispatcher_silent", "dispatcher_silent_over"]
    send_notices()
    silent, over = mail.outbox
    assert "Nenhuma notificação está sendo enviada" in silent.subject
    assert "Nada se perde" in silent.body
    assert "http://portal.test/admin/notices/incident/" in silent.body
    assert "O que aguardava está sendo enviado." in over.body
    # The next silence is another incident.
    beat(ago=5 * MINUTE)
    assert look(3) == ["dispatcher_silent", "dispatcher_silent_over", "dispatcher_silent"]


def test_a_short_silence_is_nobodys_business(look):
    beat(ago=70 * timedelta(seconds=1))
    assert look() == []
    assert Incident.objects.count() == 1
    beat()
    assert look() == []
    assert not Incident.objects.exists()


def test_a_beat_within_the_minute_is_no_silence(look):
    beat(ago=timedelta(seconds=29))
    assert look() == []
    assert not Incident.objects.exists()


def test_a_portal_that_was_off_over_the_weekend_tells_nothing_at_its_start(look):
    """The old beat of the last run lies there until the dispatcher shows its first sign."""
    beat(ago=timedelta(days=2))
    assert look() == []
    sign = DispatcherSign("new")
    sign.show()
    assert look() == []
    assert not Incident.objects.exists()


def test_a_suspicion_from_before_the_weekend_says_nothing_about_today(look, later):
    beat(ago=5 * MINUTE)
    look()
    later(2 * 86_400)
    assert look() == []
    assert look() == ["dispatcher_silent"]


def test_two_jobs_that_look_at_the_same_moment_are_one_look(look):
    beat(ago=5 * MINUTE)
    watch()
    watch()
    assert kinds() == []


@pytest.mark.django_db(transaction=True)
def test_two_looks_that_are_sure_at_the_same_moment_tell_once(look, later):
    beat(ago=5 * MINUTE)
    look()
    later(30)
    at_once([watch] * 2)
    assert kinds() == ["dispatcher_silent"]
    assert Incident.objects.get().told_at


def test_a_dispatcher_that_was_stopped_is_missed_once_something_waits(look):
    """It took its beat away, in good order; nobody took its place."""
    assert look(3) == []
    make_delivery(due_at=clock.now())
    assert look(2) == []
    assert look(2) == ["dispatcher_silent"]


# --- lateness --------------------------------------------------------------------------------------------------------


def test_lateness_is_told_once_and_its_end_once(look):
    delivery = make_delivery(due_at=clock.now())
    DispatcherSign("here").show()

    def look_alive(times: int) -> list[str]:
        for _ in range(times):
            beat()
            look()
        return kinds()

    assert look_alive(9) == []
    assert look_alive(10) == ["deliveries_late"]
    Delivery.objects.filter(pk=delivery.pk).update(state="delivered", due_at=None, finished_at=timezone.now())
    assert look_alive(2) == ["deliveries_late", "deliveries_late_over"]


def neglected() -> bool:
    now = clock.now()
    return find_oldest_neglected(now, now - 5 * MINUTE) is not None


@pytest.mark.parametrize(("minutes", "late"), [(4.9, False), (5.1, True)])
def test_what_is_due_for_five_minutes_is_late(minutes, late):
    make_delivery(due_at=clock.now() - minutes * MINUTE)
    assert neglected() is late


def test_since_when_it_is_due_is_told():
    due_at = clock.now() - 9 * MINUTE
    make_delivery(due_at=due_at)
    make_delivery(due_at=due_at + MINUTE)
    assert find_oldest_neglected(clock.now(), clock.now() - 5 * MINUTE) == due_at


@pytest.mark.parametrize(
    "over",
    [
        {"due_at": None, "state": "held", "reason": "webhook_stopped"},
        {"due_at": timezone.now() + timedelta(days=30)},
    ],
)
def test_what_is_not_due_is_not_late(over):
    make_delivery(**over)
    assert not neglected()


@pytest.mark.parametrize(("open_ago", "late"), [(-1, False), (1, False), (6, True)])
def test_a_webhook_that_asked_to_be_left_alone_is_not_late_before_its_time(open_ago, late):
    delivery = make_delivery(due_at=clock.now() - 60 * MINUTE)
    Lane.objects.filter(webhook=delivery.webhook).update(open_at=clock.now() - open_ago * MINUTE)
    assert neglected() is late


@pytest.mark.parametrize(("tried_ago", "late"), [(1, False), (6, True)])
def test_a_webhook_that_is_served_slowly_is_not_late(tried_ago, late):
    """A dead receiver with ten thousand behind it, or a limit of one an hour: nothing is wrong at ours."""
    delivery = make_delivery(due_at=clock.now() - 60 * MINUTE)
    attempt(delivery, tried_ago * MINUTE)
    assert neglected() is late


def test_one_slow_webhook_hides_no_other_that_is_late():
    attempt(make_delivery(due_at=clock.now() - 60 * MINUTE), MINUTE)
    make_delivery(due_at=clock.now() - 6 * MINUTE)
    assert neglected()


def test_a_lease_that_runs_is_not_late():
    make_delivery(due_at=clock.now() + MINUTE, lease_token="0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1")
    assert not neglected()


def test_nothing_late_costs_two_small_looks(django_assert_num_queries):
    make_delivery(due_at=clock.now())
    now = clock.now()
    with django_assert_num_queries(2):
        find_oldest_neglected(now, now - 5 * MINUTE)
