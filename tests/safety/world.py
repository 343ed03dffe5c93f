"""The people and the rows of the proofs about who may open what, and the address map walked."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from access.models import UserSession
from access.sessions import digest_auth
from catalog.links import download_url
from connections.models import ConnectionRun
from dispatch.models import SendBatch
from dispatch.previews import preview_batch
from tests.connections.pages import posted as posted_connection
from tests.factories import (
    make_connection,
    make_delivery,
    make_event,
    make_key_pair,
    make_product,
    make_publication,
    make_user,
    make_webhook,
)
from tests.people import Person
from tests.webhooks.pages import posted

PEOPLE = ("anonymous", "outsider", "viewer", "technical", "administrator", "staff", "officer")
# What the pages of these show to no one else; Vento is the participant of the owner.
OWNERS_WORDS = ("Vento", "Ordem secreta", "Tarifa secreta", "hook.vento.test", "Emissor secreto", "Chave secreta")


def walk(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", pattern
        else:
            yield from walk(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)


def portal_routes() -> set[str]:
    return {name for name, _pattern in walk(get_resolver()) if not name.startswith("admin:")}


_KEYS = {"account_reset_password_from_key": {"uidb36": "1", "key": "wrong-key"}}


class World:
    """The owner's rows, of which each kind exists once, and the seven people."""

    def __init__(self, owner: Person, outsider: Person) -> None:
        self.owner, self.participant = owner, owner.participant
        self.product = make_product(name="Tarifa secreta", granted_to=[self.participant])
        self.publication = make_publication(self.product)
        self.webhook = make_webhook(
            participant=self.participant,
            description="Ordem secreta",
            request_uri="https://hook.vento.test/in",
            products=[self.product],
        )
        self.delivery = make_delivery(webhook=self.webhook, event=make_event(publication=self.publication))
        self.batch = SendBatch.objects.create(webhook=self.webhook, kind="enviar_tudo", written_at=timezone.now())
        self.key_pair = make_key_pair(participant=self.participant, name="Chave secreta")
        self.connection = make_connection(participant=self.participant, name="Emissor secreto", kind="btg_id")
        now = timezone.now()
        self.run = ConnectionRun.objects.create(
            connection=self.connection, by="Owner", at=now, purge_at=(run_until := now + timedelta(days=1))
        )
        staff = Person(make_user(email="clerk@operator.test", name="Clerk", is_staff=True))
        officer = Person.staff()
        seats = (None, outsider, owner.colleague("viewer"), owner.colleague("technical"), owner, staff, officer)
        self.people: dict[str, Person | None] = dict(zip(PEOPLE, seats, strict=True))
        self.session = UserSession.objects.create(
            user=owner.user, key_digest="0" * 64, auth_digest=digest_auth(owner.client.session), expires_at=run_until
        )
        for who in PEOPLE:
            self.client(who)  # signed in now, before anything is compared or rolled back

    def client(self, who: str, **options: Any) -> Client:
        """A browser in which the person is signed in; it shares that person's one session and no other cookie."""
        client, person = Client(**options), self.people[who]
        if person:
            name = settings.SESSION_COOKIE_NAME
            client.cookies[name] = person.client.cookies[name].value
        return client

    def url(self, name: str) -> str:
        if name == "catalog:download":
            return download_url(self.publication, delivery_uuid=self.delivery.uuid, issued_at=timezone.now())
        _name, pattern = next(each for each in walk(get_resolver()) if each[0] == name)
        keys = _KEYS.get(name) or {key: self._value(name, key) for key in pattern.pattern.converters}
        return reverse(name, kwargs=keys)

    def _value(self, name: str, key: str) -> Any:
        if name.startswith("connections:"):
            return self._of_connections(name, key)
        if name.startswith("access:session"):
            return self.session.uuid
        if key == "batch_uuid":
            return self.batch.uuid
        if key == "product_uuid" or name == "catalog:product-detail":
            return self.product.uuid
        if name.startswith("dispatch:delivery"):
            return self.delivery.uuid
        return self.publication.uuid if name.startswith("catalog:") else self.webhook.uuid

    def _of_connections(self, name: str, key: str) -> Any:
        if key == "kind":
            return "btg_id"
        if name.startswith("connections:key-pair"):
            return self.key_pair.uuid
        return self.run.uuid if name.startswith("connections:run") else self.connection.uuid

    def form(self, name: str) -> dict[str, Any]:
        forms: dict[str, dict[str, Any]] = {
            "access:participant-switch": {"participant": str(self.participant.uuid)},
            "access:preferences-update": {"theme": "dark"},
            "connections:connection-edit": posted_connection("btg_id", name="Taken over"),
            "webhooks:webhook-test": {"webhook": str(self.webhook.uuid)},
            "webhooks:webhook-edit": posted(description="Taken over"),
            "dispatch:held-release": {"choice": "none"},
            "dispatch:batch-send-all": {
                "token": str(uuid4()),
                "expected": preview_batch(self.webhook, "enviar_tudo").digest,
            },
        }
        return forms.get(name, {})

    def ask(self, client: Client, name: str, method: str) -> Any:
        url = self.url(name)
        return client.post(url, self.form(name)) if method == "POST" else client.get(url)


def answer_word(response: Any) -> str:
    if response.status_code not in (302, 303):
        return str(response.status_code)
    return "login" if response["Location"].startswith(("/accounts/login/?", "/admin/login/?")) else "away"


def all_rows() -> dict[str, list[Any]]:
    """Everything in the database but sessions and counters of sign-ins: what must stay as it is."""
    rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in ("django_session", "access_usersession", "portal_cache"):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                rows[table] = sorted(map(repr, cursor.fetchall()))
    return rows


@pytest.fixture
def world(owner: Person, outsider: Person, settings: Any) -> World:
    # Nobody waits for a dispatcher that isn't there.
    settings.PORTAL_WEB_THREADS = 1
    return World(owner, outsider)
