"""The receivers that the product writes for one webhook, run against the product: what the page gives is saved, started
with what was agreed, and a real dispatcher delivers to it. With anything else agreed, it refuses."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from dispatch.actions import publish
from dispatch.models import Delivery
from portal.help.examples import EXAMPLE_SECRET, show_request
from tests.certificates import self_signed
from tests.dispatch.running import dispatchers, wait_for_end
from tests.factories import make_connection, make_key_pair, make_product, make_webhook
from tests.people import Person
from tests.receiver import Answer, Receiver
from tests.receivers.samples import Running, running_file
from tests.services import free_port
from webhooks.models import Webhook
from webhooks.samples.languages import LANGUAGES
from webhooks.signing import generate_secret
from webhooks.values import HeaderValues

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

FILE = b"hour;price\n1;10.00\n"
TOKEN = "token-7f3a 9b"
TOKEN_KEY = "the-key-of-our-own-application-0123"
TAGS = ("signature", "nonce", "timestamp")
Agreed = dict[str, str]


class Scene:
    """A product, the people, and servers that end with the test."""

    def __init__(self, owner: Person, folder: Path, stack: ExitStack, issuer: Receiver) -> None:
        self.owner, self.folder, self.stack, self.issuer = owner, folder, stack, issuer
        self.product = make_product()

    def webhook(self, port: int, **over: Any) -> Webhook:
        made: Webhook = make_webhook(
            participant=self.owner.participant,
            request_uri=f"http://127.0.0.1:{port}/hook",
            products=[self.product],
            max_attempts=1,
            **over,
        )
        return made

    def save(self, webhook: Webhook, language: str, folder: Path) -> Path:
        """As a person does it: download the file from the webhook's page."""
        url = reverse("webhooks:webhook-receiver-file", args=[webhook.uuid])
        answer = self.owner.client.get(url, {"language": language})
        assert answer.status_code == 200
        path = folder / LANGUAGES[language].file_name
        path.write_bytes(answer.content)
        return path

    def run(self, webhook: Webhook, language: str, port: int, name: str, agreed: Agreed) -> Running:
        folder = self.folder / name
        folder.mkdir()
        file = self.save(webhook, language, folder)
        return self.stack.enter_context(running_file(language, file, folder, port=port, **agreed))


@pytest.fixture
def scene(owner: Person, tmp_path: Path, loopback: None, receiver: Receiver) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(owner, tmp_path, stack, receiver)


def nothing(scene: Scene, port: int) -> tuple[Webhook, Agreed]:
    return scene.webhook(port), {}


def token(scene: Scene, port: int) -> tuple[Webhook, Agreed]:
    over = {"auth_secrets": {"secret": TOKEN}, "auth_settings": {"header_name": "X-Token"}}
    return scene.webhook(port, auth_method="secret", **over), {"WEBHOOK_TOKEN": TOKEN}


def basic_and_token(scene: Scene, port: int) -> tuple[Webhook, Agreed]:
    settings = {"username": "usuário", "token_header": "X-Token"}
    secrets = {"password": "sénha:1", "token": TOKEN}
    webhook = scene.webhook(port, auth_method="basic", auth_settings=settings, auth_secrets=secrets)
    return webhook, {"WEBHOOK_USER": "usuário", "WEBHOOK_PASSWORD": "sénha:1", "WEBHOOK_TOKEN": TOKEN}


def own_token(scene: Scene, port: int) -> tuple[Webhook, Agreed]:
    """JWT Bearer, RFC 7519: the receiver's own application gave the token for user and password."""
    given = jwt.encode({"exp": int(time.time()) + 600}, TOKEN_KEY, "HS256")
    return with_token(scene, port, given, kind="jwt_7519", method="jwt"), {"WEBHOOK_TOKEN_KEY": TOKEN_KEY}


def signed_headers(scene: Scene, port: int) -> tuple[Webhook, Agreed]:
    """The same with tags in own headers, signed with an uploaded key."""
    pair = self_signed("participant.example", kind="EC")
    (scene.folder / "certificate.pem").write_text(pair.certificate)
    key_pair = make_key_pair(pair, participant=scene.owner.participant)
    headers = tuple(HeaderValues(f"X-{tag.title()}", f"{{{{{tag}}}}}", secret=False) for tag in TAGS)
    given = jwt.encode({"exp": int(time.time()) + 600}, TOKEN_KEY, "HS256")
    webhook = with_token(scene, port, given, kind="jwt_7519", method="jwt", key_pair=key_pair, headers=headers)
    agreed = {"WEBHOOK_TOKEN_KEY": TOKEN_KEY, "WEBHOOK_CERTIFICATE": str(scene.folder / "certificate.pem")}
    return webhook, agreed


def issued_token(scene: Scene, port: int) -> tuple[Webhook, Agreed]:
    """OAuth2: an issuer that publishes its keys, as OpenID Connect Discovery says."""
    issuer, pair = scene.issuer.url("/")[:-1], self_signed("issuer.example")
    private = load_pem_private_key(pair.key.encode(), None)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key())) | {"kid": "k1", "use": "sig"}
    described = {"issuer": issuer, "jwks_uri": scene.issuer.url("/keys")}
    scene.issuer.answer("/.well-known/openid-configuration", answer_json(described))
    scene.issuer.answer("/keys", answer_json({"keys": [jwk]}))
    claims = {"iss": issuer, "aud": "urn:us", "exp": int(time.time()) + 600}
    given = jwt.encode(claims, private, "RS256", headers={"kid": "k1"})
    return with_token(scene, port, given), {"WEBHOOK_ISSUER": issuer, "WEBHOOK_AUDIENCE": "urn:us"}


def answer_json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), [("Content-Type", "application/json")])


def with_token(
    scene: Scene, port: int, given: str, *, kind: str = "oauth2", method: str = "oauth2", headers: Any = (), **over: Any
) -> Webhook:
    scene.issuer.answer("/token", answer_json({"access_token": given, "token_type": "Bearer", "expires_in": 600}))
    participant = scene.owner.participant
    connection = make_connection(participant=participant, kind=kind, token_url=scene.issuer.url("/token"), **over)
    settings = {"connection": str(connection.uuid)}
    return scene.webhook(port, auth_method=method, auth_settings=settings, headers=headers)


SCENES = {each.__name__: each for each in (nothing, token, basic_and_token, own_token, signed_headers, issued_token)}
# What one of the two says otherwise, in place of what was agreed.
WRONG = {
    "WEBHOOK_SECRET": generate_secret(),
    "WEBHOOK_TOKEN": "Bearer " + TOKEN,
    "WEBHOOK_USER": "usuario",
    "WEBHOOK_PASSWORD": "senha",
    "WEBHOOK_TOKEN_KEY": "another-key-of-the-same-length-01234",
    "WEBHOOK_AUDIENCE": "urn:somebody-else",
}
# Tokens have more reasons than one to be refused.
SAID = dict.fromkeys(("WEBHOOK_TOKEN_KEY", "WEBHOOK_AUDIENCE"), "the Bearer token")
RUN_BY_TESTS = ("python", "node")
CASES = [
    *((language, name) for language in RUN_BY_TESTS for name in SCENES),
    *(("java", name) for name in ("nothing", "token", "basic_and_token")),
]


@pytest.mark.parametrize(("language", "name"), CASES)
def test_what_was_agreed_is_let_in_and_anything_else_is_not(
    language: str, name: str, scene: Scene, live_server: Any, tmp_path: Path
) -> None:
    """ONS-21: a whole notification, file and all, at the receiver of the webhook's page; then one thing after the
    other is agreed differently, and the receiver prints which."""
    port = free_port()
    webhook, agreed = SCENES[name](scene, port)
    agreed |= {"WEBHOOK_SECRET": webhook.signing_secret}
    settings = {"PORTAL_DOWNLOAD_BASE_URL": live_server.url, "PORTAL_OUTBOUND_DEADLINE_SECONDS": "8"}
    settings |= {"PORTAL_DISPATCH_LEASE_SECONDS": "60"}
    with dispatchers(tmp_path, 1, **settings):
        good = scene.run(webhook, language, port, "right", agreed)
        delivery = send(scene, webhook, 1)
        assert (delivery.state, delivery.attempts.get().status) == ("delivered", 204)
        assert good.kept() == {
            f"{delivery.message_id}.json": bytes(delivery.body),
            f"{delivery.message_id}.data": FILE,
        }
        assert f"{delivery.message_id}: signature verified" in good.said()
        good.stop()
        for day, wrong in enumerate(sorted(agreed.keys() & WRONG.keys()), 2):
            bad = scene.run(webhook, language, port, wrong, agreed | {wrong: WRONG[wrong]})
            refused = send(scene, webhook, day)
            assert (refused.state, refused.last_status) == ("failed", 401), wrong
            assert bad.kept() == {}
            assert SAID.get(wrong, wrong) in bad.said()
            bad.stop()


@pytest.mark.parametrize("language", RUN_BY_TESTS)
def test_the_request_of_the_documentation_is_accepted_and_refused_once_changed(
    language: str, scene: Scene, live_server: Any, settings: Any
) -> None:
    """As its page says: started with the secret that is shown there, by the command that is shown there."""
    settings.PORTAL_BASE_URL = live_server.url
    example = show_request(timezone.now())
    port = free_port()
    webhook = scene.webhook(port)
    running = scene.run(webhook, language, port, "right", {"WEBHOOK_SECRET": EXAMPLE_SECRET})
    headers = {line.name: line.value for line in example.lines}
    assert running.post(headers, example.body.replace("DataProduto", "dataProduto").encode()) == 401
    assert running.post(headers, example.body.encode()) == 204
    assert set(running.kept()) == {f"{headers['webhook-id']}.{ending}" for ending in ("json", "data")}


def send(scene: Scene, webhook: Webhook, day: int) -> Delivery:
    publish(scene.product, period=f"2020-08-{day:02}", upload=ContentFile(FILE, "prices.csv"), by=Actor.system("test"))
    wait_for_end(within=40)
    return Delivery.objects.filter(webhook=webhook).order_by("-pk")[0]


def test_those_that_are_run_are_those_that_the_page_says_are_run() -> None:
    """In C# none is: there is no .NET here, and the page says so. In Java what needs no library of others."""
    assert {code for code, language in LANGUAGES.items() if language.run_by_tests} == {code for code, _name in CASES}
