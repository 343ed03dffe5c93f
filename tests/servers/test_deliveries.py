"""Notifications with each way of authentication, by the dispatcher, with tokens of servers that nobody here wrote."""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery
from tests.certificates import Authority, KeyPair, self_signed
from tests.dispatch.running import dispatchers, publish_file, wait_for_end
from tests.factories import make_key_pair, make_participant, make_product, make_upload, make_webhook
from tests.receiver import Receiver
from tests.receivers.samples import running
from tests.servers.conftest import AUDIENCE, PASSWORD, SUBJECT, USER
from tests.servers.mtls import Nginx
from tests.servers.oidc_provider import LONG_SECRET, SECRET, OidcProvider
from tests.servers.running import Running
from tests.services import miss, provide_openssl
from webhooks.auth.connected import KIND
from webhooks.values import HeaderValues, KeyPairValues, TokenHeader

pytestmark = [
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("loopback"),
]

Publish = Callable[..., None]


@pytest.fixture
def publish(settings: Any) -> Iterator[Publish]:
    """Make a webhook by these values, publish a product for it and let a dispatcher in this process do its work."""
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 8
    dispatcher = Dispatcher()

    def publish_and_wait(address: str, *, products: int = 1, **over: Any) -> None:
        _publish(address, products, over)
        deadline = time.monotonic() + 30
        dispatcher.wake()
        while Delivery.objects.open().exists():
            assert time.monotonic() < deadline, "the dispatcher did not come to an end"
            dispatcher.step()

    yield publish_and_wait
    dispatcher.pool.close()


@pytest.fixture
def publish_for_real(tmp_path: Path, live_server: Any) -> Publish:
    """The same with a dispatcher in a process of its own, and with files that can be downloaded."""

    def publish_and_wait(address: str, *, products: int = 1, **over: Any) -> None:
        _publish(address, products, over)
        waiting = {
            "PORTAL_DOWNLOAD_BASE_URL": live_server.url,
            "PORTAL_OUTBOUND_DEADLINE_SECONDS": "8",
            "PORTAL_DISPATCH_LEASE_SECONDS": "60",
        }
        with dispatchers(tmp_path, 1, **waiting):
            wait_for_end(within=40)

    return publish_and_wait


def _publish(address: str, products: int, over: dict[str, Any]) -> None:
    made = [make_product() for _ in range(products)]
    make_webhook(request_uri=address, products=made, max_attempts=1, **over)
    for product in made:
        publish_file(product)


def end() -> tuple[str, str]:
    """The state of the only delivery, and the diagnosis of its only attempt."""
    return Delivery.objects.get().state, Attempt.objects.get().diagnosis


def own(pair: KeyPair) -> KeyPairValues:
    return KeyPairValues(own=True, upload=make_upload(pair))


def oauth2(oidc: OidcProvider, client_id: str, auth_type: str, **settings: str) -> dict[str, Any]:
    """A webhook's values for OAuth2 by a connection of its own."""
    given = {"token_url": oidc.token_url, "client_id": client_id, "auth_type": auth_type, "private_ca": oidc.ca}
    return {"auth_method": "oauth2", "auth_settings": given | {"scope": "deliver"} | settings}


# --- OAuth2 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ["python", "node"])
def test_a_receiver_that_checks_the_token_against_its_issuer_takes_the_notification(
    sample: str, oidc: OidcProvider, publish_for_real: Publish, tmp_path: Path
) -> None:
    """CERC-17, CERC-20: one token for all of them."""
    before = len(oidc.requests())
    (tmp_path / "ca.pem").write_text(oidc.ca)
    trusted = {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "NODE_EXTRA_CA_CERTS": str(tmp_path / "ca.pem")}
    (tmp_path / sample).mkdir()
    agreed = {"WEBHOOK_ISSUER": oidc.issuer, "WEBHOOK_AUDIENCE": "urn:readable"}
    with running(sample, tmp_path / sample, **trusted, **agreed) as receiver:
        values = oauth2(oidc, "readable", "client_secret_post") | {"auth_secrets": {"client_secret": SECRET}}
        publish_for_real(f"http://127.0.0.1:{receiver.port}/hook", products=3, **values)
        assert len(receiver.kept()) == 6
    assert list(Delivery.objects.values_list("state", "attempts__status")) == [("delivered", 204)] * 3
    assert [line["status"] for line in oidc.requests()[before:]] == [200]


def test_a_token_for_somebody_else_is_refused_by_the_receiver_and_fetched_once_more(
    oidc: OidcProvider, publish: Publish, tmp_path: Path
) -> None:
    """CERC-17: a 401 drops the token and repeats the attempt once, with another."""
    before = len(oidc.requests())
    (tmp_path / "ca.pem").write_text(oidc.ca)
    agreed = {"WEBHOOK_ISSUER": oidc.issuer, "WEBHOOK_AUDIENCE": "urn:readable"}
    (tmp_path / "python").mkdir()
    with running("python", tmp_path / "python", SSL_CERT_FILE=str(tmp_path / "ca.pem"), **agreed) as receiver:
        values = oauth2(oidc, "other_audience", "client_secret_post") | {"auth_secrets": {"client_secret": SECRET}}
        publish(f"http://127.0.0.1:{receiver.port}/hook", **values)
        assert receiver.kept() == {}
    assert Delivery.objects.get().state == "failed"
    attempts = Attempt.objects.order_by("number", "pk").values_list("status", "counted", "diagnosis")
    assert [row[:2] for row in attempts] in ([(401, False), (401, True)], [(401, True), (401, False)])
    assert {row[2] for row in attempts} == {"unauthorized_oauth2"}
    assert [line["status"] for line in oidc.requests()[before:]] == [200, 200]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"client": ("post", "client_secret_post"), "secret": "wrong"}, "token_invalid_client"),
        ({"client": ("post", "client_secret_post"), "secret": SECRET, "scope": "write"}, "token_invalid_scope"),
        ({"client": ("secret_jwt", "client_secret_jwt"), "secret": "w" * 64}, "token_invalid_client"),
        ({"client": ("private_key_jwt_rsa", "private_key_jwt"), "key": "stranger"}, "token_invalid_client"),
        ({"client": ("post", "client_secret_post"), "secret": SECRET, "private_ca": ""}, "token_tls"),
    ],
    ids=["wrong secret", "wrong scope", "wrong secret, jwt", "wrong key", "unknown authority"],
)
def test_without_a_token_nothing_is_sent_and_the_diagnosis_says_why(
    oidc: OidcProvider, publish: Publish, receiver: Receiver, values: dict[str, Any], code: str
) -> None:
    """CERC-19, CERC-21, UNICO-34."""
    given = oauth2(
        oidc, *values["client"], **{name: values[name] for name in ("scope", "private_ca") if name in values}
    )
    if "secret" in values:
        given["auth_secrets"] = {"client_secret": values["secret"]}
    if "key" in values:
        given["auth_key_pair"] = own(getattr(oidc, values["key"]))
    publish(receiver.url("/hook"), **given)
    assert end() == ("failed", code)
    assert Attempt.objects.get().outcome == "not_sent"
    assert receiver.requests() == []


@pytest.mark.parametrize(
    ("client_id", "auth_type", "secret", "key"),
    [
        ("plain", "client_secret_basic", LONG_SECRET, None),
        ("basic", "client_secret_basic_encoded", SECRET, None),
        ("secret_jwt", "client_secret_jwt", LONG_SECRET, None),
        ("private_key_jwt_rsa", "private_key_jwt", None, "rsa"),
        ("private_key_jwt_ec", "private_key_jwt", None, "ec"),
        ("tls", "tls_client_auth", None, "issued"),
        ("self_signed", "self_signed_tls_client_auth", None, "rsa"),
    ],
    # Secrets are different in each process: no part of a test's name.
    ids=["basic", "basic, encoded", "jwt", "RSA key", "EC key", "certificate", "self-signed certificate"],
)
def test_each_client_authentication_delivers(
    oidc: OidcProvider,
    publish: Publish,
    receiver: Receiver,
    client_id: str,
    auth_type: str,
    secret: str | None,
    key: str | None,
) -> None:  # fmt: skip
    """CERC-19."""
    given = oauth2(oidc, client_id, auth_type)
    given |= {"auth_secrets": {"client_secret": secret}} if secret else {}
    given |= {"auth_key_pair": own(getattr(oidc, key))} if key else {}
    publish(receiver.url("/hook"), **given)
    assert end()[0] == "delivered"
    [request] = receiver.requests("/hook")
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    assert scheme == "Bearer"
    assert len(token) > 30


# --- JWT Bearer ----------------------------------------------------------------------------------------------------


def jwt_7519(server: Running, password: str = PASSWORD) -> dict[str, Any]:
    return {
        "auth_method": "jwt",
        "auth_settings": {KIND: "jwt_7519", "token_url": server.url("/token/"), "token_minutes": "5"},
        "auth_secrets": {"body": json.dumps({"user": USER, "password": password})},
    }


def test_user_and_password_open_a_receiver_that_wants_its_own_jwt(simple_jwt: Running, publish: Publish) -> None:
    """UNICO-11, UNICO-20, UNICO-25, UNICO-28, UNICO-33: one token for three, and each header where it belongs."""
    before = len(simple_jwt.lines())
    headers = {
        "headers": (HeaderValues("X-Hook-Only", "h", secret=False),),
        "token_headers": (TokenHeader("X-Token-Only", "t"),),
    }
    publish(simple_jwt.url("/hook"), products=3, **jwt_7519(simple_jwt), **headers)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    lines = simple_jwt.lines()[before:]
    assert [line["path"] for line in lines] == ["/token/", "/hook", "/hook", "/hook"]
    assert {line["status"] for line in lines} == {200, 204}
    sent = [("X-Token-Only" in line["headers"], "X-Hook-Only" in line["headers"]) for line in lines]
    assert sent == [(True, False), *[(False, True)] * 3]


def test_a_wrong_password_is_told_apart_from_a_receiver_that_refuses(simple_jwt: Running, publish: Publish) -> None:
    """UNICO-33, UNICO-34."""
    publish(simple_jwt.url("/hook"), **jwt_7519(simple_jwt, "wrong"))
    assert end() == ("failed", "token_refused")
    assert [line["path"] for line in simple_jwt.lines()][-1] == "/token/"


def test_that_receiver_refuses_who_brings_no_token(simple_jwt: Running, publish: Publish) -> None:
    publish(simple_jwt.url("/hook"))
    assert end() == ("failed", "unauthorized_none")
    assert simple_jwt.lines("/hook")[-1]["status"] == 401


def jwt_7523(server: Running, pair: KeyPair, **settings: str) -> dict[str, Any]:
    given = {KIND: "jwt_7523", "token_url": server.url("/token"), "sub": SUBJECT, "ver": "1"}
    return {
        "auth_method": "jwt",
        "auth_settings": given | {"token_minutes": "5", "audience": AUDIENCE} | settings,
        "auth_key_pair": own(pair),
    }


def test_the_openssl_command_verifies_the_signature_with_the_certificate(
    jwt_bearer: Running, registered: KeyPair, publish: Publish, receiver: Receiver, tmp_path: Path
) -> None:
    """UNICO-30, UNICO-31: the tags, with words of the client's own around them, in headers of the client's choice."""
    headers = (
        HeaderValues("X-Signature", "{{signature}}", secret=False),
        HeaderValues("X-Foo", "v1 t={{timestamp}};n={{nonce}};a={{algorithm}};s={{ signature }}", secret=False),
    )
    publish(receiver.url("/hook"), products=2, headers=headers, **jwt_7523(jwt_bearer, registered))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    requests = receiver.requests("/hook")
    told = [dict(part.split("=", 1) for part in (each.header("X-Foo") or "")[3:].split(";")) for each in requests]
    for request, tags in zip(requests, told, strict=True):
        assert tags["s"] == request.header("X-Signature")
        assert tags["a"] == "RS256"
        assert abs(int(tags["t"]) - timezone.now().timestamp()) < 60
        content = f"{tags['t']}.{tags['n']}.".encode() + request.body
        assert verifies(registered, tags["s"], content, tmp_path)
        assert not verifies(registered, tags["s"], content + b" ", tmp_path)
        assert not verifies(self_signed("other.example"), tags["s"], content, tmp_path)
    assert len({tags["n"] for tags in told}) == 2


def verifies(pair: KeyPair, signature: str, content: bytes, folder: Path) -> bool:
    """What docs/receiving-notifications.md tells people to type."""
    openssl = provide_openssl() or miss("openssl")
    (folder / "certificate.pem").write_text(pair.certificate)
    (folder / "content").write_bytes(content)
    (folder / "signature.bin").write_bytes(base64.b64decode(signature, validate=True))
    words = [openssl, "x509", "-in", "certificate.pem", "-noout", "-pubkey"]
    public = subprocess.run(words, cwd=folder, capture_output=True, check=True).stdout
    (folder / "public.pem").write_bytes(public)
    words = [openssl, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature.bin", "content"]
    said = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    return (said.returncode, said.stdout) == (0, b"Verified OK\n")


@pytest.mark.parametrize("sample", ["python", "node"])
def test_a_receiver_that_checks_the_tags_with_the_certificate_believes_them(
    sample: str, jwt_bearer: Running, registered: KeyPair, publish_for_real: Publish, tmp_path: Path
) -> None:
    """UNICO-30."""
    (tmp_path / "certificate.pem").write_text(registered.certificate)
    (tmp_path / sample).mkdir()
    names = ("signature", "nonce", "timestamp")
    headers = tuple(HeaderValues(f"X-{name.capitalize()}", f"{{{{{name}}}}}", secret=False) for name in names)
    with running(sample, tmp_path / sample, WEBHOOK_CERTIFICATE=str(tmp_path / "certificate.pem")) as receiver:
        values = jwt_7523(jwt_bearer, registered) | {"headers": headers}
        publish_for_real(f"http://127.0.0.1:{receiver.port}/hook", **values)
    assert (Delivery.objects.get().state, Attempt.objects.get().status) == ("delivered", 204)


def test_a_subject_that_the_server_does_not_know_is_explained(
    jwt_bearer: Running, registered: KeyPair, publish: Publish, receiver: Receiver
) -> None:
    """UNICO-26."""
    publish(receiver.url("/hook"), **jwt_7523(jwt_bearer, registered, sub="nobody", issuer=SUBJECT))
    assert end() == ("failed", "token_invalid_grant")
    assert receiver.requests() == []


# --- client certificates -------------------------------------------------------------------------------------------


def test_nginx_lets_in_who_shows_a_certificate_of_its_authority(nginx: Nginx, publish: Publish) -> None:
    before = len(nginx.lines())
    values = {"private_ca": nginx.authority.pem, "client_key_pair": own(nginx.authority.issue("us", client=True))}
    publish(nginx.url(), **values)
    assert end()[0] == "delivered"
    [line] = nginx.lines_after(before)
    assert (line.status, line.verified) == (204, "SUCCESS")


def test_nginx_refuses_who_shows_none_or_another_authoritys(nginx: Nginx, publish: Publish) -> None:
    before = len(nginx.lines())
    publish(nginx.url(), private_ca=nginx.authority.pem)
    stranger = Authority("Somebody").issue("us", client=True)
    publish(nginx.url(), private_ca=nginx.authority.pem, client_key_pair=own(stranger))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}
    assert set(Attempt.objects.values_list("status", flat=True)) == {400}
    none, other = nginx.lines_after(before, 2)
    assert (none.status, none.verified) == (400, "NONE")
    assert other.status == 400
    assert other.verified.startswith("FAILED:")


def test_nginx_refuses_a_certificate_that_has_expired_since_it_was_uploaded(nginx: Nginx, publish: Publish) -> None:
    """What is uploaded has not expired; what is used a year later may have."""
    before = len(nginx.lines())
    over = nginx.authority.issue("us", client=True, valid_for=timedelta(hours=-1))
    participant = make_participant()
    with time_machine.travel(timezone.now() - timedelta(hours=12)):
        shared = make_key_pair(over, participant=participant)
    values = {"participant": participant, "private_ca": nginx.authority.pem}
    publish(nginx.url(), client_key_pair=KeyPairValues(shared=shared.uuid), **values)
    assert Delivery.objects.get().state == "failed"
    [line] = nginx.lines_after(before)
    assert line.verified == "FAILED:certificate has expired"


def test_a_client_certificate_goes_together_with_a_token_and_own_headers(
    nginx: Nginx, oidc: OidcProvider, publish: Publish
) -> None:
    """UNICO-19: combinable. Two authorities, two certificates, each to its own server."""
    before, asked = len(nginx.lines()), len(oidc.requests())
    values = oauth2(oidc, "self_signed", "self_signed_tls_client_auth") | {"auth_key_pair": own(oidc.rsa)}
    values |= {"private_ca": nginx.authority.pem, "client_key_pair": own(nginx.authority.issue("us", client=True))}
    publish(nginx.url(), headers=(HeaderValues("X-Own", "1", secret=False),), **values)
    assert end()[0] == "delivered"
    assert nginx.lines_after(before)[0].verified == "SUCCESS"
    assert [line["status"] for line in oidc.requests()[asked:]] == [200]
