"""Secrets as canaries: planted wherever a webhook keeps one, used in every way, then looked for everywhere (X-3)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dispatch import clock
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery
from tests.canary import Echo, Failing, Search, cut_echo, look_everywhere, plant
from tests.factories import make_delivery, make_event, make_product, make_publication
from tests.people import Person
from tests.receiver import Answer, Hang, Receiver
from tests.safety.administering import save_everything
from tests.webhooks.pages import posted, text, url
from vault.fields import is_set
from webhooks.models import Webhook, WebhookTest

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(180)]


# --- the whole life of two webhooks -----------------------------------------------------------------------------------


class Planted:
    """Every secret that a webhook can have, each a canary of its own."""

    def __init__(self, receiver: Receiver) -> None:
        self.secret, self.password, self.token, self.header, self.query = (plant() for _ in range(5))
        self.forms = {
            "secret": self._form(receiver, "secret", secret=f"Bearer {self.secret}"),
            "basic": self._form(
                receiver, "basic", username="vento", password=self.password, token=self.token, token_header="X-Token"
            ),
        }
        self.webhooks: list[Webhook] = []

    def _form(self, receiver: Receiver, method: str, **settings: str) -> dict[str, Any]:
        own = {f"{method}-{name}": value for name, value in settings.items()}
        address, headers = f"{receiver.url(f'/{method}')}?key={self.query}", [("X-Own", self.header)]
        return posted(request_uri=address, auth_method=method, headers=headers, retry_interval_minutes="1", **own)

    @property
    def sealed(self) -> dict[str, str]:
        """The secrets that may be seen nowhere, whoever looks."""
        # The first ones, and since their rotation the new ones beside those that still sign.
        signing = {f"signing {webhook.pk}": webhook.signing_secret for webhook in self.webhooks}
        for webhook in Webhook.objects.all():
            signing[f"signing now {webhook.pk}"] = webhook.signing_secret
            if is_set(webhook, "previous_signing_secret"):
                signing[f"signing before {webhook.pk}"] = webhook.previous_signing_secret
        return {
            "secret": self.secret, "password": self.password, "token": self.token, "header": self.header, **signing,
        }  # fmt: skip

    def known_to(self, webhook: Webhook) -> list[str]:
        """What the receiver of a webhook knows and can throw back."""
        own = [self.secret] if webhook.auth_method == "secret" else [self.password, self.token]
        return [*own, self.header, self.query, webhook.signing_secret, webhook.signing_secret.removeprefix("whsec_")]


class Life:
    """Drives the two webhooks through all that happens to them, and gathers every page on the way."""

    def __init__(self, planted: Planted, people: dict[str, Person], search: Search) -> None:
        self.planted, self.people, self.search = planted, people, search
        self.product = make_product(granted_to=[people["technical"].participant])
        self.event = make_event(publication=make_publication(self.product))

    def ask(self, who: str, path: str, form: dict[str, Any] | None = None, **headers: str) -> Any:
        client: Client = self.people[who].client
        client.raise_request_exception = False
        response = client.get(path) if form is None else client.post(path, form, headers=headers)
        if "/secret/show/" not in path:
            told = "" if response.streaming else text(response)
            self.search.add(f"page: {who}: {path}", f"{dict(response.headers)} {client.cookies} {told}")
        return response

    def create(self) -> None:
        for form in self.planted.forms.values():
            wrong = form | {"description": "", "max_attempts": "99", "products": [str(self.product.uuid)]}
            assert self.ask("technical", url("webhook-create"), wrong).status_code == 200
            assert self.ask("technical", url("webhook-create"), wrong, hx_request="true").status_code == 200
            assert self.ask("technical", url("webhook-create"), wrong | {"add_header": "headers"}).status_code == 200
            assert (
                self.ask("technical", url("webhook-create"), form | {"products": wrong["products"]}).status_code == 302
            )
        self.planted.webhooks = list(Webhook.objects.order_by("pk"))
        assert len(self.planted.webhooks) == 2

    def edit(self) -> None:
        for webhook in self.planted.webhooks:
            form = self.planted.forms[webhook.auth_method] | {"description": "Another name", "products": []}
            form |= {f"{webhook.auth_method}-{name}": "" for name in ("secret", "password", "token")}
            header = webhook.headers.get()
            form |= {"headers-0-uuid": str(header.uuid), "headers-0-value": "", "products": [str(self.product.uuid)]}
            assert self.ask("technical", url("webhook-edit", webhook), form).status_code == 302
            assert self.ask("technical", url("webhook-secret-rotate", webhook), {}).status_code == 302
            shown = self.ask("technical", url("webhook-secret-show", webhook), {})
            assert Webhook.objects.get(pk=webhook.pk).signing_secret in text(shown)

    def crash(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("broken on purpose")

        with monkeypatch.context() as patched:
            patched.setattr("webhooks.actions.record_version", broken)
            for form in self.planted.forms.values():
                answer = self.ask("technical", url("webhook-create"), form | {"uuid": str(uuid4())})
                assert answer.status_code == 500

    def answer(self, receiver: Receiver, make: Callable[[list[str]], Any]) -> None:
        for webhook in Webhook.objects.all():
            receiver.answer(f"/{webhook.auth_method}", make(self.planted.known_to(webhook)))

    def try_out(self, **headers: str) -> None:
        """Five rounds are within the limit of tests a minute."""
        for webhook in self.planted.webhooks:
            form = self.planted.forms[webhook.auth_method] | {"webhook": str(webhook.uuid)}
            assert self.ask("technical", url("webhook-test"), form, **headers).status_code == 200

    def deliver(self, dispatcher: Dispatcher) -> None:
        for webhook in self.planted.webhooks:
            if not Delivery.objects.filter(webhook=webhook).exists():
                make_delivery(webhook=webhook, event=self.event)
        Delivery.objects.update(due_at=timezone.now(), state="waiting", finished_at=None, reason="")
        dispatcher.wake()
        while not dispatcher.idle or Delivery.objects.waiting().filter(due_at__lte=clock.now()).exists():
            dispatcher.step()

    def look(self) -> None:
        """Every page that shows something of the webhooks, as everybody who may open it."""
        paths = [
            reverse("portal:home"),
            url("webhook-list"),
            url("profile-webhook-list"),
            reverse("dispatch:delivery-list"),
        ]
        for webhook in self.planted.webhooks:
            paths += [reverse(f"dispatch:webhook-{name}", args=[webhook.uuid]) for name in ("detail", "live")]
            paths += [url(f"webhook-{name}", webhook) for name in ("edit", "archive", "secret")]
        for delivery in Delivery.objects.all():
            paths += [reverse(f"dispatch:delivery-{name}", args=[delivery.uuid]) for name in ("detail", "live")]
        for who in ("viewer", "technical", "administrator"):
            opened = [self.ask(who, path).status_code for path in paths]
            assert set(opened) == ({200, 403} if who == "viewer" else {200}), who
        self._look_into_the_administration()

    def edit_in_the_administration(self) -> None:
        """Whatever can be changed there is saved as it stands; the webhooks are paused and started again."""
        client = self.people["officer"].client
        assert save_everything(client) >= 3, "too few rows could be saved"
        webhooks = [str(webhook.uuid) for webhook in self.planted.webhooks]
        for verb in ("pause", "resume"):
            path = reverse(f"admin:webhooks_webhook_{verb}")
            assert self.ask("officer", f"{path}?webhook={webhooks[0]}").status_code == 200
            assert self.ask("officer", path, {"webhook": webhooks, "note": "because"}).status_code == 302

    def _look_into_the_administration(self) -> None:
        for model in admin.site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            assert self.ask("officer", reverse(f"{name}_changelist")).status_code == 200
            for row in model._default_manager.all():
                assert self.ask("officer", reverse(f"{name}_change", args=[row.pk])).status_code == 200, row
                self.ask("officer", reverse(f"{name}_history", args=[row.pk]))


def test_no_secret_is_found_anywhere(
    people: dict[str, Person],
    public: None,
    receiver: Receiver,
    lines: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    memory_broker: str,
    tmp_path: Path,
) -> None:
    """X-3. Success, refusals that echo everything, failures, a time-out, a crash, Testar, edits, the administration,
    exports, metrics and the broker."""
    planted, search = Planted(receiver), Search()
    life = Life(planted, people, search)
    dispatcher = Dispatcher()
    try:
        life.create()
        rounds = (lambda known: Answer(200, b"thank you"), Echo, cut_echo, Failing, lambda known: Hang())
        for number, answer in enumerate(rounds):
            life.answer(receiver, answer)
            life.deliver(dispatcher)
            life.try_out(**({"hx_request": "true"} if number % 2 else {}))
        life.edit()
        life.answer(receiver, Echo)
        life.deliver(dispatcher)
        with search.reading_error_reports() as reports:
            life.crash(monkeypatch)
    finally:
        dispatcher.pool.close()
    life.edit_in_the_administration()
    life.look()
    answers = set(Attempt.objects.values_list("status", flat=True))
    assert answers == {200, 401, 500, None}, "not everything happened that was meant to"
    assert WebhookTest.objects.count() == 10
    assert len(reports) == 4
    search.add("log", lines())
    assert "broken on purpose" in lines()
    look_everywhere(search, tmp_path, memory_broker)
    leaks = {name: search.places_of(secret) for name, secret in planted.sealed.items()}
    assert not any(leaks.values()), "\n".join(f"{name}: {place}" for name in leaks for place in sorted(leaks[name]))


def test_values_in_an_addresss_query_are_for_those_who_may_edit_it(
    people: dict[str, Person], public: None, receiver: Receiver, lines: Callable[[], str]
) -> None:
    """X-3. They stand in the address itself and its versions, and on pages of technical users; nowhere else."""
    planted, search = Planted(receiver), Search()
    life = Life(planted, people, search)
    dispatcher = Dispatcher()
    try:
        life.create()
        life.answer(receiver, Echo)
        life.deliver(dispatcher)
        life.try_out()
    finally:
        dispatcher.pool.close()
    life.look()
    search.add("log", lines())
    search.add_database()
    search.add_mails()
    places = {
        place for place in search.places_of(planted.query) if not re.match("page: (technical|administrator)", place)
    }
    assert places == {"database: webhooks_webhook.request_uri", "database: webhooks_webhookversion.settings"}
