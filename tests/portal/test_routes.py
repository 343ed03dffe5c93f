"""Who may open what: every address of the portal, by GET and by POST, as six kinds of people (X-4).

The table is written by hand and the address map is walked: a page that nobody thought about fails here.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from catalog.links import download_url
from connections.models import ConnectionRun
from dispatch.models import Delivery, SendBatch
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

pytestmark = pytest.mark.django_db

PEOPLE = ("anonymous", "outsider", "viewer", "technical", "administrator", "staff")
# `outsider` administers another participant; `staff` enters the administration and has no permission in it.
# One word counts for all six. `login`: sent to sign in; `away`: redirected after something was done, or not needed.
TABLE = """
route                              method  anonymous outsider viewer technical administrator staff

account_login                      GET     200       away     away   away      away          away
account_login                      POST    200       away     away   away      away          away
account_logout                     GET     away      200      200    200       200           200
account_logout                     POST    away
account_inactive                   GET     200
account_inactive                   POST    405
account_signup                     GET     403
account_signup                     POST    403
account_change_password            GET     login     200      200    200       200           200
account_change_password            POST    login     200      200    200       200           200
account_reset_password             GET     200
account_reset_password             POST    200
account_reset_password_done        GET     200
account_reset_password_done        POST    405
account_reset_password_from_key    GET     200
account_reset_password_from_key    POST    200
account_reset_password_from_key_done GET   200
account_reset_password_from_key_done POST  405

portal:home                        GET     login     200      200    200       200           away
portal:home                        POST    405
portal:profile                     GET     login     200      200    200       200           200
portal:profile                     POST    405
portal:settings                    GET     login     200      200    200       200           403
portal:settings                    POST    405
portal:integration                 GET     login     200      200    200       200           403
portal:integration                 POST    405
portal:demo-received               GET     login     404      404    404       404           403
portal:demo-received               POST    405
portal:health-live                 GET     200
portal:health-live                 POST    405
portal:health-ready                GET     200
portal:health-ready                POST    405
portal:health-delivering           GET     503
portal:health-delivering           POST    405
portal:metrics                     GET     404
portal:metrics                     POST    405

access:participant-switch          GET     login     405      405    405       405           405
access:participant-switch          POST    login     404      away   away      away          404
access:preferences-update          GET     405
access:preferences-update          POST    away

catalog:download                   GET     200
catalog:download                   POST    405
catalog:publication-list           GET     login     200      200    200       200           403
catalog:publication-list           POST    405
catalog:publication-file           GET     login     404      200    200       200           403
catalog:publication-file           POST    405
catalog:product-detail             GET     login     404      200    200       200           403
catalog:product-detail             POST    405

connections:connection-list        GET     login     200      200    200       200           403
connections:connection-list        POST    405
connections:connection-choose      GET     login     200      403    200       200           403
connections:connection-choose      POST    405
connections:connection-create      GET     login     200      403    200       200           403
connections:connection-create      POST    login     200      403    200       200           403
connections:connection-detail      GET     login     404      200    200       200           403
connections:connection-detail      POST    405
connections:connection-edit        GET     login     404      403    200       200           403
connections:connection-edit        POST    login     404      403    away      away          403
connections:connection-archive     GET     login     404      403    200       200           403
connections:connection-archive     POST    login     404      403    away      away          403
connections:connection-run         GET     login     404      403    200       200           403
connections:connection-run         POST    login     404      403    200       200           403
connections:run-detail             GET     login     404      200    200       200           403
connections:run-detail             POST    405
connections:run-token-show         GET     405
connections:run-token-show         POST    login     404      403    200       200           403
connections:key-pair-list          GET     login     200      200    200       200           403
connections:key-pair-list          POST    405
connections:key-pair-create        GET     login     200      403    200       200           403
connections:key-pair-create        POST    login     200      403    200       200           403
connections:key-pair-detail        GET     login     404      200    200       200           403
connections:key-pair-detail        POST    405
connections:key-pair-replace       GET     login     404      403    200       200           403
connections:key-pair-replace       POST    login     404      403    200       200           403
connections:key-pair-archive       GET     login     404      403    200       200           403
connections:key-pair-archive       POST    login     404      403    away      away          403

webhooks:profile-webhook-list      GET     login     200      200    200       200           403
webhooks:profile-webhook-list      POST    405
webhooks:webhook-list              GET     login     200      200    200       200           403
webhooks:webhook-list              POST    405
webhooks:webhook-create            GET     login     200      403    200       200           403
webhooks:webhook-create            POST    login     200      403    200       200           403
webhooks:webhook-test              GET     405
webhooks:webhook-test              POST    login     404      403    200       200           403
webhooks:webhook-edit              GET     login     404      403    200       200           403
webhooks:webhook-edit              POST    login     404      403    away      away          403
webhooks:webhook-archive           GET     login     404      403    200       200           403
webhooks:webhook-archive           POST    login     404      403    away      away          403
webhooks:webhook-secret            GET     login     404      403    200       200           403
webhooks:webhook-secret            POST    405
webhooks:webhook-secret-show       GET     405
webhooks:webhook-secret-show       POST    login     404      403    200       200           403
webhooks:webhook-secret-rotate     GET     405
webhooks:webhook-secret-rotate     POST    login     404      403    away      away          403

dispatch:webhook-detail            GET     login     404      200    200       200           403
dispatch:webhook-detail            POST    405
dispatch:webhook-live              GET     login     404      200    200       200           403
dispatch:webhook-live              POST    405
dispatch:held-release              GET     405
dispatch:held-release              POST    login     404      403    away      away          403
dispatch:product-row               GET     login     404      403    200       200           403
dispatch:product-row               POST    405
dispatch:product-send              GET     405
dispatch:product-send              POST    login     404      403    away      away          403
dispatch:batch-send-all            GET     login     404      403    200       200           403
dispatch:batch-send-all            POST    login     404      403    away      away          403
dispatch:batch-resend-pending      GET     login     404      403    200       200           403
dispatch:batch-resend-pending      POST    login     404      403    200       200           403
dispatch:batch-detail              GET     login     404      200    200       200           403
dispatch:batch-detail              POST    405
dispatch:batch-live                GET     login     404      200    200       200           403
dispatch:batch-live                POST    405
dispatch:batch-stop                GET     405
dispatch:batch-stop                POST    login     404      403    away      away          403
dispatch:delivery-list             GET     login     200      200    200       200           403
dispatch:delivery-list             POST    405
dispatch:delivery-detail           GET     login     404      200    200       200           403
dispatch:delivery-detail           POST    405
dispatch:delivery-live             GET     login     404      200    200       200           403
dispatch:delivery-live             POST    405
dispatch:delivery-send             GET     405
dispatch:delivery-send             POST    login     404      403    away      away          403
dispatch:delivery-stop             GET     405
dispatch:delivery-stop             POST    login     404      403    away      away          403
"""

POLICY = {
    *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'"),
    *("connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
}
FILE_POLICY = {"default-src 'none'", "sandbox"}
FILES = ("catalog:download", "catalog:publication-file")
# What the pages of these show to no one else; Vento is the participant of the owner.
OWNERS_WORDS = ("Vento", "Ordem secreta", "Tarifa secreta", "hook.vento.test", "Emissor secreto", "Chave secreta")


def read_table() -> dict[tuple[str, str], dict[str, str]]:
    rows = [line.split() for line in TABLE.strip().splitlines()[1:] if line]
    table = {}
    for name, method, *words in rows:
        answers = words * len(PEOPLE) if len(words) == 1 else words
        assert (name, method) not in table, f"{name} {method} is there twice"
        table[name, method] = dict(zip(PEOPLE, answers, strict=True))
    return table


def walk(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", pattern
        else:
            yield from walk(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)


def portal_routes() -> set[str]:
    return {name for name, _pattern in walk(get_resolver()) if not name.startswith("admin:")}


class World:
    """The owner's rows, of which each kind exists once, and the six people."""

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
            connection=self.connection, by="Owner", at=now, purge_at=now + timedelta(days=1)
        )
        staff = Person(make_user(email="clerk@operator.test", name="Clerk", is_staff=True))
        seats = (None, outsider, owner.colleague("viewer"), owner.colleague("technical"), owner, staff)
        self.people: dict[str, Person | None] = dict(zip(PEOPLE, seats, strict=True))
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
            return download_url(self.publication, delivery_uuid=uuid4(), issued_at=timezone.now())
        _name, pattern = next(each for each in walk(get_resolver()) if each[0] == name)
        keys = _KEYS.get(name) or {key: self._value(name, key) for key in pattern.pattern.converters}
        return reverse(name, kwargs=keys)

    def _value(self, name: str, key: str) -> Any:
        if name.startswith("connections:"):
            return self._of_connections(name, key)
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


_KEYS = {"account_reset_password_from_key": {"uidb36": "1", "key": "wrong-key"}}


@pytest.fixture
def world(owner: Person, outsider: Person, settings: Any) -> World:
    # Nobody waits for a dispatcher that isn't there.
    settings.PORTAL_WEB_THREADS = 1
    return World(owner, outsider)


def answer_word(response: Any) -> str:
    if response.status_code not in (302, 303):
        return str(response.status_code)
    return "login" if response["Location"].startswith(("/accounts/login/?", "/admin/login/?")) else "away"


def policy_of(response: Any) -> set[str]:
    return set(response.get("Content-Security-Policy", "").split("; "))


def all_rows() -> dict[str, list[Any]]:
    """Everything in the database but sessions and counters of sign-ins: what must stay as it is."""
    rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in ("django_session", "portal_cache"):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                rows[table] = sorted(map(repr, cursor.fetchall()))
    return rows


def test_every_address_is_in_the_table_with_both_methods() -> None:
    assert set(read_table()) == {(name, method) for name in portal_routes() for method in ("GET", "POST")}


@pytest.mark.parametrize("who", PEOPLE)
def test_addresses_open_to_those_in_the_table_only(world: World, who: str) -> None:
    """X-4: a row of another participant is not found, and nothing changes for those who are refused."""
    before, wrong = all_rows(), []
    for (name, method), expected in read_table().items():
        with transaction.atomic():
            got = answer_word(world.ask(world.client(who), name, method))
            if got != expected[who]:
                wrong.append(f"{method} {name}: {got}, not {expected[who]}")
            if expected[who] in ("login", "403", "404", "405"):
                assert all_rows() == before, f"{method} {name} changed something for {who}"
            transaction.set_rollback(True)
    assert not wrong, "\n".join(wrong)


def test_what_the_table_opens_works(world: World) -> None:
    """Or the matrix would say nothing about the pages that it calls closed."""
    client = world.client("technical")
    before = all_rows()
    for name in ("webhook-edit", "webhook-archive", "webhook-secret-show", "webhook-secret-rotate"):
        with transaction.atomic():
            world.ask(client, f"webhooks:{name}", "POST")
            assert all_rows() != before, name
            transaction.set_rollback(True)
    world.ask(client, "dispatch:delivery-stop", "POST")
    assert Delivery.objects.get(pk=world.delivery.pk).state == "cancelled"


def test_outsider_reads_no_word_of_the_owners_rows(world: World) -> None:
    for name, method in read_table():
        if name != "catalog:download":
            with transaction.atomic():
                words = world.ask(world.client("outsider"), name, method).content.decode()
                transaction.set_rollback(True)
            assert not [word for word in OWNERS_WORDS if word in words], f"{method} {name}"


@pytest.mark.parametrize("who", ["anonymous", "outsider", "technical"])
def test_every_answer_has_its_safety_headers(world: World, who: str) -> None:
    wrong = []
    for name, method in read_table():
        with transaction.atomic():
            response = world.ask(world.client(who), name, method)
            transaction.set_rollback(True)
        policy = FILE_POLICY if name in FILES and response.status_code == 200 else POLICY
        if policy_of(response) != policy:
            wrong.append(f"{method} {name}: {policy_of(response)}")
        right = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": "DENY",
        }
        wrong += [f"{method} {name}: {key}" for key, value in right.items() if response.get(key) != value]
        kept = response.get("Cache-Control", "")
        uncached = "no-store" in kept or (name in FILES and kept == "private, no-cache")
        if who != "anonymous" and not uncached:
            wrong.append(f"{method} {name}: Cache-Control {kept!r}")
    assert not wrong, "\n".join(wrong)


def test_no_post_is_taken_without_its_token(world: World) -> None:
    """Every address that takes a POST at all refuses a forged one, and nothing changes."""
    client = world.client("administrator", enforce_csrf_checks=True)
    before = all_rows()
    for (name, method), expected in read_table().items():
        if method == "POST" and set(expected.values()) != {"405"}:
            response = world.ask(client, name, method)
            assert response.status_code == 403, name
            assert policy_of(response) == POLICY
    assert all_rows() == before


# --- identifiers of others, smuggled into forms and queries --------------------------------------------------------


def test_new_webhook_under_the_uuid_of_another_participants_is_a_new_one(world: World) -> None:
    before = list(type(world.webhook).objects.filter(pk=world.webhook.pk).values())
    answer = world.client("outsider").post(reverse("webhooks:webhook-create"), posted(uuid=str(world.webhook.uuid)))
    assert answer.status_code == 302
    assert str(world.webhook.uuid) not in answer["Location"]
    assert list(type(world.webhook).objects.filter(pk=world.webhook.pk).values()) == before


def test_product_that_was_not_granted_is_not_taken(world: World) -> None:
    form = posted(products=[str(world.product.uuid)])
    answer = world.client("outsider").post(reverse("webhooks:webhook-create"), form)
    assert answer.status_code == 200
    assert not type(world.webhook).objects.filter(participant=world.people["outsider"].participant).exists()


def test_lists_take_no_identifier_of_another_participant(world: World) -> None:
    client = world.client("outsider")
    for query in (
        {"webhook": str(world.webhook.uuid)},
        {"before": str(world.delivery.uuid)},
        {"q": "Tarifa"},
    ):
        words = client.get(reverse("dispatch:delivery-list"), query).content.decode()
        assert not [word for word in OWNERS_WORDS if word in words], query


def test_nobody_returns_to_a_foreign_site(world: World) -> None:
    """Wherever a page takes `next`."""
    for target in ("https://evil.test/", "//evil.test/", "/\\evil.test/", "https:evil.test", "javascript:alert(1)"):
        client, form = world.client("administrator"), {"next": target}
        account = {"login": world.owner.user.email, "password": "a-good-long-password"}
        answers = [
            client.post(reverse("access:preferences-update"), form | {"theme": "dark"}),
            client.get(reverse("account_login"), form),
            world.client("staff").get(reverse("admin:login"), form),
            client.post(reverse("account_logout"), form),
            Client().post(reverse("account_login"), form | account),
        ]
        places = [answer.get("Location", "") for answer in answers]
        assert not [place for place in places if not re.match(r"(/[^/\\]|/?$)", place)]
        assert places[0] == places[-1] == "/"


# --- the administration ---------------------------------------------------------------------------------------------

# What every member of staff may open, whatever their permissions: the way in and out, and an empty overview.
OPEN_TO_STAFF = {
    "admin:index": "200",
    "admin:jsi18n": "200",
    "admin:login": "away",
    "admin:logout": "away",
    "admin:password_change": "away",
    "admin:password_change_done": "200",
}


def admin_urls() -> Iterator[tuple[str, str]]:
    for name, pattern in walk(get_resolver()):
        if name.startswith("admin:") and pattern.name:
            keys = {"app_label": "webhooks", "content_type_id": 1}
            named = pattern.pattern.converters or pattern.pattern.regex.groupindex
            arguments = {key: keys.get(key, 1) for key in named}
            yield name, reverse(name, kwargs=arguments)


@pytest.mark.parametrize("method", ["get", "post"])
def test_administration_opens_to_permissions_only(world: World, method: str) -> None:
    """Every page of it, with every row that it could show."""
    # Who is no member of staff is stopped at the door, whatever the method.
    people = ("anonymous", "administrator", "staff") if method == "get" else ("staff",)
    before, wrong = all_rows(), []
    for name, url in admin_urls():
        for who in people:
            response = getattr(world.client(who), method)(url)
            got = answer_word(response)
            # A row that doesn't exist: to the overview.
            closed = got in ("login", "403", "404", "405") or response.get("Location") == reverse("admin:index")
            opened = got == "away" and name in ("admin:logout", "admin:password_change")
            if not closed and not opened and not (who == "staff" and got == OPEN_TO_STAFF.get(name)):
                wrong.append(f"{method} {name} as {who}: {got}")
    assert not wrong, "\n".join(wrong)
    assert all_rows() == before


def test_sign_in_page_of_the_administration_takes_no_password(world: World) -> None:
    """Django's own form behind it would have no limit and leave no audit entry: any clerk could guess a colleague's."""
    form = {"username": world.owner.user.email, "password": "a-good-long-password"}
    client, login = world.client("staff"), reverse("admin:login")
    assert client.post(login, form)["Location"] == reverse("admin:index")
    assert client.post(f"{login}?next=https://evil.test/", form)["Location"] == reverse("admin:index")
    assert client.session["_auth_user_id"] == str(world.people["staff"].user.pk)
