"""Failures of the way to the receiver: names, connections, TLS, and connections that end without an answer."""

import resource
import socket
import ssl
import threading
import time
from datetime import timedelta
from typing import Any

from connections.models import KeyPair
from dispatch.models import Attempt
from outbound import callbacks, client, sockets
from outbound.resolver import set_resolver
from outbound.transfer import Request
from tests import certificates
from tests.certificates import Authority, old_tls_context, self_signed, server_context
from tests.dispatch.diagnosing.world import World, fails_as
from tests.factories import make_key_pair
from tests.receiver import Hang, Raw, Reset, closed_port
from webhooks.diagnosis import code_for
from webhooks.models import Webhook, WebhookHeader

AUTHORITY, STRANGER = Authority(), Authority("Another CA")
GOOD = AUTHORITY.issue("127.0.0.1")
SHORT = 1.0


def saved_and_then(world: World, url: str = "", **columns: Any) -> Attempt:
    """The configuration changed after it was saved, behind the form's back."""
    webhook = world.webhook(url)
    Webhook.objects.filter(pk=webhook.pk).update(**columns)
    return world.send_to(webhook)


def over_tls(world: World, pair: certificates.KeyPair = GOOD, context: Any = server_context, **over: Any) -> Attempt:
    receiver = world.receiver(tls=context(pair))
    attempt = world.send(receiver.url("/hook"), **{"private_ca": AUTHORITY.pem} | over)
    assert receiver.requests() == []
    return attempt


# --- nothing was sent -----------------------------------------------------------------------------------------------


@fails_as("address_invalid")
def address_invalid(world: World) -> Attempt:
    return saved_and_then(world, request_uri="gopher://127.0.0.1/hook")


@fails_as("refused_address")
def refused_address(world: World) -> Attempt:
    """The name led elsewhere when the webhook was saved."""
    world.names["hook.test"] = ["127.0.0.1"]
    webhook = world.webhook("http://hook.test:9000/hook")
    world.names["hook.test"] = ["10.1.2.3"]
    return world.send_to(webhook)


@fails_as("header_refused")
def header_refused(world: World) -> Attempt:
    webhook = world.webhook()
    WebhookHeader.objects.create(webhook=webhook, position=0, name="X-Broken", secret=False, value="a\nb")
    return world.send_to(webhook)


@fails_as("name_not_found")
def name_not_found(world: World) -> Attempt:
    world.names["hook.test"] = ["127.0.0.1"]
    webhook = world.webhook("http://hook.test:9000/hook")
    del world.names["hook.test"]
    set_resolver(world.names.ask)
    return world.send_to(webhook)


@fails_as("dns_timeout")
def dns_timeout(world: World) -> Attempt:
    world.names["hook.test"] = ["127.0.0.1"]
    webhook = world.webhook("http://hook.test:9000/hook")
    released = threading.Event()
    world.at_end(released.set)
    set_resolver(lambda name: released.wait(30) and [])
    return world.send_to(webhook)


@fails_as("dns_failed")
def dns_failed(world: World) -> Attempt:
    world.names["hook.test"] = ["127.0.0.1"]
    webhook = world.webhook("http://hook.test:9000/hook")

    def fail(name: str) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    set_resolver(fail)
    return world.send_to(webhook)


@fails_as("not_started")
def not_started(world: World) -> str:
    """Such an attempt is put back at once, so that none is shown; the word is for whoever asks the door itself."""
    late = Request("POST", world.receiver().url("/hook"), (), b"{}", not_after=time.monotonic() - 1)
    return code_for(client.send(late), "none")


@fails_as("client_certificate_unusable")
def client_certificate_unusable(world: World) -> Attempt:
    key_pair = make_key_pair(participant=world.owner.participant)
    KeyPair.objects.filter(pk=key_pair.pk).update(certificate_pem="damaged")
    receiver = world.receiver(tls=server_context(GOOD))
    return saved_and_then(world, receiver.url("/hook"), client_key_pair=key_pair, private_ca=AUTHORITY.pem)


@fails_as("authority_unusable")
def authority_unusable(world: World) -> Attempt:
    return saved_and_then(world, world.receiver(tls=server_context(GOOD)).url("/hook"), private_ca="damaged")


# --- connecting -----------------------------------------------------------------------------------------------------


@fails_as("connection_refused")
def connection_refused(world: World) -> Attempt:
    return world.send(f"http://127.0.0.1:{closed_port()}/hook")


@fails_as("host_unreachable")
def host_unreachable(world: World) -> Attempt:
    """TCP to a broadcast address: the kernel says that there is no way."""
    return world.send("http://127.255.255.255:9000/hook")


@fails_as("timeout_connecting")
def timeout_connecting(world: World) -> Attempt:
    """A listener whose queue is full and who never accepts: the kernel drops the next handshake."""
    world.settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = SHORT
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    world.at_end(listener.close)
    for _ in range(4):
        holder = socket.socket()
        holder.setblocking(False)
        holder.connect_ex(listener.getsockname())
        world.at_end(holder.close)
    return world.send(f"http://127.0.0.1:{listener.getsockname()[1]}/hook")


@fails_as("timeout_tls")
def timeout_tls(world: World) -> Attempt:
    world.settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = SHORT
    return world.send(world.receiver(silent=True).url("/hook").replace("http:", "https:"))


# --- TLS ------------------------------------------------------------------------------------------------------------


@fails_as("tls_expired")
def tls_expired(world: World) -> Attempt:
    return over_tls(world, AUTHORITY.issue("127.0.0.1", valid_for=timedelta(days=-2)))


@fails_as("tls_not_yet_valid")
def tls_not_yet_valid(world: World) -> Attempt:
    return over_tls(world, AUTHORITY.issue("127.0.0.1", early=True))


@fails_as("tls_wrong_name")
def tls_wrong_name(world: World) -> Attempt:
    return over_tls(world, AUTHORITY.issue("other.test"))


@fails_as("tls_unknown_authority")
def tls_unknown_authority(world: World) -> Attempt:
    return over_tls(world, STRANGER.issue("127.0.0.1"))


@fails_as("tls_self_signed")
def tls_self_signed(world: World) -> Attempt:
    return over_tls(world, self_signed("127.0.0.1"))


@fails_as("tls_too_old")
def tls_too_old(world: World) -> Attempt:
    return over_tls(world, context=old_tls_context)


@fails_as("tls_not_tls")
def tls_not_tls(world: World) -> Attempt:
    listener = socket.create_server(("127.0.0.1", 0))
    world.at_end(listener.close)

    def speak_http() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(1)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=speak_http, daemon=True).start()
    return world.send(f"https://127.0.0.1:{listener.getsockname()[1]}/hook", private_ca=AUTHORITY.pem)


@fails_as("tls_client_certificate_wanted")
def tls_client_certificate_wanted(world: World) -> Attempt:
    # A certificate of an authority that the receiver does not know; without any, a server of TLS 1.2 only says that the
    # handshake failed. Servers of TLS 1.3 say so when the request is under way, and it may be lost in their hanging up.
    def insisting(pair: certificates.KeyPair) -> ssl.SSLContext:
        context = server_context(pair, client_ca=AUTHORITY.pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    pair = make_key_pair(STRANGER.issue("mallory", client=True), participant=world.owner.participant)
    return over_tls(world, context=insisting, client_key_pair_id=pair.pk)


@fails_as("tls_failed")
def tls_failed(world: World) -> Attempt:
    """A server that offers ciphers that nobody should take."""

    def exotic(pair: certificates.KeyPair) -> ssl.SSLContext:
        context = server_context(pair)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("NULL-SHA256:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
        return context

    return over_tls(world, context=exotic)


# --- no answer ------------------------------------------------------------------------------------------------------


@fails_as("connection_reset")
def connection_reset(world: World) -> Attempt:
    return world.answered(Reset())


@fails_as("connection_closed")
def connection_closed(world: World) -> Attempt:
    return world.answered(Raw(b""))


@fails_as("timeout_waiting")
def timeout_waiting(world: World) -> Attempt:
    world.settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = SHORT
    return world.answered(Hang())


@fails_as("not_http")
def not_http(world: World) -> Attempt:
    return world.answered(Raw(b"220 mail.example ESMTP\r\n"))


@fails_as("answer_headers_too_large")
def answer_headers_too_large(world: World) -> Attempt:
    lines = "".join(f"X-{number}: {'y' * 1000}\r\n" for number in range(100))
    return world.answered(Raw(f"HTTP/1.1 200 OK\r\n{lines}".encode()))


@fails_as("transfer_failed")
def transfer_failed(world: World) -> Attempt:
    """No file descriptor is left for the connection: the kernel's own refusal, at the one place where it is asked."""

    def without_descriptors(*arguments: Any) -> socket.socket:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            return sockets.open_socket(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    world.monkeypatch.setattr(callbacks, "open_socket", without_descriptors)
    return world.send()
