"""The verbs of dispatch: publish, announce, withdraw, send again, hold and cancel what waits."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.core.files import File
from django.db import InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from access.actors import Actor
from access.audit import record
from access.errors import ActionError
from catalog import actions as catalog
from catalog.content import EVENT_TYPE, publication_payload
from catalog.models import Product, Publication
from catalog.stored_files import ReceivedFile
from dispatch import clock, statuses
from dispatch.errors import SendingRefused
from dispatch.fan_out import fan_out, webhooks_told_of
from dispatch.models import Delivery, Event, Reason, State
from dispatch.models.deliveries import PRODUCT_SUBJECT
from dispatch.payloads import dump
from dispatch.querysets import DeliveryQuerySet
from dispatch.wakeup import wake_dispatchers

logger = structlog.get_logger(__name__)

# SQLite takes 32,766 parameters in a statement where it was not built for more.
CHUNK = 5_000


@dataclass(frozen=True)
class Published:
    """What publishing came to. `created` is False when the same file was already that period's newest version."""

    publication: Publication
    created: bool
    deliveries: int


def publish(
    product: Product, *, period: str, upload: File | None, by: Actor, publish_at: datetime | None = None
) -> Published:
    """Publish a file for a period of a product, now or at `publish_at`, and tell the subscribed webhooks.

    The file is in storage before the transaction; publication, event and deliveries are one. Raises FileRefused,
    PeriodRefused or PublicationRefused; then nothing is published and the received file is removed.
    """
    received = catalog.receive_file(upload)
    try:
        return publish_received(product, period=period, received=received, publish_at=publish_at, by=by)
    except ActionError:
        # Refused: no row has it. After any other failure the commit may have gone through; the job clears the rest.
        catalog.discard_file(received)
        raise


def publish_received(
    product: Product, *, period: str, received: ReceivedFile, by: Actor, publish_at: datetime | None = None
) -> Published:
    """Publish a file that is in storage already. When refused, the file stays there for the caller to try again."""
    with transaction.atomic():
        stored = catalog.store_publication(product, period=period, received=received, publish_at=publish_at, by=by)
        announced = stored.created and stored.publication.published_at is not None
        deliveries = announce(stored.publication, by=by) if announced else 0
    return Published(stored.publication, stored.created, deliveries)


def announce(publication: Publication, *, by: Actor) -> int:
    """Record the event of a publication that is out and write its deliveries; return how many.

    Belongs in the transaction that made the publication public.
    """
    now = clock.now()
    event = Event.objects.create(
        type=EVENT_TYPE,
        source="catalog",
        publication=publication,
        subject=subject_of(publication.product),
        occurred_at=publication.published_at or now,
        payload=dump(publication_payload(publication)),
        dedupe_key=f"publication:{publication.uuid}",
    )
    made = fan_out(event, webhooks_told_of(publication.product), now=now, by=by.label)
    wake_dispatchers()
    return made


def release_due_publications(*, now: datetime) -> int:
    """Let embargoes end whose time has come, each in a transaction of its own; return how many this call released.

    One that can't be announced is tried again a second later, and keeps neither the others nor the sending waiting.
    """
    released = 0
    for publication in catalog.due_publications(now):
        try:
            released += _release(publication, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("dispatch.release_failed", publication=str(publication.uuid))
    return released


def _release(publication: Publication, now: datetime) -> bool:
    by = Actor.system(gettext_noop("dispatcher"))
    with transaction.atomic():
        # Two dispatchers look at the same moment; the conditional update inside lets one of them through.
        if not catalog.release_publication(publication, now=now, by=by):
            return False
        announce(publication, by=by)
    return True


def next_embargo_end(now: datetime) -> datetime | None:
    """Return when the next embargo ends that has not ended yet."""
    coming = Publication.objects.embargoed().filter(publish_at__gt=now).order_by("publish_at")
    return coming.values_list("publish_at", flat=True).first()


def withdraw(publication: Publication, *, reason: str, by: Actor) -> int:
    """Take a publication back and cancel what still waits to tell of it; return how many were cancelled.

    A delivery in flight at this moment ends by itself: sent, or cancelled by the claim of its next attempt.
    """
    with transaction.atomic():
        catalog.withdraw_publication(publication, reason=reason, by=by)
        waiting = Delivery.objects.filter(event__publication=publication).open().unleased()
        return cancel(waiting, reason=Reason.WITHDRAWN)


def cancel(deliveries: DeliveryQuerySet, *, reason: str) -> int:
    """Cancel open, unleased deliveries; products' statuses fall back to the delivery before. Needs a transaction."""
    now, changed = clock.now(), 0
    for chunk in _batched(sorted(deliveries.open().unleased().values_list("pk", flat=True)), CHUNK):
        lock_deliveries({*chunk, *statuses.find_before(chunk).values()})
        ids = list(Delivery.objects.filter(pk__in=chunk).open().unleased().values_list("pk", flat=True))
        changed += Delivery.objects.filter(pk__in=ids).update(
            state=State.CANCELLED, reason=reason, due_at=None, lease_token=None, finished_at=now
        )
        statuses.follow(ids, State.CANCELLED, now=now)
    return changed


def hold(deliveries: DeliveryQuerySet, *, reason: str) -> int:
    """Take waiting, unleased deliveries out of the claims until somebody decides about them. Needs a transaction."""
    now, changed = clock.now(), 0
    for chunk in _batched(sorted(deliveries.waiting().unleased().values_list("pk", flat=True)), CHUNK):
        lock_deliveries(chunk)
        ids = list(Delivery.objects.filter(pk__in=chunk).waiting().unleased().values_list("pk", flat=True))
        changed += Delivery.objects.filter(pk__in=ids).update(state=State.HELD, reason=reason, due_at=None)
        statuses.follow(ids, State.HELD, now=now)
    return changed


def lock_deliveries(ids: Collection[int]) -> None:
    """Lock these rows in the order in which everybody does; what they hold is read after that."""
    list(Delivery.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _batched(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def stop_delivery(delivery: Delivery, *, by: Actor) -> None:
    """Cancel one delivery at a person's wish. Raises SendingRefused when it is being sent or at an end."""
    with transaction.atomic():
        if not cancel(Delivery.objects.filter(pk=delivery.pk), reason=Reason.STOPPED_BY_USER):
            raise SendingRefused("not_waiting", _("This notification is not waiting any more."))
        record(by=by, action="dispatch.delivery.stopped", obj=delivery, after={"state": State.CANCELLED})


def subject_of(product: Product) -> str:
    """The subject of everything that is sent about a product."""
    return f"{PRODUCT_SUBJECT}{product.uuid}"
