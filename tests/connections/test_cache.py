"""The token cache: who fetches, who waits, what is remembered and what a 401 drops. On SQLite and PostgreSQL alike."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from connections import cache, failures
from connections.actions import update_connection
from connections.cache import (
    CLEAR_EVERY_SECONDS,
    Refresh,
    Wait,
    clear_token,
    fetch_for,
    hold_seconds,
    look_up,
    retry_seconds,
    still_held,
)
from connections.failures import TokenFailure
from connections.models import CachedToken, Connection
from connections.source import Token, TokenSource
from connections.tasks import remove_connection_runs
from connections.tokens import obtain_token, source_of
from tests.connections.caching import NOW, fetch, found, later
from tests.connections.endpoint import PATH, VALUE, json_answer, make_source, token_answer
from tests.factories import connection_values, make_connection
from tests.people import Person
from tests.receiver import Answer, Hang, Receiver, closed_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]


@pytest.fixture
def source(receiver: Receiver) -> TokenSource:
    receiver.answer(PATH, token_answer())
    return make_source(receiver)


# --- the ordinary life --------------------------------------------------------------------------------------------


def test_the_first_to_ask_fetches_and_the_others_use_what_came(source: TokenSource, receiver: Receiver) -> None:
    token = fetch(source)
    assert isinstance(token, Token)
    assert (token.value, token.type) == (VALUE, "Bearer")
    for minutes in (0, 1, 47):
        again = found(source, later(minutes=minutes))
        assert isinstance(again, Token)
        assert (again.value, again.refresh) == (VALUE, None)
    assert len(receiver.requests()) == 1


def test_tokens_rest_sealed(source: TokenSource) -> None:
    fetch(source)
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM connections_cachedtoken")
        [[stored]] = cursor.fetchall()
    assert stored.startswith("k1:")
    assert VALUE not in stored


def test_one_query_answers_for_all_when_every_token_is_there(receiver: Receiver) -> None:
    receiver.answer(PATH, token_answer())
    sources = [make_source(receiver) for _ in range(3)]
    for each in sources:
        fetch(each)
    with CaptureQueriesContext(
        database,
    ) as queries:
        answers = look_up(sources, now=NOW)
    assert len(queries) == 1
    assert [type(answer) for answer in answers.values()] == [Token] * 3


def test_a_second_caller_waits_for_the_first(source: TokenSource) -> None:
    ticket = found(source)
    assert isinstance(ticket, Refresh)
    assert ticket.until == later(seconds=hold_seconds())
    assert found(source, later(seconds=1)) == Wait(ticket.until)
    assert isinstance(fetch_for(source, ticket), Token)
    assert isinstance(found(source, later(seconds=2)), Token)


def test_at_80_percent_of_its_life_one_caller_renews_while_the_token_is_used_on(
    source: TokenSource, receiver: Receiver
) -> None:
    first = fetch(source)
    assert found(source, first.refresh_at - timedelta(seconds=1)).refresh is None
    receiver.answer(PATH, token_answer("the-second-token"))
    one, another = found(source, first.refresh_at), found(source, first.refresh_at)
    assert (one.value, another.value) == (VALUE, VALUE)
    assert isinstance(one.refresh, Refresh)
    assert another.refresh is None
    assert isinstance(fetch_for(source, one.refresh), Token)
    renewed = found(source, first.refresh_at + timedelta(seconds=1))
    assert (renewed.value, renewed.refresh) == ("the-second-token", None)
    assert len(receiver.requests()) == 2


def test_a_token_is_never_used_past_its_end(source: TokenSource) -> None:
    first = fetch(source)
    assert found(source, first.expires_at - timedelta(milliseconds=1)).value == VALUE
    CachedToken.objects.update(refreshing_until=None, refreshing_by=None)
    assert isinstance(found(source, first.expires_at), Refresh)


def test_a_process_that_dies_while_it_fetches_loses_its_right(source: TokenSource) -> None:
    dead = found(source)
    assert isinstance(found(source, dead.until - timedelta(milliseconds=1)), Wait)
    heir = found(source, dead.until)
    assert isinstance(heir, Refresh)
    assert heir.by != dead.by


def test_who_comes_back_too_late_writes_nothing_but_may_use_its_token(source: TokenSource, receiver: Receiver) -> None:
    receiver.answer(PATH, token_answer("of-the-late-one"), token_answer("of-the-heir"))
    late = found(source)
    heir = found(source, late.until)
    assert fetch_for(source, late).value == "of-the-late-one"
    assert isinstance(found(source, late.until), Wait)
    assert fetch_for(source, heir).value == "of-the-heir"
    assert found(source, late.until).value == "of-the-heir"


def test_without_an_end_of_its_own_a_token_is_used_for_a_day_at_most(receiver: Receiver, source: TokenSource) -> None:
    receiver.answer(PATH, token_answer(expires_in=None), Answer(500))
    first = fetch(source)
    assert first.expires_at is None
    now = first.refresh_at
    while now < later(hours=24):
        held = found(source, now)
        assert held.value == VALUE
        if held.refresh:
            fetch_for(source, held.refresh)
        now += timedelta(minutes=6)
    assert isinstance(found(source, later(hours=24, seconds=5)), Refresh | TokenFailure)


@pytest.mark.parametrize("column", ["token", "uuid"])
def test_a_token_that_does_not_open_is_fetched_again(source: TokenSource, column: str) -> None:
    from uuid import uuid4

    fetch(source)
    if column == "uuid":
        CachedToken.objects.update(uuid=uuid4())
    else:
        with database.cursor() as cursor:
            cursor.execute("UPDATE connections_cachedtoken SET token = 'gone:AAAA'")
    ticket = found(source)
    assert isinstance(ticket, Refresh)
    assert isinstance(fetch_for(source, ticket), Token)
    assert found(source).value == VALUE


def test_who_looked_before_another_fetched_does_not_fetch_as_well(source: TokenSource, receiver: Receiver) -> None:
    """Between the look and the change the other may have come and gone: nobody is fetching, and yet all is done."""
    first_ticket = found(source)
    CachedToken.objects.update(refreshing_by=None, refreshing_until=None)
    before_any = CachedToken.objects.get()
    CachedToken.objects.update(refreshing_by=first_ticket.by, refreshing_until=first_ticket.until)
    first = fetch_for(source, first_ticket)
    assert isinstance(first, Token)
    assert cache._judge(before_any, NOW).value == VALUE
    before_renewal = CachedToken.objects.get()
    fetch_for(source, found(source, first.refresh_at).refresh)
    assert cache._judge(before_renewal, first.refresh_at).refresh is None
    assert len(receiver.requests()) == 2


# --- what makes it another token ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "over",
    [
        {"settings": {"scope": "other"}},
        {"settings": {"audience": "other"}},
        {"settings": {"authorization_details": '[{"type": "a"}]'}},
        {"secrets": {"client_secret": "another-secret"}},
        {"secrets": {"body": "a=b"}},
        {"token_url": "https://elsewhere.example.com/token"},
    ],
)
def test_a_change_of_anything_that_is_asked_with_leads_to_another_key(owner: Person, over: dict[str, Any]) -> None:
    connection = make_connection(participant=owner.participant)
    before = source_of(connection).cache_key
    values = connection_values(name=connection.name, **over)
    changed = update_connection(connection, values=values, by=owner.actor)
    assert source_of(changed).cache_key != before


def test_the_key_tells_nothing_of_the_secrets(owner: Person) -> None:
    """A digest of a password could be tried against; its version stands for it."""
    connection = make_connection(kind="jwt_7519")
    source = source_of(connection)
    assert len(source.cache_key) == 64
    Connection.objects.filter(pk=connection.pk).update(
        secrets=Connection._meta.get_field("secrets").seal('{"body": "{}"}', connection.uuid)
    )
    connection.refresh_from_db()
    assert source_of(connection).cache_key == source.cache_key


def test_changed_credentials_take_the_old_token_with_them(source: TokenSource, owner: Person) -> None:
    fetch(source)
    stored = Connection.objects.get()
    values = connection_values(name=stored.name, token_url=stored.token_url, secrets={"client_secret": "new-secret-1"})
    changed = update_connection(stored, values=values, by=owner.actor)
    assert not CachedToken.objects.exists()
    assert isinstance(found(source_of(changed)), Refresh)


def test_a_change_in_the_midst_of_a_fetch_keeps_the_token_out_of_the_cache(source: TokenSource, owner: Person) -> None:
    ticket = found(source)
    stored = Connection.objects.get()
    values = connection_values(name=stored.name, token_url=stored.token_url, secrets={"client_secret": "new-secret-1"})
    update_connection(stored, values=values, by=owner.actor)
    assert fetch_for(source, ticket).value == VALUE
    assert not CachedToken.objects.exists()


# --- failures -----------------------------------------------------------------------------------------------------


def test_failures_are_remembered_longer_and_longer(source: TokenSource, receiver: Receiver) -> None:
    receiver.answer(PATH, Answer(503))
    now = NOW
    for wanted in (5, 10, 20, 40, 80, 160, 300, 300):
        failure = fetch(source, now)
        assert failure == TokenFailure(failures.SERVER_ERROR, "HTTP 503", 503)
        # The clock of the row goes on while the request is on its way.
        [row] = CachedToken.objects.all()
        assert wanted <= (row.retry_at - now).total_seconds() < wanted + 3
        held = found(source, row.retry_at - timedelta(milliseconds=1))
        assert held == TokenFailure(failures.SERVER_ERROR, "HTTP 503", 503)
        now = row.retry_at
    assert len(receiver.requests()) == 8


def test_a_success_forgets_the_failures(source: TokenSource, receiver: Receiver) -> None:
    receiver.answer(PATH, Answer(503), token_answer())
    fetch(source)
    now = CachedToken.objects.get().retry_at
    assert isinstance(fetch(source, now), Token)
    row = CachedToken.objects.get()
    assert (row.failures, row.retry_at, row.failure_code, row.failure_status) == (0, None, "", None)


def test_while_renewing_fails_the_token_is_used_until_its_end(source: TokenSource, receiver: Receiver) -> None:
    first = fetch(source)
    receiver.answer(PATH, json_answer({"error": "invalid_client"}, status=401))
    held = found(source, first.refresh_at)
    assert fetch_for(source, held.refresh).code == failures.INVALID_CLIENT
    now = first.refresh_at + timedelta(seconds=1)
    assert (found(source, now).value, found(source, now).refresh) == (VALUE, None)
    row = CachedToken.objects.get()
    CachedToken.objects.update(retry_at=first.expires_at + timedelta(seconds=30))
    assert found(source, first.expires_at) == TokenFailure(failures.INVALID_CLIENT, row.failure_detail, 401)


@pytest.mark.parametrize(
    ("failures_so_far", "asked", "seconds"),
    [(1, None, 5), (1, 30.0, 30), (1, 1.0, 5), (1, 9_999.0, 300), (4, 10.0, 40), (99, None, 300), (10_000, 0.0, 300)],
)
def test_a_token_endpoint_may_ask_for_more_time_within_limits(
    failures_so_far: int, asked: float | None, seconds: float
) -> None:
    assert retry_seconds(failures_so_far, asked) == seconds


def test_an_endpoint_that_is_down_is_a_failure_like_any_other(receiver: Receiver) -> None:
    port = closed_port()
    source = source_of(make_connection(token_url=f"http://127.0.0.1:{port}/token"))
    assert fetch(source) == TokenFailure(failures.UNREACHABLE, "connection_refused")


def test_an_endpoint_that_hangs_costs_the_deadline_and_no_more(receiver: Receiver, settings: Any) -> None:
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 0.5
    receiver.answer(PATH, Hang())
    started = time.monotonic()
    assert fetch(make_source(receiver)) == TokenFailure(failures.TIMEOUT, "timeout_waiting")
    assert time.monotonic() - started < 2.0


# --- a 401 --------------------------------------------------------------------------------------------------------


def test_a_401_drops_the_token_that_was_used(source: TokenSource, receiver: Receiver) -> None:
    fetch(source)
    assert clear_token(source, VALUE, now=later(seconds=10)) is True
    ticket = found(source, later(seconds=10))
    assert isinstance(ticket, Refresh)
    receiver.answer(PATH, token_answer("the-second-token"))
    assert fetch_for(source, ticket).value == "the-second-token"


def test_a_401_to_an_older_token_leaves_the_new_one_and_makes_a_repeat_worth_while(source: TokenSource) -> None:
    fetch(source)
    assert clear_token(source, "an-older-token", now=NOW) is True
    assert found(source).value == VALUE


def test_a_token_is_dropped_once_a_minute_at_most(source: TokenSource, receiver: Receiver) -> None:
    fetch(source)
    assert clear_token(source, VALUE, now=NOW) is True
    fetch(source)
    just_before = later(seconds=CLEAR_EVERY_SECONDS - 0.001)
    assert clear_token(source, VALUE, now=just_before) is False
    assert found(source, just_before).value == VALUE
    assert clear_token(source, VALUE, now=later(seconds=CLEAR_EVERY_SECONDS)) is True
    assert len(receiver.requests()) == 2


def test_a_401_keeps_the_memory_of_failures(source: TokenSource) -> None:
    """Otherwise receivers that answer 401 would set the pace at which a failing endpoint is asked."""
    fetch(source)
    CachedToken.objects.update(failures=3, retry_at=later(seconds=20), failure_code=failures.REFUSED)
    clear_token(source, VALUE, now=NOW)
    assert found(source).code == failures.REFUSED


def test_nothing_is_dropped_of_a_key_that_is_not_there(source: TokenSource) -> None:
    assert clear_token(source, VALUE, now=NOW) is True


# --- a clock that jumps (fault 15) --------------------------------------------------------------------------------


def test_a_clock_that_was_put_back_ends_waits_and_memories(source: TokenSource, receiver: Receiver) -> None:
    found(source, later(hours=1))
    ticket = found(source, NOW)
    assert isinstance(ticket, Refresh)
    receiver.answer(PATH, Answer(500))
    fetch_for(source, ticket)
    CachedToken.objects.update(retry_at=later(hours=1), cleared_at=later(hours=1))
    assert isinstance(found(source, NOW), Refresh)


def test_a_clock_that_was_put_back_lets_a_401_drop_the_token(source: TokenSource) -> None:
    fetch(source)
    CachedToken.objects.update(cleared_at=later(hours=1))
    assert clear_token(source, VALUE, now=NOW) is True


# --- by hand ------------------------------------------------------------------------------------------------------


def test_asking_by_hand_leaves_the_cache_alone(source: TokenSource, receiver: Receiver) -> None:
    assert obtain_token(source).token is not None
    assert obtain_token(source).cached is False
    assert not CachedToken.objects.exists()
    assert len(receiver.requests()) == 2


def test_asking_by_hand_may_use_the_cache(source: TokenSource, receiver: Receiver) -> None:
    first, second = obtain_token(source, use_cache=True), obtain_token(source, use_cache=True)
    assert (first.cached, second.cached) == (False, True)
    assert first.token is not None
    assert second.token is not None
    assert first.token.value == second.token.value
    assert len(receiver.requests()) == 1


def test_asking_by_hand_goes_by_the_clock_of_those_who_share_the_cache(source: TokenSource, receiver: Receiver) -> None:
    """A process whose own clock goes wrong must not fetch what the others still use."""
    shared = NOW
    first = obtain_token(source, use_cache=True, now=shared)
    assert abs(CachedToken.objects.get().obtained_at - shared) < timedelta(minutes=1)
    again = obtain_token(source, use_cache=True, now=shared + timedelta(minutes=10))
    assert (first.cached, again.cached) == (False, True)
    assert obtain_token(source, use_cache=True, now=shared + timedelta(minutes=59)).cached is False
    assert len(receiver.requests()) == 2


# --- what is held, what is left behind ------------------------------------------------------------------------------


def test_a_token_that_is_held_is_only_asked_after(source: TokenSource) -> None:
    token = fetch(source)
    held = {source.cache_key: token}
    with CaptureQueriesContext(database) as queries:
        assert still_held(held, now=NOW) == {source.cache_key}
    assert len(queries) == 1
    assert still_held(held, now=token.refresh_at) == set()
    clear_token(source, VALUE, now=NOW)
    assert still_held(held, now=NOW) == set()
    assert still_held(held | {"another key": token}, now=NOW) == set()


def test_tokens_that_nobody_renews_are_removed_and_the_others_stay(receiver: Receiver, source: TokenSource) -> None:
    fetch(source)
    other = make_source(receiver)
    fetch(other, later(days=2))
    remove_connection_runs_at(later(days=3))
    assert CachedToken.objects.count() == 2
    remove_connection_runs_at(later(days=3, seconds=1))
    assert CachedToken.objects.get().key == other.cache_key


def remove_connection_runs_at(now: datetime) -> None:
    with time_machine.travel(now, tick=False):
        remove_connection_runs()
