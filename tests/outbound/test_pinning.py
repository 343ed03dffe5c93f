"""A transfer goes to an address that was judged for its own name, and to nothing else, kept connections included."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pycurl
import pytest

from outbound import callbacks, client, exchange
from outbound.client import Pool, send
from outbound.policy import Policy, load_policy
from outbound.targets import Target, judge_answer
from tests.network import Names
from tests.outbound.conftest import Send, finish, hook, post, through
from tests.receiver import Answer, Raw, Receiver

pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def other(receiver: Receiver) -> Iterator[Receiver]:
    """Another machine: another address, the same port."""
    with Receiver(host="127.0.0.2", port=receiver.port) as running:
        yield running


def test_connections_are_kept(receiver: Receiver, pool: Pool) -> None:
    first, second = through(pool, post(hook(receiver))), through(pool, post(hook(receiver)))
    assert (first.reused, second.reused, receiver.connections) == (False, True, 1)
    assert (second.address, second.sent, second.timing.connect) == ("127.0.0.1", True, 0)


def test_a_kept_connection_to_an_address_that_no_longer_counts_is_not_used(
    receiver: Receiver, other: Receiver, pool: Pool, names: Names
) -> None:
    """The DNS flip: libcurl would take the kept connection, and never ask the socket callback."""
    assert through(pool, post(hook(receiver))).status == 200
    names["hook.test"] = ["127.0.0.2"]
    result = through(pool, post(hook(receiver), body=b"secret"))
    assert (result.status, result.address, result.reused) == (200, "127.0.0.2", False)
    assert [request.body for request in other.requests()] == [b"secret"]
    assert len(receiver.requests()) == 1
    again = through(pool, post(hook(receiver)))
    assert (again.address, again.reused, len(receiver.requests())) == ("127.0.0.2", True, 1)


def test_several_stale_connections_are_all_passed_over(
    receiver: Receiver, other: Receiver, pool: Pool, names: Names
) -> None:
    receiver.answer("/hook", Answer(delay=0.05))
    for _ in range(4):
        pool.start(post(hook(receiver)), None)
    finish(pool, 4)
    assert receiver.connections == 4
    names["hook.test"] = ["127.0.0.2"]
    for _ in range(6):
        result = through(pool, post(hook(receiver)))
        assert (result.status, result.address) == (200, "127.0.0.2")
    assert len(receiver.requests()) == 4


@pytest.mark.parametrize(
    ("addresses", "code"),
    [(["10.0.0.1"], "refused_address"), (["127.0.0.1", "10.0.0.1"], "refused_address"), ([], "name_not_found")],
)
def test_a_kept_connection_does_not_outlive_the_name(
    receiver: Receiver, pool: Pool, names: Names, addresses: list[str], code: str
) -> None:
    assert through(pool, post(hook(receiver))).status == 200
    names["hook.test"] = addresses
    result = through(pool, post(hook(receiver)))
    assert (result.error, result.sent, result.status) == (code, False, None)
    assert len(receiver.requests()) == 1


def test_a_kept_connection_does_not_outlive_the_operators_permission(
    receiver: Receiver, pool: Pool, settings: Any
) -> None:
    assert through(pool, post(hook(receiver))).status == 200
    settings.PORTAL_OUTBOUND_ALLOW_LOOPBACK = False
    for url in (hook(receiver), receiver.url("/hook")):
        result = through(pool, post(url))
        assert (result.error, result.sent) == ("refused_address", False)
    assert len(receiver.requests()) == 1


def test_the_socket_callback_refuses_what_was_not_judged(
    deliver: Send, receiver: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if libcurl had resolved the name by itself."""

    def astray(*args: Any) -> Target:
        return replace(judge_answer(*args), resolve_entry=f"hook.test:{receiver.port}:127.0.0.2")

    monkeypatch.setattr(client, "judge_answer", astray)
    result = deliver(post(hook(receiver)))
    assert (result.error, result.detail, result.sent) == ("refused_address", "", False)
    time.sleep(0.05)
    assert (receiver.connections, other.connections) == (0, 0)


def test_a_refusal_is_not_told_from_a_refusal_of_the_policy(deliver: Send, receiver: Receiver, names: Names) -> None:
    names["inner.test"] = ["10.0.0.1"]
    by_name = deliver(post(f"http://inner.test:{receiver.port}/"))
    by_address = deliver(post(f"http://10.0.0.1:{receiver.port}/"))
    assert by_name.error == by_address.error == "refused_address"
    assert by_name.detail == by_address.detail == ""
    assert (by_name.address, by_name.status, by_name.sent) == ("", None, False)


def test_each_layer_holds_alone(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callback before the request refuses a connection that the socket callback let pass, even a new one."""
    monkeypatch.setattr(callbacks.Callbacks, "on_open_socket", lambda self, purpose, peer: callbacks.open_socket(
        peer.family, peer.socktype, peer.protocol, peer.addr[:2]))  # fmt: skip
    monkeypatch.setattr(client, "judge_answer", lambda *args: replace(judge_answer(*args), addresses=("127.0.0.9",)))
    result = send(post(hook(receiver)))
    assert (result.error, result.sent) == ("refused_address", False)
    assert receiver.requests() == []


def test_connections_are_not_shared_between_names(receiver: Receiver, pool: Pool, names: Names) -> None:
    names["second.test"] = ["127.0.0.1"]
    through(pool, post(hook(receiver)))
    assert not through(pool, post(f"http://second.test:{receiver.port}/hook")).reused


def test_all_judged_addresses_are_tried(receiver: Receiver, pool: Pool, names: Names) -> None:
    names["hook.test"] = ["127.0.0.3", "127.0.0.1"]
    result = through(pool, post(hook(receiver)))
    assert (result.status, result.address) == (200, "127.0.0.1")


def test_ipv6_is_called_too(names: Names, pool: Pool, settings: Any) -> None:
    settings.PORTAL_OUTBOUND_ALLOW = ["::1"]
    names["six.test"] = ["::1"]
    with Receiver6() as receiver:
        for url in (f"http://six.test:{receiver.port}/", f"http://[::1]:{receiver.port}/"):
            result = through(pool, post(url))
            assert (result.status, result.address, result.private) == (200, "::1", True)
        assert receiver.requests()[1].header("Host") == f"[::1]:{receiver.port}"


def test_a_request_lost_on_a_kept_connection_is_not_sent_again(receiver: Receiver, pool: Pool) -> None:
    """One attempt is at most one POST: libcurl would send it again by itself."""
    receiver.answer("/hook", Answer(200), Raw(b""), Answer(200))
    assert through(pool, post(hook(receiver))).status == 200
    result = through(pool, post(hook(receiver)))
    assert (result.error, result.sent, result.status) == ("connection_closed", True, None)
    time.sleep(0.05)
    assert len(receiver.requests()) == 2
    assert through(pool, post(hook(receiver))).status == 200


def test_a_connection_that_was_closed_while_idle_costs_nothing(receiver: Receiver, pool: Pool) -> None:
    close = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    receiver.answer("/hook", close, Answer(200))
    assert through(pool, post(hook(receiver))).status == 200
    time.sleep(0.05)
    result = through(pool, post(hook(receiver)))
    assert (result.status, result.reused) == (200, False)
    assert len(receiver.requests()) == 2


def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_one(receiver: Receiver, pool: Pool) -> None:
    receiver.answer("/hook", Answer(200, b"first"), Answer(200, b"second"))
    smuggled = b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"
    receiver.answer("/more", TwoAnswers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + smuggled))
    assert through(pool, post(hook(receiver, "/more"))).status == 200
    assert through(pool, post(hook(receiver))).body == b"first"


def test_the_names_answers_are_those_of_the_port(pool: Pool, receiver: Receiver, settings: Any) -> None:
    settings.PORTAL_OUTBOUND_ALLOW = [f"127.0.0.0/8:{receiver.port}"]
    assert through(pool, post(hook(receiver))).status == 200
    with Receiver() as elsewhere:
        assert through(pool, post(hook(elsewhere))).error == "refused_address"
        assert elsewhere.connections == 0


def test_every_transfer_carries_the_settings_of_the_safety_page() -> None:
    constants = dict(exchange._CONSTANTS)
    assert constants[pycurl.MAXAGE_CONN] == 60
    assert constants[pycurl.MAXLIFETIME_CONN] == 300
    assert constants[pycurl.PROTOCOLS] == pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    assert constants[pycurl.SSLVERSION] == pycurl.SSLVERSION_TLSv1_2
    assert (constants[pycurl.SSL_VERIFYPEER], constants[pycurl.SSL_VERIFYHOST]) == (1, 2)


def test_a_judged_target_knows_its_addresses_however_they_are_written() -> None:
    policy = Policy()
    target = Target(("2606:4700::1", "8.8.8.8"), 443, frozenset())
    assert target.allows("2606:4700:0:0::1", 443)
    assert target.allows("::ffff:8.8.8.8", 443)
    assert not target.allows("8.8.8.8", 444)
    assert not target.allows("8.8.4.4", 443)
    assert not target.allows("", 443)
    assert policy is not load_policy()


class TwoAnswers(Raw):
    """More than was asked for, on a connection that stays open."""

    def give(self, request: Any, connection: Any) -> None:
        connection.send(self.data)


class Receiver6(Receiver):
    def __init__(self) -> None:
        super().__init__(host="::1")

    def __enter__(self) -> "Receiver6":
        import socket

        self._listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self
