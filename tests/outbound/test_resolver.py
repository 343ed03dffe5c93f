import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from outbound import resolver as resolver_module
from outbound.errors import Refused
from outbound.policy import Policy, parse_allowance
from outbound.resolver import UNKNOWN_THREADS, Answer, Lookup, Resolver
from outbound.targets import resolve_and_check
from tests.network import Names

POLICY = Policy()


class Server:
    """A name server: knows some names, hangs on those that begin with "hang" until it is released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()
        self.addresses: Sequence[str] = ["8.8.8.8"]

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host.startswith("hang"):
            self.release.wait(10)
        if host.startswith("none"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if host.startswith("broken"):
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        if host.startswith("odd"):
            raise ZeroDivisionError
        return self.addresses


@pytest.fixture
def server() -> Any:
    made = Server()
    yield made
    made.release.set()


def ask(resolver: Resolver, host: str) -> Answer:
    found = resolver.ask(host)
    return found.wait() if isinstance(found, Lookup) else found


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the clock of the resolver."""
    shift = [0.0]
    clock = type("Clock", (), {"monotonic": staticmethod(lambda: time.monotonic() + shift[0])})
    monkeypatch.setattr(resolver_module, "time", clock)
    return lambda seconds: shift.__setitem__(0, shift[0] + seconds)


def test_answers_are_kept_for_sixty_seconds(server: Server, moving: Any) -> None:
    resolver = Resolver(server)
    assert ask(resolver, "a.test").addresses == ("8.8.8.8",)
    server.addresses = ["9.9.9.9"]
    moving(59)
    assert ask(resolver, "a.test").addresses == ("8.8.8.8",)
    moving(2)
    assert ask(resolver, "a.test").addresses == ("9.9.9.9",)
    assert server.asked == ["a.test", "a.test"]


@pytest.mark.parametrize(
    ("host", "code"), [("none.test", "name_not_found"), ("broken.test", "dns_failed"), ("odd.test", "dns_failed")]
)
def test_a_failure_is_soon_asked_for_again(server: Server, moving: Any, host: str, code: str) -> None:
    resolver = Resolver(server)
    assert ask(resolver, host).error == code
    assert ask(resolver, host).error == code
    moving(6)
    assert ask(resolver, host).error == code
    assert server.asked == [host, host]


def test_a_name_without_addresses_does_not_exist(server: Server) -> None:
    server.addresses = []
    assert ask(Resolver(server), "a.test").error == "name_not_found"


def test_many_who_ask_for_one_name_make_one_look_up(server: Server) -> None:
    resolver = Resolver(server)
    lookups = [resolver.ask("hang.test") for _ in range(20)]
    assert len({id(lookup) for lookup in lookups}) == 1
    heard: list[Answer] = []
    assert isinstance(lookups[0], Lookup)
    lookups[0].when_finished(heard.append)
    server.release.set()
    assert lookups[0].wait().addresses == ("8.8.8.8",)
    lookups[0].when_finished(heard.append)
    for _ in range(100):
        if len(heard) == 2:
            break
        time.sleep(0.01)
    assert [answer.addresses for answer in heard] == [("8.8.8.8",)] * 2
    assert server.asked == ["hang.test"]


def test_whoever_waits_for_a_hanging_name_gives_up_after_three_seconds(server: Server, moving: Any) -> None:
    resolver = Resolver(server)
    lookup = resolver.ask("hang.test")
    assert isinstance(lookup, Lookup)
    moving(2.98)
    started = time.monotonic()
    assert lookup.wait().error == "dns_timeout"
    assert time.monotonic() - started < 1
    # Who asks now is told at once, and no second thread is lost to that name.
    moving(1)
    assert resolver.ask("hang.test") == Answer(error="dns_timeout")
    assert server.asked == ["hang.test"]


def test_hanging_names_do_not_hold_up_a_name_that_answered_before(server: Server, moving: Any) -> None:
    """Part of the test "30 s DNS hang beside healthy webhooks": more hanging names than there are threads."""
    resolver = Resolver(server)
    assert ask(resolver, "good.test").error is None
    moving(61)
    for number in range(UNKNOWN_THREADS + 5):
        resolver.ask(f"hang{number}.test")
    started = time.monotonic()
    assert ask(resolver, "good.test").addresses == ("8.8.8.8",)
    assert time.monotonic() - started < 1


def test_a_name_that_answered_late_loses_its_place_among_the_good_ones(server: Server, moving: Any) -> None:
    resolver = Resolver(server)
    lookup = resolver.ask("hang.test")
    assert isinstance(lookup, Lookup)
    moving(4)
    server.release.set()
    while lookup.answer is None:
        time.sleep(0.005)
    assert ask(resolver, "hang.test").addresses == ("8.8.8.8",)
    assert not resolver._kept["hang.test"].quick


def test_a_look_up_nobody_waits_for_any_more_is_not_made(server: Server, moving: Any) -> None:
    resolver = Resolver(server)
    for number in range(UNKNOWN_THREADS + 1):
        resolver.ask(f"hang{number}.test")
    waiting = resolver.ask("late.test")
    assert isinstance(waiting, Lookup)
    moving(4)
    server.release.set()
    while waiting.answer is None:
        time.sleep(0.005)
    assert waiting.answer.error == "dns_timeout"
    assert "late.test" not in server.asked


def test_the_cache_does_not_grow_without_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "MAX_NAMES", 3)
    resolver = Resolver(server)
    for number in range(5):
        ask(resolver, f"a{number}.test")
    assert list(resolver._kept) == ["a2.test", "a3.test", "a4.test"]


def test_one_bad_address_refuses_the_whole_name(names: Names) -> None:
    names["good.test"] = ["8.8.8.8", "2606:4700::1"]
    names["mixed.test"] = ["8.8.8.8", "10.0.0.1"]
    names["inner.test"] = ["127.0.0.1"]
    target = resolve_and_check("good.test", 443, policy=POLICY)
    assert target.addresses == ("8.8.8.8", "2606:4700::1")
    assert target.resolve_entry == "good.test:443:8.8.8.8,[2606:4700::1]"
    assert not target.is_private("8.8.8.8")
    for host in ("mixed.test", "inner.test"):
        with pytest.raises(Refused) as caught:
            resolve_and_check(host, 443, policy=POLICY)
        assert caught.value.code == "refused_address"


def test_mapped_addresses_in_an_answer_are_unwrapped(names: Names) -> None:
    names["a.test"] = ["::ffff:8.8.8.8", "8.8.8.8"]
    names["b.test"] = ["::ffff:10.0.0.1"]
    assert resolve_and_check("a.test", 443, policy=POLICY).addresses == ("8.8.8.8",)
    with pytest.raises(Refused):
        resolve_and_check("b.test", 443, policy=POLICY)


def test_zone_ids_in_an_answer_refuse_the_name(names: Names) -> None:
    names["a.test"] = ["fe80::1%eth0"]
    with pytest.raises(Refused):
        resolve_and_check(
            "a.test", 443, policy=Policy(allowances=(parse_allowance("fe80::/10"),), allow_link_local=True)
        )


def test_an_unknown_name_is_told_apart_from_a_refused_one(names: Names) -> None:
    with pytest.raises(Refused) as caught:
        resolve_and_check("nowhere.test", 443, policy=POLICY)
    assert caught.value.code == "name_not_found"
    assert str(caught.value)


def test_an_address_opened_by_the_operator_is_private(names: Names) -> None:
    names["a.test"] = ["8.8.8.8", "10.0.0.1"]
    target = resolve_and_check("a.test", 443, policy=Policy(allowances=(parse_allowance("10.0.0.0/8"),)))
    assert (target.is_private("8.8.8.8"), target.is_private("10.0.0.1"), target.is_private("")) == (False, True, True)
