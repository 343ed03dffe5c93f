"""What the pages of connections ask of the floors above them, and what pages of webhooks show of their certificates."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from access import slots
from access.requests import PortalRequest
from connections.expiry import WARNED_FROM
from connections.models import Connection, KeyPair
from connections.pages.states import describe_key_pair
from connections.pages.users import Use, Uses
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import Webhook

# Where the answer for a whole page waits, so that a list asks the database once and not once a row.
_EXPIRING = "_portal_expiring_certificates"


def fill() -> None:
    slots.fill("connection_uses", connection_uses)
    slots.fill("key_pair_uses", key_pair_uses)
    slots.fill("token_diagnosis", token_diagnosis)
    slots.fill("webhook_certificate_warning", webhook_certificate_warning)
    slots.fill("webhook_row_warning", webhook_row_warning)


def token_diagnosis(*, code: str) -> Any:
    return DIAGNOSES.get(code)


def connection_uses(request: HttpRequest, *, connections: Sequence[Connection]) -> Uses:
    found: Uses = {}
    for webhook in _live(Q(connection__in=connections)):
        assert webhook.connection_id is not None
        found.setdefault(webhook.connection_id, []).append(_use(webhook))
    return found


def key_pair_uses(request: HttpRequest, *, key_pairs: Sequence[KeyPair]) -> Uses:
    """Webhooks that show the certificate to their receivers, and those whose own connection signs with its key."""
    found: Uses = {}
    wanted = {key_pair.pk for key_pair in key_pairs}
    for webhook, key_pair_id in _pairs_of(_live(_using(key_pairs))):
        if key_pair_id in wanted and not _shares(webhook, key_pair_id):
            found.setdefault(key_pair_id, []).append(_use(webhook))
    return found


def webhook_certificate_warning(request: HttpRequest, *, webhook: Webhook) -> SafeString | None:
    return _render(request, webhook, "portal/_certificate_warning.html")


def webhook_row_warning(request: HttpRequest, *, webhook: Webhook) -> SafeString | None:
    return _render(request, webhook, "portal/_certificate_warning_row.html")


def _render(request: HttpRequest, webhook: Webhook, template: str) -> SafeString | None:
    # Most webhooks have neither, and their pages need not ask.
    if webhook.connection_id is None and webhook.client_key_pair_id is None:
        return None
    expiring, now = _expiring(request).get(webhook.pk), timezone.now()
    if not expiring:
        return None
    worst = min(expiring, key=lambda key_pair: key_pair.not_after)
    return render_to_string(template, {"key_pair": worst, "state": describe_key_pair(worst, now)}, request=request)


def _expiring(request: HttpRequest) -> dict[int, list[KeyPair]]:
    """The certificates of the reader's webhooks that end soon or have ended, by webhook."""
    if not hasattr(request, _EXPIRING):
        mine = KeyPair.objects.for_actor(cast(PortalRequest, request).actor)
        soon = {each.pk: each for each in mine.expiring_before(timezone.now() + WARNED_FROM).defer("private_key")}
        found: dict[int, list[KeyPair]] = {}
        for webhook, key_pair_id in _pairs_of(_live(_using(soon.values()))) if soon else ():
            if key_pair_id in soon:
                found.setdefault(webhook.pk, []).append(soon[key_pair_id])
        setattr(request, _EXPIRING, found)
    return cast(dict[int, list[KeyPair]], getattr(request, _EXPIRING))


def _using(key_pairs: Iterable[KeyPair]) -> Q:
    pairs = list(key_pairs)
    return Q(client_key_pair__in=pairs) | Q(connection__key_pair__in=pairs)


def _live(condition: Q) -> Iterable[Webhook]:
    shown = ("uuid", "description", "client_key_pair", "connection__key_pair", "connection__shared")
    found = Webhook.objects.live().filter(condition).select_related("connection").only(*shown)
    return list(found.order_by("description", "pk"))


def _pairs_of(webhooks: Iterable[Webhook]) -> Iterable[tuple[Webhook, int]]:
    for webhook in webhooks:
        ids = {webhook.client_key_pair_id, webhook.connection.key_pair_id if webhook.connection else None}
        yield from ((webhook, key_pair_id) for key_pair_id in ids if key_pair_id)


def _shares(webhook: Webhook, key_pair_id: int) -> bool:
    """Whether it has the key pair only by a shared connection, which is named instead."""
    connection = webhook.connection
    return webhook.client_key_pair_id != key_pair_id and connection is not None and connection.shared


def _use(webhook: Webhook) -> Use:
    return Use(webhook.description, reverse("dispatch:webhook-detail", args=[webhook.uuid]))
