"""Canaries in what tokens are got with: client secret, private key, assertion, token, body, secret headers (X-3)."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote_plus

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from connections.actions import create_key_pair
from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery
from tests.canary import Search, look_everywhere, plant
from tests.certificates import self_signed
from tests.factories import make_connection, make_delivery, make_event, make_publication, make_upload, make_webhook
from tests.people import Person
from tests.receiver import Answer, Call, Hang, Received, Receiver, Reset
from tests.safety.administering import save_everything
from tests.webhooks.pages import posted, text, url
from tests.webhooks.test_form_page import summary
from webhooks.auth.connected import KIND
from webhooks.models import Webhook, WebhookTest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

ADMINISTERED = {"connections", "dispatch", "webhooks", "notices"}
RUN = {
    "grant_type": "client_credentials",
    "type": "t",
    "resource": "r",
    "locations": "https://a.example",
    "privileges": "p",
}


class Planted:
    """Four webhooks and a connection of BTG-ID, all of whose secrets are canaries or known to the test."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        names = ("oauth2 secret", "btg secret", "password", "token header", "body", "own header")
        self.secrets = {name: plant() for name in names}
        self.tokens: list[str] = []
        self.pairs = {name: self_signed(f"{name}.example") for name in ("assertion", "tags", "mtls")}

    def forms(self) -> dict[str, dict[str, Any]]:
        """The fields of each webhook's form, by the path at which the receiver takes it."""
        secret = self.secrets
        basic = {"auth_type": "client_secret_basic", "client_id": "c", "client_secret": secret["oauth2 secret"]}
        oauth2 = self._form("oauth2", body=f"extra={secret['body']}", **basic, **self._headers("oauth2"))
        key = self._form("oauth2", auth_type="private_key_jwt", client_id="c", **self._headers("oauth2"))
        signed = self._form("jwt", **{KIND: "jwt_7523"}, token_minutes="60", sub="s", ver="1", **self._headers("jwt"))
        body = json.dumps({"user": "USR", "password": secret["password"]})
        user = self._form("jwt", **{KIND: "jwt_7519"}, token_minutes="60", body=body, **self._headers("jwt"))
        return {
            "secret": oauth2 | self._files("mtls", "client_key_pair"),
            "key": key | self._files("assertion", "oauth2-key_pair"),
            "signed": signed | self._files("tags", "jwt-key_pair"),
            "user": user,
        }

    def _form(self, method: str, **fields: str) -> dict[str, Any]:
        own = {f"{method}-{name}": value for name, value in fields.items()}
        own[f"{method}-token_url"] = self.receiver.url("/token")
        headers = [("X-Own", self.secrets["own header"])]
        if fields.get(KIND) == "jwt_7523":
            headers.append(("X-Signature", "{{signature}}"))
        return posted(auth_method=method, headers=headers, retry_interval_minutes="1", **own)

    def _headers(self, method: str) -> dict[str, str]:
        return {"headers-TOTAL_FORMS": "1", "headers-INITIAL_FORMS": "0", "headers-0-name": "X-Token-Secret",
                "headers-0-value": self.secrets["token header"], "headers-0-secret": "on"}  # fmt: skip

    def _files(self, pair: str, prefix: str) -> dict[str, Any]:
        found = self.pairs[pair]
        choice = {"client_key_pair": "own"} if prefix == "client_key_pair" else {}
        return choice | {
            f"{prefix}-certificate": SimpleUploadedFile("client.crt", found.certificate.encode()),
            f"{prefix}-private_key": SimpleUploadedFile("client.key", found.key.encode()),
        }

    # --- what a token endpoint answers, which throws back all that it was sent ---------------------------------------

    def issue(self, request: Received) -> Answer:
        self.tokens.append(plant())
        said = self._echo(request)
        return Answer(200, json.dumps({"access_token": self.tokens[-1], "expires_in": 600, "said": said}).encode())

    def refuse(self, request: Received) -> Answer:
        said = self._echo(request)
        content = {"error": "invalid_client", "error_description": said, "error_uri": said}
        # Whole words: what a server cuts in two itself, nobody can recognise.
        words = [("X-Echo", word) for word in said.split() if len(word) < 2_000]
        return Answer(400, json.dumps(content).encode(), [*words, ("Location", f"/?{words[-1][1]}")])

    def _echo(self, request: Received) -> str:
        """All that came with a request, as it came and undone: nothing else can come back."""
        basic = (request.header("Authorization") or "").removeprefix("Basic ")
        undone = [unquote_plus(request.body.decode()), base64.b64decode(basic).decode()]
        known = [secret for secret in self.secrets.values() if secret in f"{request.head!r} {undone}"]
        written = [quote(each, safe="") for each in known] + [each.encode().hex() for each in known]
        everything = [request.head.decode(), request.body.decode(), *undone, *known, *written]
        return " ".join(" ".join(everything).split())

    @property
    def assertions(self) -> list[str]:
        """What was signed for token requests so far."""
        fields = [parse_qs(request.body.decode()) for request in self.receiver.requests("/token")]
        return [value for each in fields for name in ("assertion", "client_assertion") for value in each.get(name, ())]

    @property
    def sealed(self) -> dict[str, str]:
        """Everything that may be seen nowhere, by name."""
        keys = {f"key {name}: {line[:8]}": line for name, pair in self.pairs.items() for line in _lines(pair.key)}
        tokens = {f"token {number}": token for number, token in enumerate(self.tokens)}
        # The last part is the signature: the others are no secret by themselves.
        signed = {f"assertion {number}": each.rpartition(".")[2] for number, each in enumerate(self.assertions)}
        return self.secrets | keys | tokens | signed


def _lines(key: str) -> list[str]:
    """The lines of a PEM that are its own: the first says only what kind of key it is."""
    return key.splitlines()[2:-2]


class Life:
    """Drives the webhooks through all that happens to them, and gathers every page on the way."""

    def __init__(self, planted: Planted, people: dict[str, Person], search: Search) -> None:
        self.planted, self.people, self.search = planted, people, search
        self.event = make_event(publication=make_publication())

    def ask(self, who: str, path: str, form: dict[str, Any] | None = None, **headers: str) -> Any:
        client = self.people[who].client
        client.raise_request_exception = False
        for value in (form or {}).values():
            if isinstance(value, SimpleUploadedFile):
                value.seek(0)
        response = client.get(path) if form is None else client.post(path, form, headers=headers)
        told = "" if response.streaming else text(response)
        self.search.add(f"page: {who}: {path}", f"{dict(response.headers)} {client.cookies} {told}")
        return response

    def create(self) -> None:
        for path, form in self.planted.forms().items():
            address = {"request_uri": self.planted.receiver.url(f"/{path}")}
            assert (
                self.ask("technical", url("webhook-create"), form | address | {"max_attempts": "99"}).status_code == 200
            )
            made = self.ask("technical", url("webhook-create"), form | address)
            assert made.status_code == 302, (path, summary(made))
        participant = self.people["technical"].participant
        token_url, secret = self.planted.receiver.url("/token"), self.planted.secrets["btg secret"]
        fields = {"name": "BTG", "description": "", "private_ca": "", "token_url": token_url, "client_id": "c"}
        fields |= {"client_secret": secret, "headers-TOTAL_FORMS": "0", "headers-INITIAL_FORMS": "0"}
        made = self.ask("technical", reverse("connections:connection-create", args=["btg_id"]), fields)
        assert made.status_code == 302
        self.btg = Connection.objects.get(kind="btg_id", participant=participant)

    def run(self) -> ConnectionRun:
        before = set(ConnectionRun.objects.values_list("pk", flat=True))
        self.ask("technical", reverse("connections:connection-run", args=[self.btg.uuid]), RUN)
        return ConnectionRun.objects.exclude(pk__in=before).get()

    def try_out(self, **headers: str) -> None:
        forms = self.planted.forms()
        for path, form in forms.items():
            address = {"request_uri": self.planted.receiver.url(f"/{path}")}
            assert self.ask("technical", url("webhook-test"), form | address, **headers).status_code == 200

    def deliver(self, dispatcher: Dispatcher) -> None:
        for webhook in Webhook.objects.all():
            if not Delivery.objects.filter(webhook=webhook).exists():
                make_delivery(webhook=webhook, event=self.event)
        Delivery.objects.update(due_at=timezone.now(), state="waiting", finished_at=None, reason="")
        # What was remembered of a failure would stand in the way of the next round.
        CachedToken.objects.all().delete()
        deadline = time.monotonic() + 30
        dispatcher.wake()
        while not dispatcher.idle or Delivery.objects.waiting().filter(due_at__lte=timezone.now()).exists():
            assert time.monotonic() < deadline
            dispatcher.step()

    def crash(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("broken on purpose")

        with monkeypatch.context() as patched:
            patched.setattr("webhooks.actions.record_version", broken)
            for form in self.planted.forms().values():
                assert self.ask("technical", url("webhook-create"), form).status_code == 500
        with monkeypatch.context() as patched:
            patched.setattr("connections.answers.read_answer", broken)
            patched.setattr("connections.asking.read_answer", broken)
            # A mistake of ours, told as a token that could not be had.
            assert self.ask("technical", url("webhook-test"), self.planted.forms()["user"]).status_code == 200

    def look(self) -> None:
        """Every page that shows something of webhooks, connections, key pairs, runs and deliveries."""
        paths = [url("webhook-list"), *(reverse(f"connections:{name}-list") for name in ("connection", "key-pair"))]
        for webhook in Webhook.objects.all():
            paths += [url("webhook-edit", webhook), reverse("dispatch:webhook-detail", args=[webhook.uuid])]
        for row, names in ((Connection, ("detail", "edit", "run")), (KeyPair, ("detail", "replace"))):
            kind = "connection" if row is Connection else "key-pair"
            for each in row.objects.filter(shared=True):
                paths += [reverse(f"connections:{kind}-{name}", args=[each.uuid]) for name in names]
        paths += [reverse("connections:run-detail", args=[run.uuid]) for run in ConnectionRun.objects.all()]
        paths += [reverse("dispatch:delivery-detail", args=[delivery.uuid]) for delivery in Delivery.objects.all()]
        for who in ("viewer", "technical", "administrator"):
            opened = {path: self.ask(who, path).status_code for path in paths}
            assert set(opened.values()) <= ({200, 403} if who == "viewer" else {200}), opened
        # The pages of the other apps' rows are looked at in test_canary.
        for model in (each for each in admin.site._registry if each._meta.app_label in ADMINISTERED):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            assert self.ask("officer", reverse(f"{name}_changelist")).status_code == 200
            for row in model._default_manager.all():
                assert self.ask("officer", reverse(f"{name}_change", args=[row.pk])).status_code == 200, row


# --- the search itself ----------------------------------------------------------------------------------------------


def test_the_search_finds_what_is_planted_in_every_place_that_tokens_touch(owner: Person) -> None:
    """Columns in the clear of every table that has to do with tokens; a test that finds nothing must be able to."""
    search, secret, pair = Search(), plant(), self_signed("client.example")
    by = Actor.system("test")
    made = create_key_pair(owner.participant, name="k", upload=make_upload(pair), by=by)
    KeyPair.objects.filter(pk=made.pk).update(subject=f"x {_lines(pair.key)[3]} y")
    webhook = make_webhook(participant=owner.participant)
    over = {"secrets": {"client_secret": "unremarkable"}, "settings": {"scope": secret}}
    connection = make_connection(participant=owner.participant, **over)
    now = timezone.now()
    ConnectionRun.objects.create(connection=connection, by="b", at=now, purge_at=now, steps=[{"said": secret}])
    CachedToken.objects.create(key="0" * 64, connection=connection, credential_version=made.uuid, failure_detail=secret)
    WebhookTest.objects.create(participant=owner.participant, by="b", at=now, exchange={"token": secret})
    make_delivery(webhook=webhook, last_diagnosis=secret[:60])
    search.add_database()
    assert {place for place in search.places_of(secret) if "audit" not in place} == {
        "database: connections_connection.settings",
        "database: connections_connectionrun.steps",
        "database: connections_cachedtoken.failure_detail",
        "database: webhooks_webhooktest.exchange",
        "database: dispatch_delivery.last_diagnosis",
    }
    assert search.places_of(_lines(pair.key)[3]) == {"database: connections_keypair.subject"}
    assert search.places_of("unremarkable") == set()


# --- the whole life -------------------------------------------------------------------------------------------------


@pytest.fixture
def dispatcher(db: None) -> Iterator[Dispatcher]:
    running = Dispatcher()
    yield running
    running.pool.close()


def test_no_secret_that_tokens_are_got_with_is_found_anywhere(
    people: dict[str, Person],
    public: None,
    receiver: Receiver,
    lines: Callable[[], str],
    dispatcher: Dispatcher,
    monkeypatch: pytest.MonkeyPatch,
    memory_broker: str,
    tmp_path: Path,
) -> None:
    """X-3, CERC-21, UNICO-24, BTG-7. Success, refusals and echoes of both servers, time-outs, a crash, Testar, runs."""
    planted, search = Planted(receiver), Search()
    life = Life(planted, people, search)
    life.create()
    paths = list(planted.forms())
    echo = Call(lambda request: Answer(401, request.head + request.body, [("X-Echo", request.header("X-Own") or "")]))
    rounds: list[tuple[Any, Any]] = [
        (Call(planted.issue), Answer(200, b"thank you")),
        (Call(planted.issue), echo),
        (Call(planted.refuse), echo),
        (Hang(), echo),
        (Reset(), echo),
    ]
    for number, (issuer, answer) in enumerate(rounds):
        receiver.answer("/token", issuer)
        for path in paths:
            receiver.answer(f"/{path}", answer)
        life.deliver(dispatcher)
        if number in (1, 2):
            life.try_out(**({"hx_request": "true"} if number == 1 else {}))
        run = life.run()
        assert run.succeeded is (number < 2)
    with search.reading_error_reports() as reports:
        life.crash(monkeypatch)
    assert len(reports) == 2 * len(paths)
    assert save_everything(people["officer"].client) >= 3
    life.look()
    codes = set(Attempt.objects.values_list("diagnosis", flat=True))
    expected = {
        "",
        "unauthorized_oauth2",
        "unauthorized_jwt",
        "token_invalid_client",
        "token_timeout",
        "token_no_answer",
    }
    assert expected <= codes | {""}, codes
    assert planted.assertions
    assert len(planted.tokens) > 10
    search.add("log", lines())
    assert "broken on purpose" in lines()
    look_everywhere(search, tmp_path, memory_broker)
    leaks = {name: search.places_of(secret) for name, secret in planted.sealed.items()}
    assert not any(leaks.values()), "\n".join(f"{name}: {place}" for name in leaks for place in sorted(leaks[name]))
