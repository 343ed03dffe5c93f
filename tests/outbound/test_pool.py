"""Many at once: filling up, waking, names that hang, and the moment after which nothing may start."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from outbound import client, resolver
from outbound.client import Pool, send
from outbound.resolver import set_resolver
from tests.outbound.conftest import finish, hook, post, through
from tests.receiver import Answer, Hang, Receiver

pytestmark = pytest.mark.usefixtures("reachable")

Asked = Callable[[str], Sequence[str]]


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Names that begin with "hang" have no answer before this event. Every name leads to loopback."""
    event = threading.Event()

    def ask(host: str) -> Sequence[str]:
        if host.startswith("hang"):
            event.wait(10)
        return ["127.0.0.1"]

    set_resolver(ask)
    yield event
    event.set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names have 0.3 s to be resolved instead of 3."""
    assert client.LOOKUP_SECONDS == resolver.LOOKUP_SECONDS == 3.0
    for module in (client, resolver):
        monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.3)


def test_a_pool_counts_what_is_in_flight(receiver: Receiver) -> None:
    pool = Pool(2)
    pool.start(post(hook(receiver)), 1)
    pool.start(post("https://refused.local/"), 2)
    assert (pool.free, pool.in_flight) == (0, 2)
    with pytest.raises(RuntimeError, match="full"):
        pool.start(post(hook(receiver)), 3)
    assert len(finish(pool, 2)) == 2
    assert (pool.free, pool.in_flight) == (2, 0)
    assert pool.poll(0) == []
    pool.close()


def test_results_come_with_their_tags(receiver: Receiver, pool: Pool) -> None:
    tags = {}
    for number in range(8):
        receiver.answer(f"/{number}", Answer(200 + number, delay=0.01 * (8 - number)))
        pool.start(post(hook(receiver, f"/{number}")), number)
    while len(tags) < 8:
        tags.update({tag: result.status for tag, result in pool.poll(5)})
    assert tags == {number: 200 + number for number in range(8)}


def test_a_place_is_free_again_as_soon_as_its_result_is_out(receiver: Receiver, pool: Pool) -> None:
    """One slow receiver must not hold the others up: no barrier between rounds."""
    receiver.answer("/slow", Hang())
    pool.start(post(hook(receiver, "/slow"), deadline_seconds=10), "slow")
    sent = done = 0
    while done < 100:
        while pool.free and sent < 100:
            pool.start(post(hook(receiver)), sent)
            sent += 1
        done += len(pool.poll(5))
    assert (pool.in_flight, receiver.most_in_flight <= 8) == (1, True)


def test_a_thousand_over_kept_connections(receiver: Receiver) -> None:
    pool = Pool(16)
    sent = 0
    results = []
    while len(results) < 1000:
        while pool.free and sent < 1000:
            pool.start(post(hook(receiver)), sent)
            sent += 1
        results += pool.poll(5)
    assert {result.status for _, result in results} == {200}
    assert sorted(tag for tag, _ in results) == list(range(1000))
    assert receiver.connections <= 16
    pool.close()


def test_poll_returns_when_its_time_is_up(pool: Pool, receiver: Receiver) -> None:
    receiver.answer("/hook", Hang())
    pool.start(post(hook(receiver)), 1)
    started = time.monotonic()
    assert pool.poll(0.1) == []
    assert 0.09 < time.monotonic() - started < 1


def test_another_thread_wakes_a_poll(pool: Pool) -> None:
    timer = threading.Timer(0.05, pool.wake)
    timer.start()
    started = time.monotonic()
    assert pool.poll(10) == []
    assert time.monotonic() - started < 2
    timer.join()


def test_a_wake_before_the_poll_counts_once(pool: Pool) -> None:
    for _ in range(1000):
        pool.wake()
    started = time.monotonic()
    assert pool.poll(10) == []
    assert time.monotonic() - started < 1
    assert pool.poll(0.05) == []
    assert time.monotonic() - started >= 0.05


def test_a_signal_handler_may_wake_a_poll(pool: Pool) -> None:
    """As the dispatcher's does at SIGTERM, whatever its thread was doing at that moment."""
    before = signal.signal(signal.SIGALRM, lambda *_: pool.wake())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        started = time.monotonic()
        assert [pool.poll(5) for _ in range(50)] == [[]] * 50
        assert time.monotonic() - started < 4
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_results_are_not_lost_to_a_wake(pool: Pool, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(delay=0.05))
    pool.start(post(hook(receiver)), 1)
    pool.wake()
    assert pool.poll(10) == []
    assert finish(pool, 1)[0].status == 200


def test_wakes_from_many_threads_do_no_harm(pool: Pool, receiver: Receiver) -> None:
    stop = threading.Event()

    def nag() -> None:
        while not stop.wait(0.0005):
            pool.wake()

    threads = [threading.Thread(target=nag) for _ in range(3)]
    for thread in threads:
        thread.start()
    done = []
    for number in range(50):
        pool.start(post(hook(receiver)), number)
        while pool.in_flight:
            done += pool.poll(1)
    stop.set()
    for thread in threads:
        thread.join()
    assert [tag for tag, _ in done] == list(range(50))


def test_a_closed_pool_may_still_be_woken(receiver: Receiver, release: threading.Event) -> None:
    pool = Pool(3)
    receiver.answer("/hook", Hang())
    pool.start(post(hook(receiver)), 1)
    pool.start(post(f"http://hang.test:{receiver.port}/"), 2)
    pool.poll(0.05)
    pool.close()
    pool.wake()
    release.set()
    time.sleep(0.02)


# --- names ------------------------------------------------------------------------------------------------------------


def test_healthy_receivers_do_not_wait_for_a_name_that_hangs(
    receiver: Receiver, pool: Pool, release: threading.Event, impatient: None
) -> None:
    """The test "30 s DNS hang beside healthy webhooks", with shorter limits."""
    for number in range(3):
        pool.start(post(f"http://hang{number}.test:{receiver.port}/"), f"hang{number}")
    started = time.monotonic()
    slow = []
    for number in range(20):
        pool.start(post(f"http://good{number % 4}.test:{receiver.port}/"), number)
        found: list[object] = []
        while number not in found:
            for tag, result in pool.poll(1):
                if str(tag).startswith("hang"):
                    slow.append(result)
                else:
                    assert result.status == 200
                    found.append(tag)
    assert time.monotonic() - started < 1
    while len(slow) < 3:
        slow += [result for _, result in pool.poll(1)]
    assert {(result.error, result.sent) for result in slow} == {("dns_timeout", False)}
    assert all(0.25 < result.timing.dns < 1 for result in slow)


def test_the_deadline_holds_for_names_too(receiver: Receiver, pool: Pool, release: threading.Event) -> None:
    started = time.monotonic()
    result = through(pool, post(f"http://hang.test:{receiver.port}/", deadline_seconds=0.2))
    assert (result.error, time.monotonic() - started < 1) == ("dns_timeout", True)


def test_an_answer_that_comes_too_late_starts_nothing(
    receiver: Receiver, pool: Pool, release: threading.Event, impatient: None
) -> None:
    assert through(pool, post(f"http://hang.test:{receiver.port}/")).error == "dns_timeout"
    release.set()
    assert pool.poll(0.1) == []
    assert (receiver.connections, pool.in_flight) == (0, 0)


def test_the_time_for_the_name_is_taken_off_the_deadline(
    receiver: Receiver, pool: Pool, release: threading.Event
) -> None:
    receiver.answer("/", Hang())
    threading.Timer(0.2, release.set).start()
    result = through(pool, post(f"http://hang.test:{receiver.port}/", deadline_seconds=0.5))
    assert result.error == "timeout_waiting"
    assert 0.15 < result.timing.dns < 0.5
    assert result.timing.total < 0.9


def test_names_are_looked_up_once_for_many_requests(receiver: Receiver, pool: Pool) -> None:
    asked = []

    def ask(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    set_resolver(ask)
    for number in range(8):
        pool.start(post(hook(receiver)), number)
    finish(pool, 8)
    through(pool, post(hook(receiver)))
    send(post(hook(receiver)))
    assert asked == ["hook.test"]


# --- the moment after which nothing may start -------------------------------------------------------------------------


def test_a_request_is_not_started_after_its_moment(receiver: Receiver, pool: Pool) -> None:
    """The lease and the booked slot of a delivery end there: it is handed back, unsent."""
    result = through(pool, post(hook(receiver), not_after=time.monotonic() - 0.001))
    assert (result.error, result.sent, result.status) == ("not_started", False, None)
    assert receiver.connections == 0
    assert through(pool, post(hook(receiver), not_after=time.monotonic() + 5)).status == 200


def test_a_name_that_takes_too_long_makes_a_request_too_late(
    receiver: Receiver, pool: Pool, release: threading.Event
) -> None:
    threading.Timer(0.15, release.set).start()
    result = through(pool, post(f"http://hang.test:{receiver.port}/", not_after=time.monotonic() + 0.05))
    assert (result.error, result.sent) == ("not_started", False)
    assert receiver.connections == 0


def test_many_threads_may_send_at_once(receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(delay=0.05))
    statuses = []

    def one() -> None:
        statuses.append(send(post(hook(receiver))).status)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12
    assert len(client._idle_senders) <= 4


def test_a_sender_that_was_interrupted_is_not_used_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    client._idle_senders.clear()

    def interrupted(self: Pool, timeout_seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Pool, "poll", interrupted)
        with pytest.raises(KeyboardInterrupt):
            send(post(hook(receiver)))
    assert client._idle_senders == []
    assert send(post(hook(receiver))).status == 200


def test_a_prompt_request_is_out_before_press_returns(receiver: Receiver, pool: Pool) -> None:
    """CERC-15: what is started and left alone leaves at the next poll only, however long that takes."""
    pool.start(post(hook(receiver, "/now")), "now", prompt=True)
    pool.press(5.0)
    receiver.wait_for(1, path="/now")
    assert [tag for tag, _result in pool.poll(5.0)] == ["now"]


def test_press_waits_for_nobody_else(receiver: Receiver, pool: Pool) -> None:
    pool.start(post(hook(receiver, "/later")), "later")
    begun = time.monotonic()
    pool.press(5.0)
    assert time.monotonic() - begun < 2.0
    assert pool.in_flight == 1
