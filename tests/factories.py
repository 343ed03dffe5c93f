"""Rows for tests: plain functions that fill in what a test doesn't care about. `over` names any field of the model."""

from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import uuid4

_numbers = count(1)


def next_number() -> int:
    """A number not given before in this process, for names and codes that must differ."""
    return next(_numbers)


# --- access -----------------------------------------------------------------------------------------------------


def make_user(**over: Any) -> Any:
    from access.models import User

    number = next_number()
    password = over.pop("password", "a-good-long-password")
    user = User(**{"email": f"user{number}@example.test", "name": f"User {number}", "language": "en"} | over)
    user.set_password(password)
    user.save()
    return user


def make_participant(**over: Any) -> Any:
    from access.models import Participant

    number = next_number()
    return Participant.objects.create(**{"name": f"Participant {number}", "cnpj": make_cnpj(number)} | over)


def make_member(user: Any, participant: Any, role: str = "technical") -> Any:
    from access.models import Membership

    return Membership.objects.create(user=user, participant=participant, role=role)


def make_cnpj(number: int) -> str:
    """A valid numeric CNPJ (two check digits by modulo 11) made from a running number."""
    digits = [int(digit) for digit in f"{number:08d}0001"]
    for _ in range(2):
        weights = [2 + place % 8 for place in range(len(digits))]
        rest = sum(digit * weight for digit, weight in zip(reversed(digits), weights, strict=True)) % 11
        digits.append(0 if rest < 2 else 11 - rest)
    return "".join(str(digit) for digit in digits)


# --- catalog ----------------------------------------------------------------------------------------------------


def make_macro_process(**over: Any) -> Any:
    from catalog.models import MacroProcess

    number = next_number()
    return MacroProcess.objects.create(**{"code": f"MP{number}", "name": f"Macro-process {number}"} | over)


def make_process(**over: Any) -> Any:
    from catalog.models import Process

    number = next_number()
    over.setdefault("macro_process", None)
    over["macro_process"] = over["macro_process"] or make_macro_process()
    return Process.objects.create(**{"code": f"P{number}", "name": f"Process {number}"} | over)


def make_product(*, granted_to: Any = (), **over: Any) -> Any:
    """A daily product for everyone, or with `granted_to` one for these participants only."""
    from catalog.models import Product, ProductGrant

    number = next_number()
    over["process"] = over.get("process") or make_process()
    if granted_to:
        over.setdefault("audience", "granted")
    fields = {"code": f"PRODUCT-{number}", "name": f"Product {number}", "periodicity": "daily"} | over
    product = Product.objects.create(**fields)
    for participant in granted_to:
        ProductGrant.objects.create(product=product, participant=participant)
    return product


def make_publication(product: Any = None, *, content: bytes = b"", **over: Any) -> Any:
    """A published version with a real small file. Without a period it takes a day of its own.

    `over` names fields of the row; `content` the bytes of the file.
    """
    from datetime import date, timedelta

    from django.core.files.base import ContentFile

    from access.actors import Actor
    from catalog.actions import receive_file, store_publication
    from catalog.models import Publication

    number = next_number()
    product = product or make_product()
    day = date(2020, 1, 1) + timedelta(days=number)
    period = over.pop("period", None) or (f"{day:%Y-%m}" if product.periodicity == "monthly" else day.isoformat())
    received = receive_file(
        ContentFile(content or b"hour;price\n1;%d.00\n" % number, over.pop("file_name", "data.csv"))
    )
    publish_at = over.pop("publish_at", None)
    stored = store_publication(
        product, period=period, received=received, publish_at=publish_at, by=Actor.system("factory")
    )
    if over:
        Publication.objects.filter(pk=stored.publication.pk).update(**over)
        stored.publication.refresh_from_db()
    return stored.publication


# --- connections --------------------------------------------------------------------------------------------------


def connection_values(**over: Any) -> Any:
    """Values that the actions accept: OAuth2 with client_secret_basic. `over` names fields of ConnectionValues;
    settings and secrets given are added to those of the kind."""
    from connections.values import ConnectionValues

    kind = over.get("kind", "oauth2")
    settings = {"oauth2": {"client_id": "client-1", "auth_type": "client_secret_basic"}}
    settings |= {"btg_id": {"client_id": "client-1"}, "jwt_7523": {"sub": "USR", "ver": "1", "token_minutes": "60"}}
    secrets = {"oauth2": {"client_secret": SECRET}, "btg_id": {"client_secret": SECRET}}
    secrets |= {"jwt_7519": {"body": '{"user": "USR_UNICO", "password": "senha1234"}'}}
    defaults = {"kind": kind, "name": f"Connection {next_number()}", "token_url": "https://as.example.com/token"}
    over["settings"] = settings.get(kind, {}) | over.get("settings", {})
    over["secrets"] = secrets.get(kind, {}) | over.get("secrets", {})
    return ConnectionValues(**defaults | over)


SECRET = "a-client-secret-of-forty-characters-long"


def make_connection(**over: Any) -> Any:
    """A connection as create_connection makes it. `over`: fields of ConnectionValues, and the participant."""
    from access.actors import Actor
    from connections.actions import create_connection

    participant = over.pop("participant", None) or make_participant()
    if over.get("kind") == "jwt_7523" and "key_pair" not in over:
        over["key_pair"] = make_key_pair(participant=participant)
    return create_connection(participant, values=connection_values(**over), by=Actor.system("factory"))


def make_upload(pair: Any = None, **over: Any) -> Any:
    """The two files of a key pair (tests.certificates.KeyPair), a self-signed one on P-256 by default."""
    from connections.key_pairs import Upload
    from tests.certificates import self_signed

    pair = pair or self_signed("client.example.com", kind="EC")
    files = {"certificate": pair.certificate.encode(), "private_key": pair.key.encode()}
    return Upload(**files | {"certificate_name": "client.crt", "private_key_name": "client.key"} | over)


def make_key_pair(pair: Any = None, **over: Any) -> Any:
    """A key pair as create_key_pair keeps it. `pair`: of tests.certificates; `over`: arguments of the action, or
    columns that are set past it."""
    from access.actors import Actor
    from connections.actions import create_key_pair
    from connections.models import KeyPair

    participant = over.pop("participant", None) or make_participant()
    given = {name: over.pop(name) for name in ("name", "shared") if name in over}
    given.setdefault("name", f"Key pair {next_number()}")
    made = create_key_pair(participant, upload=make_upload(pair), by=Actor.system("factory"), **given)
    if over:
        KeyPair.objects.filter(pk=made.pk).update(**over)
        made.refresh_from_db()
    return made


# --- webhooks ---------------------------------------------------------------------------------------------------


def webhook_values(**over: Any) -> Any:
    """Values that the actions accept. `products`: products or their uuids."""
    from webhooks.values import WebhookValues

    defaults = {"description": f"Webhook {next_number()}", "request_uri": "https://hook.example.com/in"}
    products = frozenset(getattr(product, "uuid", product) for product in over.pop("products", ()))
    return WebhookValues(**defaults | over, products=products)


def make_webhook(**over: Any) -> Any:
    """A webhook as create_webhook makes it. `over`: fields of WebhookValues, or columns that only the system sets."""
    from dataclasses import fields

    from access.actors import Actor
    from webhooks.actions import create_webhook
    from webhooks.models import Webhook
    from webhooks.values import WebhookValues

    participant = over.pop("participant", None) or make_participant()
    names = {field.name for field in fields(WebhookValues)}
    values = webhook_values(**{name: value for name, value in over.items() if name in names})
    webhook = create_webhook(participant, values=values, by=Actor.system("factory"))
    if columns := {name: value for name, value in over.items() if name not in names}:
        Webhook.objects.filter(pk=webhook.pk).update(**columns)
        webhook.refresh_from_db()
    return webhook


def make_webhooks(urls: Sequence[str], *, product: Any, **over: Any) -> list[Any]:
    """Many webhooks alike, one for each address, subscribed to `product`: in bulk, past the actions, because a
    thousand of them by `make_webhook` take a minute."""
    from webhooks.models import ProductSubscription, Webhook, WebhookVersion
    from webhooks.signing import generate_secret

    first = make_webhook(request_uri=urls[0], products=[product], **over)
    own = {"id", "uuid", "request_uri", "current_version", *first.get_deferred_fields()}
    names = [field.name for field in Webhook._meta.concrete_fields if field.name not in own]
    alike = {name: getattr(first, name) for name in names} | {"signing_secret": generate_secret()}
    rows = Webhook.objects.bulk_create(Webhook(**alike, request_uri=url) for url in urls[1:])
    ProductSubscription.objects.bulk_create(ProductSubscription(webhook=row, product=product) for row in rows)
    version = first.current_version
    kept = {"settings": version.settings, "secret_versions": version.secret_versions, "digest": version.digest}
    for made in WebhookVersion.objects.bulk_create(
        WebhookVersion(webhook=row, number=1, by="factory", **kept) for row in rows
    ):
        made.webhook.current_version = made
    Webhook.objects.bulk_update(rows, ["current_version"])
    return [first, *rows]


# --- dispatch ---------------------------------------------------------------------------------------------------


def make_event(*, publication: Any = None, **over: Any) -> Any:
    """An event as dispatch.actions.announce records it; with a publication, of that publication."""
    from django.utils import timezone

    from catalog.content import EVENT_TYPE, publication_payload
    from dispatch.actions import subject_of
    from dispatch.models import Event
    from dispatch.payloads import dump

    number = next_number()
    publication = publication or make_publication()
    fields = {
        "type": EVENT_TYPE,
        "source": f"factory {number}",
        "publication": publication,
        "subject": subject_of(publication.product),
        "occurred_at": timezone.now(),
        "payload": dump(publication_payload(publication)),
        "dedupe_key": f"event {number}",
    }
    return Event.objects.create(**fields | over)


def make_delivery(*, webhook: Any = None, event: Any = None, **over: Any) -> Any:
    """A delivery that is due now, with its webhook's lane and subscription."""
    from django.utils import timezone

    from dispatch.models import Delivery, Lane

    webhook, event = webhook or make_webhook(), event or make_event()
    Lane.objects.get_or_create(webhook=webhook)
    if event.publication:
        webhook.product_subscriptions.get_or_create(product=event.publication.product)
    now = timezone.now()
    return Delivery.objects.create(
        **{"webhook": webhook, "event": event, "subject": event.subject, "due_at": now, "created_at": now} | over
    )


def make_attempt(delivery: Any, outcome: str = "answered", **over: Any) -> Any:
    """The delivery's next attempt, closed unless its outcome is empty."""
    from django.utils import timezone

    from dispatch.models import Attempt

    now = timezone.now()
    values = {"number": delivery.attempts.count() + 1, "lease_token": uuid4(), "slot_at": now, "outcome": outcome}
    values |= {"finished_at": now if outcome else None}
    return Attempt.objects.create(delivery=delivery, webhook=delivery.webhook, **values | over)
