"""The wake-up through a broker: nobody ever waits for it, whatever the broker does (fault 4)."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest

from dispatch import broker
from dispatch.broker import Caller
from dispatch.wakeup import wake_dispatchers
from tests import services
from tests.processes import wait_until


@pytest.fixture
def caller(use_broker: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Caller:
    """The caller of this process, with a broker that is not there, and short of patience."""
    use_broker(f"redis://:hidden-password@127.0.0.1:{services.free_port()}/0")
    monkeypatch.setattr(broker, "PATIENCE_SECONDS", 0.3)
    return broker._callers[0]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was logged as a warning."""
    said: list[Any] = []
    monkeypatch.setattr(broker.logger, "warning", lambda event, **values: said.append((event, values)))
    return said


@contextmanager
def silent_server() -> Iterator[int]:
    """It accepts every connection, and never answers."""
    kept = []
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:

        def accept() -> None:
            while True:
                try:
                    kept.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    for connection in kept:
        connection.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_nobody_waits_for_a_broker_that_accepts_and_never_answers(use_broker, monkeypatch, told, scheme) -> None:
    monkeypatch.setattr(broker, "PATIENCE_SECONDS", 0.3)
    with silent_server() as port:
        use_broker(f"{scheme}://user:password@127.0.0.1:{port}/0")
        caller = broker._callers[0]
        before = time.monotonic()
        for _ in range(100):
            caller.ask()
        assert time.monotonic() - before < 0.1
        # And its thread comes back, so that it is there when the broker is.
        wait_until(lambda: told, what="the caller to give up")
        caller.ask()
        wait_until(caller._sent.is_set, what="the caller to be free again")


def test_a_broker_that_is_down_is_told_once_a_minute_and_without_its_password(caller, told) -> None:
    for _ in range(3):
        caller.ask()
        wait_until(caller._sent.is_set, what="the caller to give up")
    assert [event for event, _ in told] == ["wakeup.broker_failed"]
    assert "hidden-password" not in repr(told)
    caller._silent_until = 0.0
    caller.ask()
    wait_until(lambda: len(told) == 2, what="the second line")


def test_a_kept_connection_that_was_closed_is_made_again_at_once(caller, told, monkeypatch) -> None:
    """The first failure of a connection that lay idle says nothing about the broker."""
    sent = []

    def send() -> None:
        if caller._producer == "old":
            raise ConnectionResetError
        sent.append(True)

    monkeypatch.setattr(caller, "_send", send)
    caller._producer = "old"
    caller.ask()
    wait_until(lambda: sent, what="the second try")
    assert told == []


def test_after_a_fork_the_child_has_a_thread_and_a_connection_of_its_own(caller) -> None:
    caller.ask()
    wait_until(caller._sent.is_set, what="the caller to give up")
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        fresh = broker._callers[0]
        good = fresh is not caller and fresh._thread is None and fresh._connection is None
        fresh.ask()
        good = good and fresh._thread is not None and fresh._thread.is_alive()
        os.write(writer, b"1" if good else b"0")
        os._exit(0)
    assert os.read(reader, 1) == b"1"
    os.waitpid(child, 0)
    assert broker._callers[0] is caller


def test_a_process_that_ends_gives_its_last_wake_up_a_moment_and_no_more(caller, monkeypatch) -> None:
    caller.flush()
    monkeypatch.setattr(caller, "_call", lambda: time.sleep(30))
    caller.ask()
    before = time.monotonic()
    caller.flush()
    assert 0.3 < time.monotonic() - before < 2


def test_one_message_is_enough_while_nobody_has_taken_it(caller, monkeypatch) -> None:
    sent: list[dict[str, Any]] = []
    queue = Mock()
    app = Mock(send_task=lambda *args, **words: sent.append(words))
    app.amqp.queues = {"gancho.drains": lambda channel: queue}
    monkeypatch.setattr(broker, "current_app", app)
    caller._producer = Mock()
    for waiting in (0, 1, 2):
        queue.queue_declare.return_value.message_count = waiting
        caller._send()
    [words] = sent
    # Relative, by the broker's clock: no `expires`, which would be a moment of ours.
    assert words["expiration"] == 5
    assert "expires" not in words
    assert words["retry"] is False


@pytest.mark.django_db(transaction=True)
def test_nothing_leaves_before_the_commit_or_without_a_broker(settings, monkeypatch) -> None:
    from django.db import connection, transaction

    asked = []
    monkeypatch.setattr("dispatch.wakeup.ask_for_drain", lambda: asked.append(True))
    for has_broker in (True, False):
        settings.PORTAL_HAS_BROKER = has_broker
        with transaction.atomic():
            wake_dispatchers()
            assert asked == []
        # On SQLite there is none: the start would have been refused.
        assert len(asked) == (has_broker and connection.vendor == "postgresql")
        asked.clear()
    settings.PORTAL_HAS_BROKER = True
    with transaction.atomic():
        wake_dispatchers()
        transaction.set_rollback(True)
    assert asked == []


# PostgreSQL sends its own notice, at the commit.
@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_the_datagram_leaves_after_the_commit_and_never_without_one(monkeypatch) -> None:
    """SQLite: whoever is woken earlier looks in vain, and then waits for the next poll."""
    from django.db import transaction

    sent = []
    monkeypatch.setattr("dispatch.wakeup._send_datagram", lambda: sent.append(True))
    with transaction.atomic():
        wake_dispatchers()
        assert sent == []
    assert sent == [True]
    with transaction.atomic():
        wake_dispatchers()
        transaction.set_rollback(True)
    assert sent == [True]
