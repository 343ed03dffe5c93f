"""What the database can't know: that every stored method and format still has its module, and every tag its key."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError
from django.db.models import Q

from vault.errors import UnreadableSecret
from webhooks.auth.registry import METHODS
from webhooks.formats import FORMATS
from webhooks.models import Webhook, WebhookHeader
from webhooks.tags import has_tags

NAMED = 20


@checks.register(checks.Tags.database)
def check_registered_names(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Runs with `check --database default` and with every migrate; quiet before the table exists."""
    if not databases:
        return []
    try:
        methods = set(Webhook.objects.order_by().values_list("auth_method", flat=True).distinct())
        formats = set(Webhook.objects.order_by().values_list("body_format", flat=True).distinct())
    except DatabaseError:
        return []
    return [
        *(_unknown("authentication method", name, "webhooks.E001") for name in sorted(methods - METHODS.keys())),
        *(_unknown("body format", name, "webhooks.E002") for name in sorted(formats - FORMATS.keys())),
    ]


def _unknown(what: str, name: str, check_id: str) -> checks.Error:
    hint = "Install the release that has it. Until then these webhooks fail with a configuration error."
    message = f"Webhooks are stored with the {what} {name!r}, which this release does not have."
    return checks.Error(message, hint, id=check_id)


@checks.register(checks.Tags.database)
def check_tags_have_keys(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Name the webhooks that were stored before tags were filled in, and have one in a header without a key for it."""
    if not databases:
        return []
    try:
        found = sorted({str(header.webhook.uuid) for header in _headers_without_key() if _has_tags(header)})
    except DatabaseError:
        return []
    if not found:
        return []
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    message = f"Webhooks have a tag in a header and no key to fill it in with: {', '.join(found[:NAMED])}{more}."
    hint = (
        "Nothing is sent to them but a configuration error. Let their participants write another value than "
        "{{signature}}, {{nonce}}, {{timestamp}} or {{algorithm}}, or choose an authentication with a certificate."
    )
    return [checks.Warning(message, hint, id="webhooks.W003")]


def _headers_without_key() -> Iterator[WebhookHeader]:
    keyless = Q(webhook__connection__isnull=True) | Q(webhook__connection__key_pair__isnull=True)
    perhaps = Q(secret=True) | Q(value__contains="{{")
    rows = WebhookHeader.objects.filter(keyless, perhaps, webhook__in=Webhook.objects.live())
    return rows.select_related("webhook").iterator()


def _has_tags(header: WebhookHeader) -> bool:
    try:
        return has_tags(header.sealed_value if header.secret else header.value)
    except UnreadableSecret:
        return False
