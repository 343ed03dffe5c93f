"""Where the token of a webhook is to come from, as a form wants it: a shared connection, or values of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from access.models import Participant
from connections.drafts import ConnectionDraft, again_problems, make_draft
from connections.kinds.field import KEY_PAIR, URL
from connections.kinds.kind import Draft as KindDraft
from connections.kinds.kind import Kind
from connections.models import Connection
from connections.tokens import TokenSource, source_of
from connections.values import ConnectionValues
from outbound.masking import masked_url
from webhooks.auth.connected import CONNECTION, PRIVATE_CA, ConnectionMethod
from webhooks.errors import Problem
from webhooks.key_drafts import KeyPairDraft, make_key_pair_draft
from webhooks.models import Webhook
from webhooks.stored import read_stored_auth
from webhooks.values import WebhookValues


@dataclass(frozen=True, repr=False)
class TokenDraft:
    """`shared`: the connection that was chosen; `missing`: one was chosen that is not there. Otherwise `own`: the
    connection that belongs to the webhook, as it would be stored, and the `key_pair` that it is to have."""

    participant_id: int
    kind: Kind
    own: ConnectionDraft
    key_pair: KeyPairDraft
    shared: Connection | None = None
    missing: bool = False

    def problems(self) -> Iterator[Problem]:
        if self.missing:
            message = _("This connection is no longer available. Choose another one.")
            yield Problem(f"auth.{CONNECTION}", "connection_unknown", message)
        elif self.shared is None:
            yield from self._own_problems()

    def _own_problems(self) -> Iterator[Problem]:
        for refusal in self.key_pair.problems:
            yield Problem(f"auth.{KEY_PAIR}.{refusal.field}", refusal.code, refusal.message)
        judged = KindDraft(
            token_url=self.own.token_url,
            settings=self.own.settings,
            secrets=self.own.secrets,
            headers=self.own.headers,
            # One that was refused has its own message.
            has_key=bool(self.key_pair or self.key_pair.problems),
            private_ca=self.own.private_ca,
        )
        for refusal in (*again_problems(self.own), *self.kind.problems(judged)):
            yield Problem(f"auth.{refusal.field}", refusal.code, refusal.message)

    def audited(self) -> dict[str, str]:
        """Return where it asks for a token, as the audit trail keeps it."""
        connection = self.shared or self.own.connection
        address = masked_url(self.shared.token_url if self.shared else self.own.token_url)
        return {"token_url": address} | ({"connection": str(connection.uuid)} if connection else {})

    def source(self) -> TokenSource:
        """Return where to get a token with these values, for a draft without problems. Raises CannotUse."""
        if self.shared:
            return source_of(self.shared)
        return TokenSource(
            connection_id=None,
            participant_id=self.participant_id,
            credential_version=None,
            kind=self.kind.name,
            token_url=self.own.token_url,
            settings=self.own.settings,
            secrets=self.own.secrets,
            key_pair=self.key_pair.material,
            private_ca=self.own.private_ca,
        )


def make_token_draft(
    values: WebhookValues, method: ConnectionMethod, webhook: Webhook | None, participant: Participant | None
) -> TokenDraft:
    """Fill in what is kept. Somebody else's shared connection is not found, and so it is missing."""
    stored = read_stored_auth(webhook, method.name)
    kind = method.kind_of(values.auth_settings)
    own = make_draft(_own_values(values, kind), stored.own)
    chosen = values.auth_settings.get(CONNECTION, "")
    shared = _find_shared(chosen, method, participant) if chosen else None
    key_pair = make_key_pair_draft(values.auth_key_pair, stored.key_pair, participant)
    asked = any(field.widget == KEY_PAIR and field.is_shown(own.settings) for field in kind.fields)
    return TokenDraft(
        participant_id=participant.pk if participant else 0,
        kind=kind,
        own=own,
        key_pair=key_pair if asked and not chosen else KeyPairDraft(),
        shared=shared,
        missing=bool(chosen) and shared is None,
    )


def _own_values(values: WebhookValues, kind: Kind) -> ConnectionValues:
    address = next((field.name for field in kind.fields if field.widget == URL), "")
    return ConnectionValues(
        kind=kind.name,
        name="",
        shared=False,
        token_url=values.auth_settings.get(address, ""),
        settings=values.auth_settings,
        secrets=values.auth_secrets,
        headers=values.token_headers,
        private_ca=values.auth_settings.get(PRIVATE_CA, ""),
    )


def _find_shared(uuid: str, method: ConnectionMethod, participant: Participant | None) -> Connection | None:
    try:
        wanted = UUID(uuid)
    except ValueError:
        return None
    mine = Connection.objects.live().shared().filter(participant=participant, kind__in=method.kinds)
    found: Connection | None = mine.select_related("key_pair").filter(uuid=wanted).first()
    return found
