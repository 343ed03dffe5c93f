"""The suite's own server: what other tests believe about it is proved here once."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected

import pytest
from pytest_socket import SocketConnectBlockedError

from tests.certificates import Authority, server_context
from tests.receiver import Answer, Call, Drip, Endless, Hang, Raw, Received, Receiver, Reset, closed_port


@pytest.fixture
def connection(receiver: Receiver) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", receiver.port, timeout=0.3)
    yield connection
    connection.close()


def test_answers_come_in_their_order_and_the_last_one_stays(receiver: Receiver, connection: HTTPConnection) -> None:
    receiver.answer("/hook", Answer(500, b"no"), Answer(202, b"yes", [("X-A", "1")]))
    got = []
    for _ in range(3):
        connection.request("POST", "/hook?a=1", body=b"{}", headers={"X-Twice": "b"})
        response = connection.getresponse()
        got.append((response.status, response.read()))
    assert got == [(500, b"no"), (202, b"yes"), (202, b"yes")]
    requests = receiver.wait_for(3, path="/hook")
    assert [(r.method, r.path, r.query, r.body, r.connection) for r in requests] == [
        ("POST", "/hook", "a=1", b"{}", 1)
    ] * 3
    assert requests[0].header("x-twice") == "b"
    assert requests[0].head.startswith(b"POST /hook?a=1 HTTP/1.1\r\n")


def test_a_chunked_body_is_put_together(receiver: Receiver, connection: HTTPConnection) -> None:
    connection.request("POST", "/", body=iter([b"one", b"two"]), encode_chunked=True)
    assert connection.getresponse().status == 200
    assert receiver.wait_for(1)[0].body == b"onetwo"


@pytest.mark.parametrize("answer", [Hang(), Answer(delay=5), Drip(head_too=True, every=0.1)])
def test_the_slow_ones_keep_a_client_waiting(receiver: Receiver, connection: HTTPConnection, answer: Answer) -> None:
    receiver.answer("/hook", answer)
    connection.request("POST", "/hook")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        _read_within(connection, 0.5)
    assert time.monotonic() - started < 2


def test_a_reset_reaches_the_client_as_one(receiver: Receiver, connection: HTTPConnection) -> None:
    receiver.answer("/hook", Reset())
    connection.request("POST", "/hook")
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        connection.getresponse()


def test_garbage_is_not_http(receiver: Receiver, connection: HTTPConnection) -> None:
    receiver.answer("/hook", Raw())
    connection.request("POST", "/hook")
    with pytest.raises(HTTPException):
        connection.getresponse()


def test_an_endless_body_does_not_end(receiver: Receiver, connection: HTTPConnection) -> None:
    receiver.answer("/hook", Endless())
    connection.request("GET", "/hook")
    response = connection.getresponse()
    assert sum(len(response.read(65_536)) for _ in range(32)) == 32 * 65_536


def test_a_function_of_the_test_answers_inside_the_request(receiver: Receiver, connection: HTTPConnection) -> None:
    def echo(request: Received) -> Answer:
        return Answer(201, request.body.upper())

    receiver.answer("/hook", Call(echo))
    connection.request("POST", "/hook", body=b"abc")
    assert connection.getresponse().read() == b"ABC"


def test_https_with_a_good_and_with_an_expired_certificate() -> None:
    authority = Authority()
    trust = ssl.create_default_context(cadata=authority.pem)
    for life, good in [(timedelta(days=1), True), (timedelta(days=-1), False)]:
        with Receiver(tls=server_context(authority.issue("127.0.0.1", valid_for=life))) as receiver:
            connection = HTTPSConnection("127.0.0.1", receiver.port, context=trust, timeout=2)
            if good:
                connection.request("GET", "/")
                assert connection.getresponse().status == 200
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
                    connection.request("GET", "/")
            connection.close()


def test_a_closed_port_refuses() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port()), timeout=1)


def test_no_name_leaves_the_machine() -> None:
    with pytest.raises(socket.gaierror, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)


def test_nothing_but_loopback_is_reached() -> None:
    with pytest.warns(UserWarning, match="192.0.2.1"), pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def _read_within(connection: HTTPConnection, seconds: float) -> None:
    connection.sock.settimeout(0.05)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection.sock.recv(1)
    raise TimeoutError
