"""What a form, a command or a program wants a webhook to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from connections.key_pairs import Upload
from connections.values import TokenHeader
from vault.kept import Kept
from webhooks.models import Backoff


@dataclass(frozen=True)
class HeaderValues:
    """One header. `uuid` names the stored header that it continues, whose value KEPT refers to."""

    name: str
    value: str | Kept = field(repr=False)
    secret: bool = True
    uuid: UUID | None = None


@dataclass(frozen=True)
class KeyPairValues:
    """A certificate with its key: a shared one of the participant, or one of the webhook's own, which is the upload or,
    without one, whatever is stored. Neither: none."""

    shared: UUID | None = None
    own: bool = False
    upload: Upload | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookValues:
    """All values of one webhook. Secrets are given by name; a name left out, like KEPT, leaves the stored value, and
    an empty text clears it. `event_types` None leaves those subscriptions alone.

    A method that sends a token takes its values from `auth_settings` and `auth_secrets` too, and from `token_headers`
    (of the token request only) and `auth_key_pair`; with a uuid as `connection` in the settings, from that shared one.
    `client_key_pair` is shown to the receiver while TLS is set up, with any method.

    `seen_version` is the version that the editor started from: a save is refused when somebody else saved meanwhile.
    `resume`: start a webhook that the system stopped (a new address does so too).
    """

    description: str
    request_uri: str
    active: bool = True
    notify_suspect_score: bool = False
    retry_interval_seconds: int = 300
    max_attempts: int = 5
    backoff: str = Backoff.FIXED
    rate_limit_count: int | None = None
    rate_limit_period_seconds: int | None = None
    body_format: str = "documented"
    auth_method: str = "none"
    auth_settings: Mapping[str, str] = field(default_factory=dict)
    auth_secrets: Mapping[str, str | Kept] = field(default_factory=dict, repr=False)
    token_headers: tuple[TokenHeader, ...] = ()
    auth_key_pair: KeyPairValues = KeyPairValues()
    client_key_pair: KeyPairValues = KeyPairValues()
    headers: tuple[HeaderValues, ...] = ()
    private_ca: str = ""
    products: frozenset[UUID] = frozenset()
    event_types: frozenset[str] | None = None
    seen_version: int | None = None
    resume: bool = False
