"""Receivers that misbehave: fault 7 of the list of faults. Every one ends in time, with a reason, and alone."""

import resource
import socket
import threading
import time
import tracemalloc

import pytest

from outbound import client, outcomes
from outbound.client import Pool, send
from outbound.faults import Fault, outcome_of, safe_words
from outbound.transfer import READ_BYTES
from tests.outbound.conftest import Send, finish, hook, post
from tests.receiver import Answer, Drip, Endless, Hang, Raw, Receiver, Reset, closed_port, gzip_bomb, head_of

pytestmark = pytest.mark.usefixtures("reachable")


def raw(text: str) -> Raw:
    return Raw(text.encode("latin-1"))


def test_nobody_listens(deliver: Send) -> None:
    result = deliver(post(f"http://hook.test:{closed_port()}/"))
    assert (result.status, result.error, result.sent) == (None, "connection_refused", False)


def test_a_receiver_that_never_answers_ends_at_the_deadline(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Hang())
    started = time.monotonic()
    result = deliver(post(hook(receiver), deadline_seconds=0.3))
    assert 0.25 < time.monotonic() - started < 1.5
    assert (result.error, result.sent) == ("timeout_waiting", True)
    assert 0.25 < result.timing.total < 1.5


def test_an_answer_that_drips_ends_at_the_deadline(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Drip(head_too=True, every=0.05))
    result = deliver(post(hook(receiver), deadline_seconds=0.4))
    assert (result.error, result.status) == ("timeout_waiting", None)
    assert result.timing.total < 1.5


def test_a_full_backlog_is_a_timeout_of_connecting() -> None:
    # A listener whose queue is full and who never accepts: the kernel drops the next handshake.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        held = []
        for _ in range(4):
            holder = socket.socket()
            holder.setblocking(False)
            holder.connect_ex(("127.0.0.1", port))
            held.append(holder)
        result = send(post(f"http://hook.test:{port}/", deadline_seconds=0.3))
        for holder in held:
            holder.close()
    assert (result.error, result.sent) == ("timeout_connecting", False)


def test_a_receiver_that_resets_the_connection(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Reset())
    result = deliver(post(hook(receiver)))
    assert (result.error, result.sent) == ("connection_reset", True)


def test_a_receiver_that_hangs_up_without_a_word(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Raw(b""))
    result = deliver(post(hook(receiver)))
    assert (result.error, result.sent) == ("connection_closed", True)


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x01 this is not HTTP \xff\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 mail.example ESMTP\r\n",
        "<html>hello</html>",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/4.2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\x00\r\n\r\n",
    ],
)
def test_what_is_not_http_is_not_an_answer(deliver: Send, receiver: Receiver, text: str) -> None:
    receiver.answer("/hook", raw(text))
    result = deliver(post(hook(receiver), deadline_seconds=1))
    assert (result.status, result.error) == (None, "not_http")


def test_half_a_head_is_not_an_answer(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", raw("HTTP/1.1 200 OK\r\nContent-Le"))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error) == (None, "connection_closed")


def test_headers_without_end_are_cut_off(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", raw("HTTP/1.1 200 OK\r\n" + "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(100))))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error) == (None, "answer_headers_too_large")


def test_one_header_without_end_is_cut_off(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", raw("HTTP/1.1 200 OK\r\nX: " + "y" * 300_000))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error) == (None, "answer_headers_too_large")


def test_interim_answers_are_passed_over(deliver: Send, receiver: Receiver) -> None:
    interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    receiver.answer("/hook", raw(interim + "HTTP/1.1 201 Created\r\nX-Late: 1\r\nContent-Length: 2\r\n\r\nok"))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.body) == (201, b"ok")
    assert (result.header("X-Early"), result.header("X-Late")) == (None, "1")


def test_interim_answers_without_end_are_cut_off(receiver: Receiver) -> None:
    receiver.answer("/hook", raw("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" * 4000))
    assert send(post(hook(receiver))).error == "answer_headers_too_large"


def test_switching_protocols_is_no_answer(receiver: Receiver) -> None:
    receiver.answer("/hook", raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"))
    result = send(post(hook(receiver), deadline_seconds=1))
    assert result.status is None
    assert result.error in (outcomes.NOT_HTTP, outcomes.CONNECTION_CLOSED)


# --- the status decides once its headers are complete -----------------------------------------------------------------


def test_four_kibibytes_of_the_body_are_kept(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(200, b"a" * 4096), Answer(200, b"b" * 4097))
    whole, longer = deliver(post(hook(receiver))), deliver(post(hook(receiver)))
    assert (whole.body, whole.answer_cut) == (b"a" * 4096, False)
    assert (longer.body, longer.answer_cut) == (b"b" * 4096, True)


def test_more_is_kept_for_those_who_ask(receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(200, b"a" * 50_000))
    result = send(post(hook(receiver), keep_bytes=READ_BYTES))
    assert (len(result.body), result.answer_cut) == (50_000, False)


def test_a_body_without_end_is_read_for_64_kibibytes(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Endless(status=200))
    started = time.monotonic()
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error, result.answer_cut, len(result.body)) == (200, None, True, 4096)
    assert time.monotonic() - started < 1.5


def test_a_body_that_drips_is_read_for_two_seconds(
    deliver: Send, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.BODY_SECONDS == 2.0
    monkeypatch.setattr(client, "BODY_SECONDS", 0.2)
    receiver.answer("/hook", Drip(status=200, every=0.02))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error, result.answer_cut) == (200, None, True)
    assert 0.2 < result.timing.total < 1.5
    assert 0 < len(result.body) < 100


def test_a_body_that_never_comes_is_awaited_for_two_seconds(
    deliver: Send, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BODY_SECONDS", 0.2)
    receiver.answer("/hook", Drip(status=410, every=30))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error, result.answer_cut, result.body) == (410, None, True, b"")


def test_the_deadline_ends_the_body_too(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Drip(status=200, every=0.05))
    result = deliver(post(hook(receiver), deadline_seconds=0.3))
    assert (result.status, result.error, result.answer_cut) == (200, None, True)


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_broken_body_changes_nothing_about_the_status(deliver: Send, receiver: Receiver, text: str) -> None:
    receiver.answer("/hook", raw(text))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error, result.answer_cut) == (200, None, True)


def test_a_reset_in_the_body_changes_nothing_about_the_status(deliver: Send, receiver: Receiver) -> None:
    receiver.answer("/hook", Reset(after=head_of(200, [("Content-Length", "100")]) + b"some"))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error) == (200, None)


def test_trailers_are_not_headers(deliver: Send, receiver: Receiver) -> None:
    text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nok\r\n0\r\nX-A: 2\r\nX-B: 3\r\n\r\n"
    receiver.answer("/hook", raw(text))
    result = deliver(post(hook(receiver)))
    assert (result.body, result.headers) == (b"ok", (("Transfer-Encoding", "chunked"), ("X-A", "1")))


def test_a_gzip_bomb_is_not_unfolded(deliver: Send, receiver: Receiver) -> None:
    bomb = gzip_bomb(16)
    receiver.answer("/hook", bomb)
    tracemalloc.start()
    try:
        result = deliver(post(hook(receiver)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.status, result.body, result.answer_cut) == (200, bomb.body[:4096], True)
    assert peak < 2 * 2**20
    assert receiver.requests()[0].header("Accept-Encoding") is None


def test_a_compressed_transfer_is_not_unfolded(deliver: Send, receiver: Receiver) -> None:
    bomb = gzip_bomb(16)
    head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    receiver.answer("/hook", Raw(head.encode() + bomb.body))
    result = deliver(post(hook(receiver)))
    assert (result.status, result.error, result.body) == (None, "not_http", b"")


def test_memory_stays_flat_with_bodies_without_end(receiver: Receiver, pool: Pool) -> None:
    receiver.answer("/hook", Endless(chunk=b"z" * 1_000_000))
    for _ in range(8):
        pool.start(post(hook(receiver)), None)
    finish(pool, 8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        for _ in range(8):
            pool.start(post(hook(receiver)), None)
        assert all(result.status == 200 for result in finish(pool, 8))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_the_others_are_served_while_some_misbehave(receiver: Receiver, pool: Pool) -> None:
    receiver.answer("/hang", Hang())
    receiver.answer("/drip", Drip(head_too=True))
    for path in ("/hang", "/drip", "/hang"):
        pool.start(post(hook(receiver, path), deadline_seconds=5), path)
    started = time.monotonic()
    for number in range(50):
        pool.start(post(hook(receiver, "/good")), number)
        ((tag, result),) = pool.poll(5)
        assert (tag, result.status) == (number, 200)
    assert time.monotonic() - started < 3
    assert pool.in_flight == 3


# --- the closed list ------------------------------------------------------------------------------------------------


def test_every_explanation_is_in_the_closed_list() -> None:
    for code in range(1, 102):
        for words in ("", "alert protocol version", "wrong version number", "certificate required"):
            assert outcome_of(Fault(code, words)) in outcomes.OUTCOMES
    for verify_result in range(100):
        assert outcome_of(Fault(60, "", verify_result=verify_result)) in outcomes.OUTCOMES
    for os_errno in range(200):
        assert outcome_of(Fault(7, "", os_errno=os_errno)) in outcomes.OUTCOMES


def test_the_words_of_a_receiver_are_made_printable_and_short() -> None:
    assert safe_words("bad\r\n\x1b[31mthing\x00" + "x" * 500) == ("bad [31mthing " + "x" * 500)[:200]


def test_no_thread_is_left_behind(receiver: Receiver) -> None:
    before = threading.active_count()
    pool = Pool(2)
    receiver.answer("/hook", Hang())
    pool.start(post(hook(receiver)), 1)
    pool.poll(0.05)
    pool.close()
    assert threading.active_count() <= before + 3  # the receiver's own, and the resolver's
