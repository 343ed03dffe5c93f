"""What one request looks like on the wire, and what is told of its answer."""

import sys
from typing import Any

import pytest

from outbound import client
from outbound.client import Pool, send
from outbound.transfer import Request, Result, Tls
from tests.outbound.conftest import Send, hook, post
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.usefixtures("reachable")


def test_a_request_arrives_as_it_was_given(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(202, b"thanks", [("X-Note", "hi"), ("Content-Type", "text/plain")]))
    headers = (("Content-Type", "application/json"), ("webhook-id", "msg_1"), ("X-Key", "a b"))
    result = deliver(post(hook(receiver) + "?a=1&b=%20", headers=headers, body=b'{"a": "\xc3\xa7"}'))
    (received,) = receiver.requests()
    assert (received.method, received.target, received.body) == ("POST", "/hook?a=1&b=%20", b'{"a": "\xc3\xa7"}')
    assert received.headers == [
        ("Host", f"hook.test:{receiver.port}"),
        ("User-Agent", "Gancho"),
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("webhook-id", "msg_1"),
        ("X-Key", "a b"),
        ("Content-Length", "11"),
    ]
    assert (result.status, result.error, result.body, result.answer_cut) == (202, None, b"thanks", False)
    assert result.header("x-NOTE") == "hi"
    assert (result.address, result.port, result.sent, result.reused) == ("127.0.0.1", receiver.port, True, False)


def test_a_user_agent_of_the_request_replaces_ours(receiver: Receiver) -> None:
    send(post(hook(receiver), headers=(("User-Agent", "Gancho/1.2"),)))
    assert receiver.requests()[0].all_of("User-Agent") == ["Gancho/1.2"]


def test_nothing_is_said_about_a_body_whose_type_is_not_known(receiver: Receiver) -> None:
    send(post(hook(receiver), headers=()))
    assert receiver.requests()[0].header("Content-Type") is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_sent_as_such(receiver: Receiver, pool: Pool, method: str) -> None:
    body = b"" if method in ("GET", "HEAD") else b"body"
    result = send(Request(method, hook(receiver), (("Content-Type", "text/plain"),), body))
    assert result.status == 200
    (received,) = receiver.requests()
    assert (received.method, received.body) == (method, body)


def test_an_empty_body_is_posted(deliver: Send, receiver: Receiver) -> None:
    assert deliver(post(hook(receiver), body=b"")).status == 200
    assert receiver.requests()[0].header("Content-Length") == "0"


def test_a_large_body_does_not_ask_for_leave(deliver: Send, receiver: Receiver) -> None:
    body = bytes(range(256)) * 8192  # libcurl would ask above 1 MiB
    assert deliver(post(hook(receiver), body=body)).status == 200
    (received,) = receiver.requests()
    assert received.body == body
    assert received.header("Expect") is None


def test_paths_are_sent_untouched(receiver: Receiver) -> None:
    send(post(receiver.url("/a/../b/./%2E%2E/c;d=e?f/../g", host="hook.test")))
    assert receiver.requests()[0].target == "/a/../b/./%2E%2E/c;d=e?f/../g"


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 404, 410, 429, 500, 503, 599])
def test_every_status_is_an_answer(receiver: Receiver, status: int) -> None:
    receiver.answer("/hook", Answer(status))
    result = send(post(hook(receiver)))
    assert (result.status, result.error) == (status, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(deliver: Send, receiver: Receiver, status: int) -> None:
    """Fault 9 of the list of faults; N-11."""
    receiver.answer("/hook", Answer(status, b"", [("Location", hook(receiver, "/elsewhere"))]))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.redirect_to_present, result.answer_cut) == (status, True, False)
    assert [request.path for request in receiver.requests()] == ["/hook"]


def test_an_answer_of_300_without_a_place_to_go_says_so(receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(304))
    assert not send(post(hook(receiver))).redirect_to_present


def test_neither_proxies_nor_netrc_of_the_environment_count(
    deliver: Send, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine hook.test login user password CANARY\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert deliver(post(hook(receiver))).status == 200
    assert receiver.requests()[0].header("Authorization") is None


def test_the_time_of_each_phase_is_told(receiver: Receiver, pool: Pool) -> None:
    receiver.answer("/hook", Answer(200, b"", delay=0.1))
    timing = send(post(hook(receiver))).timing
    assert 0.1 <= timing.first_byte <= timing.total < 2
    assert 0 < timing.connect < 1
    assert timing.dns > 0
    assert timing.tls == 0


def test_an_answer_from_an_allowed_private_network_is_marked(deliver: Send, receiver: Receiver) -> None:
    assert deliver(post(hook(receiver))).private
    assert deliver(post(receiver.url("/hook"))).private


@pytest.mark.parametrize("refused", ["x\r\nEvil: 1", "x\ny", "x\x00"])
def test_a_header_that_would_be_two_is_not_sent(deliver: Send, receiver: Receiver, refused: str) -> None:
    result = deliver(post(hook(receiver), headers=(("X-Key", refused),)))
    assert (result.error, result.detail, result.sent) == ("header_refused", "header_value_invalid", False)
    assert deliver(post(hook(receiver), headers=((f"X-{refused}", "x"),))).error == "header_refused"
    assert receiver.connections == 0


@pytest.mark.parametrize("name", ["Host", "Transfer-Encoding", "content-length", "Connection", "Cookie", "Proxy-A"])
def test_headers_of_the_transport_are_not_sent_twice(deliver: Send, receiver: Receiver, name: str) -> None:
    assert deliver(post(hook(receiver), headers=((name, "x"),))).detail == "header_reserved"
    assert receiver.connections == 0


def test_a_bad_address_ends_as_a_result(deliver: Send) -> None:
    result = deliver(post("https://hook.test:0/"))
    assert (result.error, result.detail, result.sent) == ("address_invalid", "url_port", False)


@pytest.mark.parametrize(
    "request_", [Request("BREW", "https://a.test/"), Request("POST", "https://a.test/", keep_bytes=65_537),
                 Request("POST", "https://a.test/", deadline_seconds=0)],
)  # fmt: skip
def test_a_mistake_of_ours_is_no_result(request_: Request) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        send(request_)


def test_nothing_secret_is_shown() -> None:
    tls = Tls("CANARY", "CANARY", "CANARY")
    request = post("https://a.test/CANARY?k=CANARY", headers=(("X", "CANARY"),), body=b"CANARY", tls=tls)
    result = Result(200, (("X", "CANARY"),), b"CANARY", detail="CANARY")
    assert "CANARY" not in repr(request) + repr(tls) + repr(result)


def test_a_spare_handle_keeps_nothing_of_the_last_request(receiver: Receiver, pool: Pool) -> None:
    body = bytes(bytearray(b"CANARY"))
    before = sys.getrefcount(body)
    pool.start(post(hook(receiver, "/first"), headers=(("X-Secret", "CANARY"),), body=body), 1)
    while pool.in_flight:
        pool.poll(1)
    (spare,) = pool._spare
    assert spare._callbacks.job is None
    assert "CANARY" not in repr(spare._callbacks.seen)
    assert sys.getrefcount(body) == before
    pool.start(post(hook(receiver, "/second"), headers=()), 2)
    while pool.in_flight:
        pool.poll(1)
    second = receiver.wait_for(2)[1]
    assert (second.header("X-Secret"), second.header("Content-Type"), second.body) == (None, None, b"{}")


def test_senders_are_kept_for_the_next_request_but_their_connections_are_not(receiver: Receiver) -> None:
    client._idle_senders.clear()
    for _ in range(3):
        assert not send(post(hook(receiver))).reused
    assert (receiver.connections, len(client._idle_senders)) == (3, 1)
