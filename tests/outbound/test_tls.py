"""TLS: fault 10 of the list of faults. Nothing is sent to whoever cannot prove its name, and the reason is told."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outbound.client import Pool, send
from outbound.errors import TlsRefused
from outbound.policy import load_policy
from outbound.tls import MAX_PEM, check_ca
from outbound.transfer import Tls
from tests.certificates import Authority, KeyPair, old_tls_context, server_context
from tests.network import Names
from tests.outbound.conftest import Send, hook, post, through
from tests.receiver import Answer, Connection, Received, Receiver, head_of

pytestmark = pytest.mark.usefixtures("reachable")

AUTHORITY = Authority()
STRANGER = Authority("Another CA")
SERVER = AUTHORITY.issue("hook.test", "127.0.0.1")
TRUSTED = Tls(ca_pem=AUTHORITY.pem)


@contextmanager
def serving(
    pair: KeyPair = SERVER, context: Callable[[KeyPair], ssl.SSLContext] = server_context
) -> Iterator[Receiver]:
    with Receiver(tls=context(pair)) as receiver:
        yield receiver


@pytest.fixture
def secure() -> Iterator[Receiver]:
    with serving() as receiver:
        yield receiver


@pytest.fixture
def house_trusts_us(settings: Any, tmp_path: Path) -> None:
    """The installation's own CA file names our authority."""
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    settings.PORTAL_OUTBOUND_CA_FILE = str(tmp_path / "ca.pem")


@dataclass
class Watch:
    """Answers 200 and notes what the server knows of each client."""

    subjects: list[str] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)

    def give(self, request: Received, connection: Connection) -> None:
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate: Any = connection.sock.getpeercert() or {}
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        self.subjects += names or [""]
        self.resumed.append(bool(connection.sock.session_reused))
        connection.send(head_of(200, [("Content-Length", "0")]))


def test_a_private_authority_is_enough(deliver: Send, secure: Receiver) -> None:
    for url in (hook(secure), secure.url("/hook")):
        result = deliver(post(url, tls=TRUSTED))
        assert (result.status, result.error, result.sent) == (200, None, True)
        assert 0 < result.timing.tls < 2


def test_the_usual_authorities_do_not_know_a_private_one(deliver: Send, secure: Receiver) -> None:
    result = deliver(post(hook(secure)))
    assert (result.error, result.sent) == ("tls_unknown_authority", False)
    assert secure.requests() == []


def test_with_a_private_authority_the_usual_ones_do_not_count(
    deliver: Send, secure: Receiver, house_trusts_us: None
) -> None:
    assert deliver(post(hook(secure))).status == 200
    result = deliver(post(hook(secure), tls=Tls(ca_pem=STRANGER.pem)))
    assert (result.error, result.sent) == ("tls_unknown_authority", False)
    assert len(secure.requests()) == 1


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        (AUTHORITY.issue("hook.test", valid_for=timedelta(days=-2)), "tls_expired"),
        (AUTHORITY.issue("other.test"), "tls_wrong_name"),
        (AUTHORITY.issue("127.0.0.1"), "tls_wrong_name"),
        (STRANGER.issue("hook.test"), "tls_unknown_authority"),
    ],
)
def test_a_bad_certificate_is_refused_with_the_exact_reason(deliver: Send, pair: KeyPair, code: str) -> None:
    with serving(pair) as receiver:
        result = deliver(post(hook(receiver), tls=TRUSTED))
        assert (result.status, result.error, result.sent) == (None, code, False)
        assert receiver.requests() == []


def test_a_self_signed_certificate_has_its_own_reason(deliver: Send) -> None:
    own = Authority("hook.test")
    pair = KeyPair(own.pem, _key_of(own))
    with serving(pair) as receiver:
        assert deliver(post(hook(receiver), tls=TRUSTED)).error == "tls_self_signed"


def test_an_address_must_stand_in_the_certificate_too(deliver: Send) -> None:
    with serving(AUTHORITY.issue("hook.test")) as receiver:
        assert deliver(post(receiver.url("/hook"), tls=TRUSTED)).error == "tls_wrong_name"


def test_tls_1_1_is_too_old(deliver: Send) -> None:
    with serving(context=old_tls_context) as receiver:
        result = deliver(post(hook(receiver), tls=TRUSTED))
        assert (result.error, result.sent) == ("tls_too_old", False)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_newer_are_spoken(deliver: Send, version: ssl.TLSVersion) -> None:
    def only(pair: KeyPair) -> ssl.SSLContext:
        context = server_context(pair)
        context.minimum_version = context.maximum_version = version
        return context

    with serving(context=only) as receiver:
        result = deliver(post(hook(receiver), tls=TRUSTED, inspect_tls=True))
        assert (result.status, result.tls_version) == (200, version.name.replace("_", "."))


def test_https_to_a_port_without_tls(deliver: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        server = threading.Thread(target=refuse)
        server.start()
        result = deliver(post(f"https://hook.test:{listener.getsockname()[1]}/", tls=TRUSTED))
        server.join()
    assert (result.error, result.sent) == ("tls_not_tls", False)


def test_https_to_a_server_that_speaks_something_else() -> None:
    with Receiver(silent=True) as receiver:
        result = send(post(hook(receiver).replace("http:", "https:"), deadline_seconds=0.3))
        assert (result.error, result.sent) == ("timeout_tls", False)


def test_http_to_a_port_with_tls(deliver: Send, secure: Receiver) -> None:
    url = hook(secure).replace("https:", "http:")
    assert deliver(post(url, deadline_seconds=2)).error in ("connection_closed", "connection_reset", "not_http")


def test_the_certificates_expiry_is_told_when_asked_for(deliver: Send, secure: Receiver) -> None:
    asked = deliver(post(hook(secure), tls=TRUSTED, inspect_tls=True))
    expected = time.time() + timedelta(days=10).total_seconds()
    assert asked.certificate_expires_at == pytest.approx(expected, abs=3600)
    assert not asked.reused
    plain = deliver(post(hook(secure), tls=TRUSTED))
    assert (plain.certificate_expires_at, plain.tls_version) == (None, "")


# --- client certificates ----------------------------------------------------------------------------------------------

ALICE = AUTHORITY.issue("alice", client=True)
BRUNO = AUTHORITY.issue("bruno", client=True)
UNKNOWN = STRANGER.issue("mallory", client=True)


def by(pair: KeyPair) -> Tls:
    return Tls(AUTHORITY.pem, pair.certificate, pair.key)


@pytest.fixture
def mutual() -> Iterator[Receiver]:
    with serving(context=lambda pair: server_context(pair, client_ca=AUTHORITY.pem)) as receiver:
        yield receiver


def test_a_client_certificate_is_shown_from_memory(deliver: Send, mutual: Receiver) -> None:
    mutual.answer("/hook", watch := Watch())
    assert deliver(post(hook(mutual), tls=by(ALICE))).status == 200
    assert watch.subjects == ["alice"]


@pytest.mark.parametrize("tls", [TRUSTED, by(UNKNOWN)])
def test_a_missing_or_unknown_client_certificate_is_told(deliver: Send, mutual: Receiver, tls: Tls) -> None:
    result = deliver(post(hook(mutual), tls=tls))
    # TLS 1.3 servers say so when the request is under way already; what they say may be lost in their hanging up.
    assert (result.status, result.error) in ((None, "tls_client_certificate_wanted"), (None, "connection_reset"))
    assert mutual.requests() == []


def test_an_unknown_client_certificate_is_told_by_tls_1_2(deliver: Send) -> None:
    def older(pair: KeyPair) -> ssl.SSLContext:
        context = server_context(pair, client_ca=AUTHORITY.pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    with serving(context=older) as receiver:
        result = deliver(post(hook(receiver), tls=by(UNKNOWN)))
        assert (result.error, result.sent) == ("tls_client_certificate_wanted", False)


@pytest.mark.parametrize(
    ("tls", "code"),
    [
        (Tls(AUTHORITY.pem, ALICE.certificate, BRUNO.key), "client_certificate_unusable"),
        (Tls(AUTHORITY.pem, "not a certificate", ALICE.key), "client_certificate_unusable"),
        (Tls(AUTHORITY.pem, ALICE.certificate, "not a key"), "client_certificate_unusable"),
        (Tls(AUTHORITY.pem, ALICE.certificate, ""), "client_certificate_unusable"),
        (Tls("not a certificate"), "authority_unusable"),
    ],
)
def test_unusable_material_sends_nothing(deliver: Send, mutual: Receiver, tls: Tls, code: str) -> None:
    result = deliver(post(hook(mutual), tls=tls))
    assert (result.error, result.sent) == (code, False)
    assert "BEGIN" not in result.detail
    assert mutual.requests() == []


# --- kept connections carry the trust they were made with -------------------------------------------------------------


def test_a_connection_is_kept_for_the_same_trust(secure: Receiver, pool: Pool) -> None:
    first = through(pool, post(hook(secure), tls=TRUSTED))
    second = through(pool, post(hook(secure), tls=Tls(ca_pem=str(AUTHORITY.pem))))
    assert (first.reused, second.reused, secure.connections) == (False, True, 1)


def test_a_connection_of_one_trust_is_not_used_for_another(secure: Receiver, pool: Pool, house_trusts_us: None) -> None:
    assert through(pool, post(hook(secure))).status == 200
    assert through(pool, post(hook(secure), tls=TRUSTED)).reused is False
    assert through(pool, post(hook(secure), tls=Tls(ca_pem=STRANGER.pem))).error == "tls_unknown_authority"
    both = Tls(ca_pem=STRANGER.pem + AUTHORITY.pem)
    assert through(pool, post(hook(secure), tls=both)).reused is False
    assert through(pool, post(hook(secure))).reused is True


def test_a_connection_of_one_client_certificate_is_not_used_for_another(mutual: Receiver, pool: Pool) -> None:
    mutual.answer("/hook", watch := Watch())
    for pair in (ALICE, BRUNO, ALICE, BRUNO):
        assert through(pool, post(hook(mutual), tls=by(pair))).status == 200
    assert watch.subjects == ["alice", "bruno", "alice", "bruno"]
    assert mutual.connections == 2
    assert through(pool, post(hook(mutual), tls=TRUSTED)).status is None
    assert watch.resumed == [False] * 4


def test_a_wrong_key_finds_no_kept_connection_of_its_certificate(mutual: Receiver, pool: Pool) -> None:
    """Who knows only the public certificate must not send over the connection of its owner."""
    assert through(pool, post(hook(mutual), tls=by(ALICE))).status == 200
    for key in (BRUNO.key, "", "junk"):
        result = through(pool, post(hook(mutual), tls=Tls(AUTHORITY.pem, ALICE.certificate, key)))
        assert (result.status, result.error, result.reused) == (None, "client_certificate_unusable", False)
    assert len(mutual.requests()) == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_with_material_of_their_own_are_never_resumed(pool: Pool, version: ssl.TLSVersion) -> None:
    """A resumed session would skip the check of the certificates on both sides."""

    def optional(pair: KeyPair) -> ssl.SSLContext:
        context = server_context(pair, client_ca=AUTHORITY.pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.minimum_version = context.maximum_version = version
        return context

    with serving(context=optional) as receiver:
        receiver.answer("/hook", watch := Watch())
        for tls in (by(ALICE), by(BRUNO), TRUSTED, TRUSTED, Tls(AUTHORITY.pem, ALICE.certificate, ALICE.key)):
            assert through(pool, post(hook(receiver), tls=tls, inspect_tls=True)).status == 200
        assert watch.subjects == ["alice", "bruno", "", "", "alice"]
        assert watch.resumed == [False] * 5


def test_the_dns_flip_holds_under_tls_too(secure: Receiver, pool: Pool, names: Names) -> None:
    assert through(pool, post(hook(secure), tls=TRUSTED)).status == 200
    with Receiver(tls=server_context(STRANGER.issue("hook.test")), host="127.0.0.2", port=secure.port) as other:
        names["hook.test"] = ["127.0.0.2"]
        result = through(pool, post(hook(secure), tls=TRUSTED))
        assert (result.error, result.sent) == ("tls_unknown_authority", False)
        assert other.requests() == []
    assert len(secure.requests()) == 1


def test_handles_with_material_are_thrown_away(secure: Receiver, pool: Pool) -> None:
    assert through(pool, post(hook(secure), tls=TRUSTED)).status == 200
    assert pool._spare == []


def test_another_ca_file_counts_at_once(
    secure: Receiver, pool: Pool, settings: Any, tmp_path: Path, house_trusts_us: None
) -> None:
    assert through(pool, post(hook(secure))).status == 200
    (tmp_path / "other.pem").write_text(STRANGER.pem)
    settings.PORTAL_OUTBOUND_CA_FILE = str(tmp_path / "other.pem")
    assert load_policy().ca_file.endswith("other.pem")
    assert through(pool, post(hook(secure))).error == "tls_unknown_authority"


# --- a private authority when it is saved -----------------------------------------------------------------------------


def test_an_authority_is_described() -> None:
    (found,) = check_ca(AUTHORITY.pem)
    assert found.subject == "CN=Tests CA"
    assert found.expires_at > datetime.now(UTC)
    assert len(check_ca("a comment\n" + AUTHORITY.pem + "\n\n" + STRANGER.pem)) == 2


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        ("", "ca_unreadable"),
        ("hello", "ca_unreadable"),
        (AUTHORITY.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "ca_unreadable"),
        (AUTHORITY.pem.replace("MII", "xxx"), "ca_unreadable"),
        (AUTHORITY.pem + "-----BEGIN CERTIFICATE-----\n", "ca_unreadable"),
        (AUTHORITY.pem + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "ca_unreadable"),
        (AUTHORITY.pem + "ção", "ca_unreadable"),
        (AUTHORITY.pem * 200, "ca_unreadable"),
        (AUTHORITY.pem * 21, "ca_too_many"),
        (SERVER.key, "ca_is_key"),
        (SERVER.pem, "ca_is_key"),
        (SERVER.certificate, "ca_not_authority"),
        (AUTHORITY.pem + SERVER.certificate, "ca_not_authority"),
    ],
)
def test_what_is_no_authority_is_refused(pem: str, code: str) -> None:
    with pytest.raises(TlsRefused) as caught:
        check_ca(pem)
    assert caught.value.code == code
    assert str(caught.value)


def test_beginnings_without_an_end_cost_no_time() -> None:
    """To look for the end of each through all the rest took seven seconds."""
    started = time.thread_time()
    with pytest.raises(TlsRefused):
        check_ca("-----BEGIN A-----" * (MAX_PEM // 17))
    assert time.thread_time() - started < 1.0


def test_an_expired_authority_is_refused() -> None:
    with pytest.raises(TlsRefused) as caught:
        check_ca(AUTHORITY.pem, now=datetime.now(UTC) + timedelta(days=31))
    assert caught.value.code == "ca_expired"


def _key_of(authority: Authority) -> str:
    from cryptography.hazmat.primitives import serialization

    return authority._key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_an_answer_comes_over_tls_whole(deliver: Send, secure: Receiver) -> None:
    secure.answer("/hook", Answer(201, b"x" * 4000, [("X-A", "1")]))
    result = deliver(post(hook(secure), tls=TRUSTED))
    assert (result.status, result.body, result.header("X-A")) == (201, b"x" * 4000, "1")
