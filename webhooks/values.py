"""What a form, a command or a program wants a webhook to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from vault.kept import Kept
from webhooks.models import Backoff


@dataclass(frozen=True)
class HeaderValues:
    """One header. `uuid` names the stored header that it continues, whose value KEPT refers to."""

    name: str
    value: str | Kept = field(repr=False)
    secret: bool = True
    uuid: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookValues:
    """All values of one webhook. Secrets are given by name; a name left out, like KEPT, leaves the stored value, and
    an empty text clears it. `event_types` None leaves those subscriptions alone.

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
    headers: tuple[HeaderValues, ...] = ()
    private_ca: str = ""
    products: frozenset[UUID] = frozenset()
    event_types: frozenset[str] | None = None
    seen_version: int | None = None
    resume: bool = False
