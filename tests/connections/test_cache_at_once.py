"""Many callers of the token cache at the same moment: one asks, nobody is kept waiting by a lock (fault 11)."""

import sqlite3
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database

from connections.cache import (
    Refresh,
    Wait,
    clear_token,
    fetch_for,
    look_up,
)
from connections.failures import TokenFailure
from connections.models import CachedToken, Connection
from connections.source import Token, TokenSource
from tests.at_once import at_once
from tests.connections.caching import NOW, later
from tests.connections.endpoint import PATH, VALUE, make_source, token_answer
from tests.factories import make_connection
from tests.receiver import Answer, Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]


@pytest.fixture
def shared_source(receiver: Receiver, transactional_db: None) -> TokenSource:
    receiver.answer(PATH, token_answer(delay=0.3))
    return make_source(receiver)


@pytest.mark.django_db(transaction=True)
def test_of_many_callers_one_asks_and_all_get_the_token(shared_source: TokenSource, receiver: Receiver) -> None:
    """Fault 11: one token request, not as many as there are callers."""

    def call() -> tuple[str, int]:
        rounds = 0
        while True:
            [answer] = look_up([shared_source], now=datetime.now(UTC)).values()
            if isinstance(answer, Refresh):
                answer = fetch_for(shared_source, answer)
            if isinstance(answer, Token):
                return answer.value, rounds
            assert isinstance(answer, Wait), answer
            rounds += 1
            assert rounds < 100
            time.sleep(0.05)

    results = at_once([call] * 16)
    assert {value for value, _rounds in results} == {VALUE}
    assert sum(rounds > 0 for _value, rounds in results) >= 10
    assert len(receiver.requests()) == 1


@pytest.mark.django_db(transaction=True)
def test_at_the_moment_of_renewal_one_of_many_renews(shared_source: TokenSource, receiver: Receiver) -> None:
    first = fetch_for(shared_source, look_up([shared_source], now=NOW)[shared_source.cache_key])  # type: ignore[arg-type]
    assert isinstance(first, Token)

    def call() -> Any:
        return look_up([shared_source], now=first.refresh_at)[shared_source.cache_key]

    answers = at_once([call] * 16)
    assert {answer.value for answer in answers} == {VALUE}
    assert sum(answer.refresh is not None for answer in answers) == 1


def away_for(times: int) -> Any:
    """The database can't be written to, so many times."""
    left = [times]

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and left[0]:
            left[0] -= 1
            raise OperationalError("database is locked") from sqlite3.OperationalError("database is locked")
        return execute(sql, params, many, context)

    return database.execute_wrapper(wrapper)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", [200, 400])
def test_what_was_fetched_is_kept_as_soon_as_the_database_takes_it(
    shared_source: TokenSource, receiver: Receiver, status: int
) -> None:
    """Fault 11: a file that others write to for a second costs no further token request."""
    if status != 200:
        receiver.answer(PATH, Answer(400, body=b'{"error": "invalid_client"}'))
    ticket = look_up([shared_source], now=NOW)[shared_source.cache_key]
    assert isinstance(ticket, Refresh)
    with away_for(3):
        came = fetch_for(shared_source, ticket)
    known = look_up([shared_source], now=later(seconds=1))[shared_source.cache_key]
    assert type(known) is type(came) is (Token if status == 200 else TokenFailure)
    assert len(receiver.requests()) == 1


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_kept_while_the_right_lasts_is_given_up(shared_source: TokenSource) -> None:
    ticket = look_up([shared_source], now=NOW)[shared_source.cache_key]
    assert isinstance(ticket, Refresh)
    short = replace(ticket, until=ticket.moment() + timedelta(seconds=1))
    with away_for(10_000), pytest.raises(OperationalError, match="locked"):
        fetch_for(shared_source, short)
    assert short.moment() <= short.until


@pytest.mark.django_db(transaction=True)
def test_of_many_401s_one_drops_the_token(shared_source: TokenSource, receiver: Receiver) -> None:
    fetch_for(shared_source, look_up([shared_source], now=NOW)[shared_source.cache_key])  # type: ignore[arg-type]
    at = later(seconds=5)
    assert set(at_once([lambda: clear_token(shared_source, VALUE, now=at)] * 16)) == {True}
    answers = at_once([lambda: look_up([shared_source], now=at)[shared_source.cache_key]] * 16)
    assert sorted(type(answer).__name__ for answer in answers) == ["Refresh"] + ["Wait"] * 15


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_while_the_endpoint_takes_its_time(shared_source: TokenSource, receiver: Receiver) -> None:
    """Trap 1: the endpoint may even call us back meanwhile."""
    receiver.answer(PATH, token_answer(delay=1.5))
    ticket = look_up([shared_source], now=NOW)[shared_source.cache_key]
    assert isinstance(ticket, Refresh)

    def fetch_in_thread() -> None:
        try:
            fetch_for(shared_source, ticket)
        finally:
            database.close()

    thread = threading.Thread(target=fetch_in_thread)
    thread.start()
    receiver.wait_for(1)
    started = time.monotonic()
    stored = Connection.objects.get()
    CachedToken.objects.filter(connection=stored).update(used_at=NOW)
    make_connection(participant=stored.participant)
    assert time.monotonic() - started < 1.0
    assert thread.is_alive()
    thread.join(10)
    assert isinstance(look_up([shared_source], now=later(seconds=3))[shared_source.cache_key], Token)
