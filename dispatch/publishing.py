"""Publishing in two steps: a rehearsal that says who would be told, then the deed, once.

Between the steps the received file stays in storage; a signed reference on the page leads back to it. It is bound to
the person who uploaded it, and a publication's file is unique: however often the second step is sent, there is one.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from access.actors import Actor
from catalog.errors import FileRefused
from catalog.models import Product, Publication
from catalog.periods import Period, parse_period
from catalog.stored_files import ReceivedFile
from dispatch.actions import Published, publish_received
from dispatch.fan_out import webhooks_told_of
from webhooks.models import Webhook

_SALT = "dispatch.publishing"
# Well before the job takes a file without a publication away (catalog.orphans.GRACE).
_REFERENCE_SECONDS = 50 * 60
SHOWN = 100


@dataclass(frozen=True)
class Untold:
    """A webhook that asked for the product and hears nothing of it, and why."""

    webhook: Webhook
    reason: str


@dataclass(frozen=True)
class Rehearsal:
    """What publishing would come to. `same` is the version that already has this very file: then nothing happens."""

    period: Period
    version: int
    same: Publication | None
    webhooks: int
    participants: int
    told: Sequence[Webhook]
    untold_count: int
    untold: Sequence[Untold]


def rehearse(product: Product, *, period: str, received: ReceivedFile) -> Rehearsal:
    """Return what publishing this file now would come to. Raises PeriodRefused. A constant number of queries."""
    parsed = parse_period(period, product.periodicity, product.week_starts_on)
    newest = product.publications.filter(period=parsed.text).order_by("-version").first()
    same = newest if newest and newest.sha256 == received.sha256 and not newest.withdrawn else None
    told = webhooks_told_of(product)
    deaf = Webhook.objects.live().filter(product_subscriptions__product=product).exclude(pk__in=told.values("pk"))
    shown = deaf.select_related("participant").order_by("participant__name", "description", "pk")[:SHOWN]
    granted = set(
        product.grants.filter(participant__webhooks__in=deaf.values("pk")).values_list("participant", flat=True)
    )
    return Rehearsal(
        period=parsed,
        version=newest.version + 1 if newest else 1,
        same=same,
        webhooks=told.count(),
        participants=told.order_by().values("participant").distinct().count(),
        told=list(told.select_related("participant").order_by("participant__name", "description", "pk")[:SHOWN]),
        untold_count=deaf.count(),
        untold=[Untold(webhook, _why_untold(webhook, product, granted)) for webhook in shown],
    )


def _why_untold(webhook: Webhook, product: Product, granted: set[int]) -> str:
    if webhook.participant.blocked:
        return _("The participant is blocked.")
    if not webhook.active:
        return _("The webhook is inactive.")
    if not webhook.ready:
        return _("The webhook's authentication is incomplete.")
    if product.audience == "granted" and webhook.participant_id not in granted:
        return _("The participant is not in the product's audience.")
    return ""


def sign_reference(received: ReceivedFile, *, by: Actor) -> str:
    """Return a text for a hidden field that leads back to a received file, for this person only and for a while."""
    return signing.dumps({"user": _user(by), **asdict(received)}, salt=_SALT, compress=True)


def read_reference(text: str, *, by: Actor) -> ReceivedFile:
    """Return the received file of a reference. Raises FileRefused: file_gone when it's not (or no longer) there."""
    gone = FileRefused("file_gone", _("The received file is not there any more. Choose it again."))
    try:
        values: dict[str, Any] = signing.loads(text, salt=_SALT, max_age=_REFERENCE_SECONDS)
    except signing.BadSignature:
        raise gone from None
    if values.pop("user", None) != _user(by):
        raise gone
    return ReceivedFile(**values)


def publish_once(
    product: Product, *, period: str, received: ReceivedFile, publish_at: datetime | None, by: Actor
) -> Published:
    """Publish a received file. The second call with the same file answers what the first one made.

    Raises FileRefused, PeriodRefused or PublicationRefused.
    """
    made = Publication.objects.filter(file=received.stored_name).select_related("product").first()
    if made is not None:
        return Published(made, created=False, deliveries=0)
    if not default_storage.exists(received.stored_name):
        raise FileRefused("file_gone", _("The received file is not there any more. Choose it again."))
    return publish_received(product, period=period, received=received, publish_at=publish_at, by=by)


def _user(by: Actor) -> str:
    return str(by.user.uuid) if by.user else ""
