"""Writing a judged draft into a webhook's rows. Called by the actions, inside their transaction."""

from datetime import datetime
from uuid import UUID, uuid4

from django.db.models import Q

from catalog.models import Product
from vault.errors import UnreadableSecret
from vault.sealed_json import to_json
from webhooks.drafts import Draft, DraftHeader
from webhooks.models import EventTypeSubscription, ProductSubscription, Webhook, WebhookHeader
from webhooks.stored import read_stored_auth

COPIED = (
    "request_uri",
    "active",
    "notify_suspect_score",
    "retry_interval_seconds",
    "max_attempts",
    "backoff",
    "rate_limit_count",
    "rate_limit_period_seconds",
    "body_format",
    "auth_method",
)


def fill_webhook(webhook: Webhook, draft: Draft, *, now: datetime) -> None:
    """Copy the draft's values to the row, not yet saved. A secret gets a new version only when it differs."""
    stored = to_json(read_stored_auth(webhook, draft.values.auth_method).secrets)
    webhook.description = draft.values.description.strip()
    for name in COPIED:
        setattr(webhook, name, getattr(draft.values, name))
    # A browser sends other line ends than a program: the same text must not become another version.
    webhook.private_ca = draft.values.private_ca.replace("\r\n", "\n").strip()
    webhook.auth_settings = dict(draft.auth_settings)
    webhook.ready = draft.method is not None and not any(draft.auth_problems())
    secrets = to_json(draft.auth_secrets)
    if not secrets:
        webhook.auth_secrets, webhook.auth_secrets_version, webhook.auth_secrets_set_at = "", None, None
    elif secrets != stored or webhook.auth_secrets_version is None:
        webhook.auth_secrets, webhook.auth_secrets_version, webhook.auth_secrets_set_at = secrets, uuid4(), now


def write_headers(webhook: Webhook, headers: tuple[DraftHeader, ...], *, now: datetime) -> None:
    """Replace the rows. They keep their uuids, so kept secrets stay sealed as they are; written anew in one go, two
    headers may swap their names without meeting each other half-way."""
    rows = [_header_row(webhook, header, position, now) for position, header in enumerate(headers)]
    webhook.headers.all().delete()
    WebhookHeader.objects.bulk_create(rows)


def _header_row(webhook: Webhook, header: DraftHeader, position: int, now: datetime) -> WebhookHeader:
    row = WebhookHeader(webhook=webhook, position=position, name=header.name, secret=header.secret)
    if header.stored:
        row.uuid = header.stored.uuid
    if not header.secret:
        row.value = header.value
        return row
    row.sealed_value = header.value
    row.secret_version, row.secret_set_at = uuid4(), now
    if header.stored and header.stored.secret and _same_secret(header.stored, header.value):
        row.secret_version, row.secret_set_at = header.stored.secret_version, header.stored.secret_set_at
    return row


def _same_secret(stored: WebhookHeader, value: str) -> bool:
    try:
        return stored.sealed_value == value
    except UnreadableSecret:
        return False


def write_products(webhook: Webhook, uuids: frozenset[UUID]) -> None:
    """Make the subscriptions equal to the choice, among the products that the participant can see: one that it can't
    see was not offered, so leaving it out was no choice."""
    visible = Product.objects.visible_to(webhook.participant)
    wanted = set(visible.filter(uuid__in=uuids).values_list("pk", flat=True))
    mine = ProductSubscription.objects.filter(webhook=webhook)
    mine.filter(product__in=visible.values("pk")).exclude(product__in=wanted).delete()
    missing = wanted - set(mine.values_list("product_id", flat=True))
    ProductSubscription.objects.bulk_create(
        ProductSubscription(webhook=webhook, product_id=product) for product in sorted(missing)
    )


def write_event_types(webhook: Webhook, names: frozenset[str] | None) -> None:
    if names is None:
        return
    mine = EventTypeSubscription.objects.filter(webhook=webhook)
    mine.filter(~Q(event_type__in=names)).delete()
    missing = names - set(mine.values_list("event_type", flat=True))
    EventTypeSubscription.objects.bulk_create(
        EventTypeSubscription(webhook=webhook, event_type=name) for name in sorted(missing)
    )
