"""The connections and key pairs of webhooks: their own ones written and let go, shared ones heard of.

Locks, in this order: key pairs, connections, the webhook. Whoever changes a connection that webhooks share takes them
so too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Q

from access.actors import Actor
from access.models import Participant
from connections import actions
from connections.errors import Invalid
from connections.models import Connection, KeyPair
from webhooks.auth.connected import CONNECTION
from webhooks.drafts import Draft
from webhooks.errors import InvalidWebhook, Problem
from webhooks.key_drafts import KeyPairDraft
from webhooks.models import Webhook
from webhooks.token_drafts import TokenDraft
from webhooks.values import WebhookValues
from webhooks.versions import record_version


def lock_credentials(values: WebhookValues, participant: Participant, webhook: Webhook | None) -> None:
    """Lock what these values point to and what the webhook owns, so that nobody archives it before they are saved."""
    chosen = {values.auth_key_pair.shared, values.client_key_pair.shared} - {None}
    wanted = Q(uuid__in=chosen) | _own_key_pairs(webhook) if webhook else Q(uuid__in=chosen)
    list(_locked(KeyPair, wanted, participant))
    wanted = Q(uuid__in=_uuids(values.auth_settings.get(CONNECTION, "")))
    if webhook is not None:
        wanted |= Q(webhooks=webhook, shared=False)
    list(_locked(Connection, wanted, participant))


def lock_owned(webhook: Webhook) -> None:
    """Lock what the webhook owns before the webhook itself is locked."""
    list(_locked(KeyPair, _own_key_pairs(webhook), webhook.participant))
    list(_locked(Connection, Q(webhooks=webhook, shared=False), webhook.participant))


def _own_key_pairs(webhook: Webhook) -> Q:
    """Those that belong to this webhook alone. Without joins: only the key pairs are to be locked."""
    of_connection = Connection.objects.filter(webhooks=webhook, shared=False).values("key_pair")
    of_client = Webhook.objects.filter(pk=webhook.pk).values("client_key_pair")
    return Q(shared=False) & (Q(pk__in=of_connection) | Q(pk__in=of_client))


def _locked(model: Any, wanted: Q, participant: Participant) -> Any:
    rows = model.objects.filter(wanted, participant=participant).order_by("pk")
    return rows.select_for_update(of=("self",), no_key=True)


def _uuids(text: str) -> Iterator[UUID]:
    try:
        yield UUID(text)
    except ValueError:
        return


def write_credentials(webhook: Webhook, draft: Draft, *, by: Actor) -> list[Connection | KeyPair]:
    """Point the row, not yet saved, to what the draft wants, and write what belongs to it alone. Return what it owned
    and no longer uses: `let_go` erases that once the row is saved. Raises InvalidWebhook."""
    before = set(_owned(webhook))
    name = draft.values.description.strip()
    try:
        webhook.connection = _write_connection(webhook, draft.token, name, by) if draft.token else None
    except Invalid as invalid:
        raise InvalidWebhook(replace_fields(invalid, "auth")) from None
    try:
        webhook.client_key_pair = _write_key_pair(webhook, draft.client_key_pair, name, by)
    except Invalid as invalid:
        raise InvalidWebhook(replace_fields(invalid, "client_key_pair")) from None
    return sorted(before - set(_owned(webhook)), key=lambda row: isinstance(row, KeyPair))


def release_credentials(webhook: Webhook) -> list[Connection | KeyPair]:
    """Take what it owns from the row, not yet saved, and return it for `let_go`. What is shared stays."""
    left = list(_owned(webhook))
    if webhook.connection in left:
        webhook.connection = None
    if webhook.client_key_pair in left:
        webhook.client_key_pair = None
    return sorted(left, key=lambda row: isinstance(row, KeyPair))


def replace_fields(invalid: Invalid, place: str) -> list[Problem]:
    """Return what a floor below refused, each under the name of its field here."""
    return [Problem(f"{place}.{refusal.field}", refusal.code, refusal.message) for refusal in invalid.problems]


def _write_connection(webhook: Webhook, token: TokenDraft, name: str, by: Actor) -> Connection:
    if token.shared:
        return token.shared
    own = webhook.connection if webhook.connection and not webhook.connection.shared else None
    values = replace(token.own.values, name=name, key_pair=_write_key_pair(webhook, token.key_pair, name, by))
    if own is None:
        return actions.create_connection(webhook.participant, values=values, by=by)
    return actions.update_connection(own, values=values, by=by)


def _write_key_pair(webhook: Webhook, wanted: KeyPairDraft, name: str, by: Actor) -> KeyPair | None:
    if wanted.upload is None:
        return wanted.stored
    return actions.create_key_pair(webhook.participant, name=name, upload=wanted.upload, by=by, shared=False)


def _owned(webhook: Webhook) -> Iterator[Connection | KeyPair]:
    """What belongs to this webhook alone."""
    connection = webhook.connection
    rows = [connection, webhook.client_key_pair]
    if connection is not None and not connection.shared:
        rows.append(connection.key_pair)
    return (row for row in rows if row is not None and not row.shared)


def let_go(rows: Iterable[Connection | KeyPair], *, by: Actor) -> None:
    """Archive what nothing points to any more, which forgets its secrets: connections first, then their key pairs."""
    for row in rows:
        if isinstance(row, Connection):
            actions.archive_connection(row, by=by)
        else:
            actions.archive_key_pair(row, by=by)


def find_users(row: Connection | KeyPair) -> Iterable[str]:
    """Return the descriptions of the webhooks that use it. Archived ones send nothing, and don't count."""
    using = Q(connection=row) if isinstance(row, Connection) else Q(client_key_pair=row)
    return Webhook.objects.live().filter(using).order_by("description", "pk").values_list("description", flat=True)


def hear_of_changed_credentials(
    sender: type, *, connections: list[int], key_pairs: list[int], by: Actor, **kwargs: Any
) -> None:
    """Give every webhook that uses one of them a new version, which the plans of senders are kept under: the next
    attempt uses the new credentials. A webhook's own connection is changed by saving the webhook, which does so."""
    using = Q(connection__in=connections, connection__shared=True)
    using |= Q(connection__key_pair__in=key_pairs) | Q(client_key_pair__in=key_pairs)
    rows = (
        Webhook.objects.live()
        .filter(using)
        .select_related("current_version", "connection__key_pair", "client_key_pair")
    )
    for webhook in rows.select_for_update(of=("self",), no_key=True).order_by("pk"):
        record_version(webhook, by=by.label)
