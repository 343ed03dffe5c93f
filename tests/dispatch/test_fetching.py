"""Token requests aside from the loop: how many at once, to whom, and what becomes of those that find no room."""

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from connections.cache import Refresh
from connections.failures import TokenFailure
from connections.tokens import Token, TokenSource
from dispatch import fetching
from dispatch.fetching import AT_ONCE, FOR_ONE_PARTICIPANT, THAT_FAILED, TO_ONE_HOST, Fetchers
from tests.processes import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = Token("value", "Bearer", NOW, NOW + timedelta(hours=1), None)


class Endpoint:
    """Stands in for `fetch_for`: hangs until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Any = TOKEN
        self.open = threading.Event()

    def fetch_for(self, source: TokenSource, ticket: Refresh) -> Any:
        self.asked.append(ticket.key)
        self.open.wait(10)
        return self.answer


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    standing_in = Endpoint()
    monkeypatch.setattr(fetching, "fetch_for", standing_in.fetch_for)
    yield standing_in
    standing_in.open.set()


@pytest.fixture
def fetchers() -> Iterator[Fetchers]:
    made = Fetchers(lambda: None)
    yield made
    made.finish()


PARTICIPANTS = itertools.count(1)


def send(fetchers: Fetchers, key: str, host: str, *, held: float = 15.0, participant: int | None = None) -> None:
    """A ticket of a participant of its own, unless one is named."""
    source = TokenSource(
        connection_id=1,
        participant_id=participant or next(PARTICIPANTS),
        credential_version=uuid4(),
        kind="oauth2",
        token_url=f"https://{host}/token",
        settings={},
        secrets={},
        key_pair=None,
    )
    fetchers.send(key, source, Refresh(key, uuid4(), NOW, time.monotonic(), NOW + timedelta(seconds=held)))


def asked(endpoint: Endpoint, count: int) -> set[str]:
    wait_until(lambda: len(endpoint.asked) >= count, what=f"{count} token requests")
    time.sleep(0.1)
    return set(endpoint.asked)


def test_one_host_that_hangs_gets_a_part_of_the_threads(endpoint: Endpoint, fetchers: Fetchers) -> None:
    """Fault 11: the others find room."""
    for number in range(10):
        send(fetchers, f"hanging-{number}", "hangs.example.com")
    send(fetchers, "well", "well.example.com")
    assert asked(endpoint, TO_ONE_HOST + 1) == {*(f"hanging-{number}" for number in range(TO_ONE_HOST)), "well"}
    assert len(fetchers) == 11


def test_one_participant_whose_hosts_hang_gets_a_part_of_the_threads(endpoint: Endpoint, fetchers: Fetchers) -> None:
    """However many hosts it has."""
    for number in range(AT_ONCE):
        send(fetchers, f"hanging-{number}", f"hangs-{number}.example.com", participant=1_000)
    send(fetchers, "well", "well.example.com")
    hanging = {f"hanging-{number}" for number in range(FOR_ONE_PARTICIPANT)}
    assert asked(endpoint, FOR_ONE_PARTICIPANT + 1) == {*hanging, "well"}
    endpoint.open.set()
    back: list[Any] = []
    wait_until(lambda: back.extend(fetchers.take_back()) or len(back) == AT_ONCE + 1, what="all of them")


def test_there_is_an_end_to_how_many_are_asked_at_once_and_the_rest_goes_on_from_there(
    endpoint: Endpoint, fetchers: Fetchers
) -> None:
    for number in range(AT_ONCE + 5):
        send(fetchers, str(number), f"host-{number}.example.com")
    assert len(asked(endpoint, AT_ONCE)) == AT_ONCE
    endpoint.open.set()
    back: list[tuple[str, Any]] = []
    wait_until(lambda: back.extend(fetchers.take_back()) or len(back) == AT_ONCE + 5, what="all of them")
    assert {answer for _key, answer in back} == {TOKEN}
    assert len(fetchers) == 0


def test_a_key_that_is_under_way_is_not_asked_for_again(endpoint: Endpoint, fetchers: Fetchers) -> None:
    for _ in range(2):
        send(fetchers, "one", "well.example.com")
    assert asked(endpoint, 1) == {"one"}
    endpoint.open.set()
    back: list[Any] = []
    wait_until(lambda: back.extend(fetchers.take_back()) or back, what="the answer")
    assert (back, len(fetchers), len(endpoint.asked)) == ([("one", TOKEN)], 0, 1)


def test_what_failed_the_last_time_leaves_room_for_the_others(endpoint: Endpoint, fetchers: Fetchers) -> None:
    endpoint.answer = TokenFailure("token_timeout")
    endpoint.open.set()
    for number in range(10):
        send(fetchers, f"failing-{number}", f"host-{number}.example.com")
    back: list[Any] = []
    wait_until(lambda: back.extend(fetchers.take_back()) or len(back) == 10, what="ten failures")
    endpoint.open.clear()
    endpoint.asked.clear()
    for number in range(10):
        send(fetchers, f"failing-{number}", f"host-{number}.example.com")
    send(fetchers, "well", "well.example.com")
    assert asked(endpoint, THAT_FAILED + 1) == {*(f"failing-{number}" for number in range(THAT_FAILED)), "well"}


def test_a_ticket_whose_time_would_not_be_enough_is_let_go(
    endpoint: Endpoint, fetchers: Fetchers, settings: Any
) -> None:
    """Somebody else may have it then, and two would ask."""
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 3
    for number in range(TO_ONE_HOST + 1):
        send(fetchers, str(number), "hangs.example.com", held=4.2)
    asked(endpoint, TO_ONE_HOST)
    moment = fetchers.next_moment()
    assert moment is not None
    wait_until(lambda: time.monotonic() > moment, what="the last moment")
    assert fetchers.take_back() == [(str(TO_ONE_HOST), None)]
    assert str(TO_ONE_HOST) not in fetchers
    assert len(endpoint.asked) == TO_ONE_HOST


def test_the_end_is_waited_for_no_longer_than_a_request_may_take(
    endpoint: Endpoint, fetchers: Fetchers, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "KEEPING_SECONDS", 0.2)
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 0.3
    send(fetchers, "hanging", "hangs.example.com")
    begun = time.monotonic()
    fetchers.finish()
    assert 0.3 < time.monotonic() - begun < 2


def test_a_mistake_of_ours_is_remembered_as_a_failure(
    fetchers: Fetchers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its rows would come back each 250 ms for ever, uncounted, and the endpoint be asked each 15 s."""

    def break_down(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    kept: list[Any] = []

    def keep(ticket: Refresh, error: Exception) -> TokenFailure:
        kept.append((ticket.key, type(error)))
        return TokenFailure("token_no_answer", "RuntimeError")

    monkeypatch.setattr(fetching, "keep_mistake", keep)
    monkeypatch.setattr(fetching, "fetch_for", break_down)
    send(fetchers, "one", "well.example.com")
    back: list[Any] = []
    wait_until(lambda: back.extend(fetchers.take_back()) or back, what="the thread's end")
    assert back == [("one", TokenFailure("token_no_answer", "RuntimeError"))]
    assert kept == [("one", RuntimeError)]
    assert "tokens.not_fetched" in caplog.text


def test_a_database_that_is_away_comes_back_as_nothing_known(
    fetchers: Fetchers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(fetching, "fetch_for", break_down)
    send(fetchers, "one", "well.example.com")
    back: list[Any] = []
    wait_until(lambda: back.extend(fetchers.take_back()) or back, what="the thread's end")
    assert back == [("one", None)]
    assert "tokens.not_fetched" in caplog.text
