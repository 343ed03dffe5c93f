"""Webhooks by the thousand, for measuring an installation before anybody real uses it (`manage.py seed_load`).

Each is what `create_webhook` would have left: its own sealed signing secret, its first version, its subscription. They
are written in bulk, a chunk to a transaction, under names that follow from product and number, so a run that was cut
off is simply run again. One audit entry stands for a chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from access.actors import Actor
from access.audit import record
from access.cnpj import compute_check_digits
from access.models import Participant
from access.roles import ParticipantKind
from catalog.models import MacroProcess, Process, Product
from dispatch.models import Lane
from outbound.addresses import check_url
from outbound.masking import masked_url
from portal.environment import PRODUCTION
from webhooks.drafts import make_draft
from webhooks.errors import InvalidWebhook
from webhooks.models import ProductSubscription, Webhook, WebhookVersion
from webhooks.rules import find_problems
from webhooks.saving import fill_webhook
from webhooks.signing import generate_secret
from webhooks.values import WebhookValues
from webhooks.versions import PLAIN_FIELDS, compute_digest, describe, describe_secrets

PLACEHOLDER = "{n}"
PER_PARTICIPANT = 100
BY = "seed_load"
CHUNK = 1_000


class OtherAddress(ValueError):
    """A webhook of an earlier run calls another address than the one wanted now."""


@dataclass(frozen=True)
class Load:
    """What is wanted: webhooks 1 to `count`, subscribed to `product`, each at `url` with its number put in."""

    product: Product
    url: str
    count: int

    def uuid(self, number: int) -> UUID:
        return uuid5(NAMESPACE_URL, f"gancho:load:{self.product.uuid}:{number}")

    def address(self, number: int) -> str:
        return self.url.replace(PLACEHOLDER, str(number))

    def values(self, number: int) -> WebhookValues:
        description = f"Load test {self.product.code} {number}"
        return WebhookValues(description=description, request_uri=self.address(number))


def is_allowed() -> bool:
    """Invented participants and webhooks have no place among real ones."""
    return bool(settings.PORTAL_ENVIRONMENT != PRODUCTION)


def create_product(code: str) -> Product:
    """Return the product `code` of the catalogue's load test, made with its process."""
    macro, _ = MacroProcess.objects.get_or_create(code="LOAD", defaults={"name": "Load test"})
    process, _ = Process.objects.get_or_create(code="LOAD", defaults={"name": "Load test", "macro_process": macro})
    return Product.objects.create(code=code, name=f"Load test {code}", periodicity="daily", process=process)


def find_missing(load: Load) -> list[int]:
    """Return the numbers that have no webhook yet. Raises OtherAddress, Refused."""
    missing: list[int] = []
    for numbers in _chunks(range(1, load.count + 1)):
        wanted = {load.uuid(number): number for number in numbers}
        found = dict(Webhook.objects.filter(uuid__in=wanted).values_list("uuid", "request_uri"))
        for uuid, number in wanted.items():
            if uuid not in found:
                check_url(load.address(number))
                missing.append(number)
            elif found[uuid] != load.address(number):
                raise OtherAddress(masked_url(found[uuid]))
    return missing


def seed(load: Load, missing: list[int]) -> Iterator[int]:
    """Make the webhooks `missing`, chunk by chunk; yields how many there are after each. Raises InvalidWebhook."""
    made = load.count - len(missing)
    for numbers in _chunks(missing):
        with transaction.atomic():
            _make_chunk(load, numbers)
        made += len(numbers)
        yield made


def _chunks(numbers: range | list[int]) -> Iterator[range | list[int]]:
    return (numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK))


def _make_chunk(load: Load, numbers: range | list[int]) -> None:
    by, now = Actor.system(BY), timezone.now()
    owners = _find_owners({_owner_number(number) for number in numbers})
    _refuse_invalid(load, numbers[0], owners[_owner_number(numbers[0])])
    rows = [_build(load, number, owners[_owner_number(number)], now) for number in numbers]
    webhooks = _insert(rows)
    ProductSubscription.objects.bulk_create(ProductSubscription(webhook=row, product=load.product) for row in webhooks)
    _write_versions(webhooks)
    # Without a lane nothing is claimed; the fan-out would make them, and 100,000 at the first publication.
    Lane.objects.bulk_create((Lane(webhook=row) for row in webhooks), ignore_conflicts=True)
    after = {"first": numbers[0], "last": numbers[-1], "webhooks": len(webhooks), "request_uri": masked_url(load.url)}
    record(by=by, action="webhooks.load.seeded", obj=load.product, after=after)


def _refuse_invalid(load: Load, number: int, owner: Participant) -> None:
    """One for all: they differ in their number only, and every address has been looked at."""
    values = WebhookValues(
        description=load.values(number).description,
        request_uri=load.address(number),
        products=frozenset([load.product.uuid]),
    )
    if problems := find_problems(make_draft(values, None), owner):
        raise InvalidWebhook(problems)


def _owner_number(number: int) -> int:
    return (number - 1) // PER_PARTICIPANT + 1


def _find_owners(numbers: set[int]) -> dict[int, Participant]:
    """Return the invented participants of these numbers, made where they are missing."""
    cnpjs = {number: _cnpj(number) for number in sorted(numbers)}
    Participant.objects.bulk_create(
        (
            Participant(name=f"Load test participant {number}", cnpj=cnpj, kind=ParticipantKind.OTHER)
            for number, cnpj in cnpjs.items()
        ),
        ignore_conflicts=True,
    )
    found = {row.cnpj: row for row in Participant.objects.filter(cnpj__in=cnpjs.values())}
    return {number: found[cnpj] for number, cnpj in cnpjs.items()}


def _cnpj(number: int) -> str:
    base = f"LOAD{number:08d}"
    return base + compute_check_digits(base)


def _build(load: Load, number: int, owner: Participant, now: datetime) -> Webhook:
    webhook = Webhook(uuid=load.uuid(number), participant=owner, created_by=BY)
    webhook.signing_secret, webhook.signing_secret_set_at = generate_secret(), now
    fill_webhook(webhook, make_draft(load.values(number), None), now=now)
    return webhook


def _insert(webhooks: list[Webhook]) -> list[Webhook]:
    """Like bulk_create, which on PostgreSQL writes out a placeholder for each value of a model with sealed fields: more
    than half of the time that all this takes."""
    if connection.vendor != "postgresql":
        return Webhook.objects.bulk_create(webhooks)
    fields = [field for field in Webhook._meta.concrete_fields if not field.primary_key]
    columns = [[field.get_db_prep_save(field.pre_save(row, True), connection) for row in webhooks] for field in fields]
    names = ", ".join(f'"{field.column}"' for field in fields)
    arrays = ", ".join(f"%s::{(field.db_type(connection) or '').partition('(')[0]}[]" for field in fields)
    # Names only, taken from the model: every value is a parameter.
    sql = f'INSERT INTO "{Webhook._meta.db_table}" ({names}) SELECT * FROM unnest({arrays}) RETURNING id'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, columns)
        for row, (pk,) in zip(webhooks, cursor.fetchall(), strict=True):
            row.pk = pk
    return webhooks


def _write_versions(webhooks: list[Webhook]) -> None:
    # What the tables add (subscriptions, headers) is the same for all: asked once.
    common, secrets = describe(webhooks[0]), describe_secrets(webhooks[0])
    WebhookVersion.objects.bulk_create(_build_version(row, common, secrets) for row in webhooks)
    first = WebhookVersion.objects.filter(webhook=OuterRef("pk"), number=1).values("pk")
    Webhook.objects.filter(pk__in=[row.pk for row in webhooks]).update(current_version=Subquery(first))


def _build_version(webhook: Webhook, common: dict, secrets: dict) -> WebhookVersion:
    values = common | {name: getattr(webhook, name) for name in PLAIN_FIELDS}
    versions = secrets | {"signing": str(webhook.signing_secret_version)}
    digest = compute_digest(values, versions)
    return WebhookVersion(webhook=webhook, number=1, settings=values, secret_versions=versions, digest=digest, by=BY)
