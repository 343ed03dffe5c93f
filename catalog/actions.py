"""What is done with publications: take in the file, store, release, withdraw, count a download."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actors import Actor
from access.audit import record
from catalog.errors import FileRefused, PublicationRefused
from catalog.models import Download, Product, Publication
from catalog.periods import Period, parse_period
from catalog.querysets import PublicationQuerySet
from catalog.stored_files import ReceivedFile, store_measured

log = structlog.get_logger(__name__)

# Every round that fails means that another publisher of the same period committed in between.
_ROUNDS = 10
_LONGEST_LABEL = 200
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Stored:
    """What became of a file: its publication, and whether it was made now or is the one that was there already."""

    publication: Publication
    created: bool


def receive_file(upload: File | None) -> ReceivedFile:
    """Stream an upload into storage; call it before the transaction that stores the publication.

    Raises FileRefused: file_missing, file_empty, file_too_large, file_not_stored. What is received and never stored is
    removed by `discard_file`, or after an hour by the job.
    """
    if upload is None:
        raise FileRefused("file_missing", _("Choose a file."))
    try:
        return store_measured(upload, limit=settings.PORTAL_MAX_FILE_BYTES)
    except OSError as error:
        log.exception("uploaded file not stored")
        message = _(
            "The file could not be stored. Nothing was published; try again, and tell operations if it stays so."
        )
        raise FileRefused("file_not_stored", message) from error


def discard_file(received: ReceivedFile) -> None:
    """Remove a received file that no publication has taken; one that was taken stays."""
    if not Publication.objects.filter(file=received.stored_name).exists():
        default_storage.delete(received.stored_name)


def store_publication(
    product: Product, *, period: str, received: ReceivedFile, by: Actor, publish_at: datetime | None = None
) -> Stored:
    """Make the next version of the product's period from a received file, out now or embargoed until `publish_at`.

    The same bytes as the period's newest version make no new one: that version is returned with created=False, and the
    received file is removed at commit. A withdrawn version doesn't count as the same: publishing its bytes again makes
    a new one. Raises PeriodRefused or PublicationRefused. Makes no event.
    """
    if not product.active:
        raise PublicationRefused("product_inactive", _("This product is inactive: it can't be published."))
    parsed = parse_period(period, product.periodicity, product.week_starts_on)
    # Inside the caller's transaction a place to go back to would be two statements for nothing.
    with transaction.atomic(savepoint=False):
        for _round in range(_ROUNDS):
            newest = product.publications.filter(period=parsed.text).order_by("-version").first()
            if newest and newest.sha256 == received.sha256 and not newest.withdrawn:
                transaction.on_commit(lambda: discard_file(received))
                return Stored(newest, created=False)
            publication = _build_publication(product, parsed, received, publish_at)
            publication.version = newest.version + 1 if newest else 1
            publication.created_by = by.label[:_LONGEST_LABEL]
            if _inserted(publication):
                _record(publication, "catalog.publication.created", by)
                return Stored(publication, created=True)
    raise PublicationRefused("period_busy", _("Others are publishing this period right now. Try again."))


def due_publications(now: datetime) -> PublicationQuerySet:
    """Embargoed publications whose time has come, to be released one by one."""
    return Publication.objects.due(now).select_related("product")


def release_publication(publication: Publication, *, now: datetime, by: Actor) -> bool:
    """End the embargo if it is over. False when somebody else has released or withdrawn it first."""
    with transaction.atomic():
        # Conditions on the row alone: PostgreSQL looks at these again once it has waited for another transaction's
        # update, but not at those of a joined table, and then two dispatchers would both release.
        due = Publication.objects.embargoed().filter(pk=publication.pk, publish_at__lte=now)
        if not due.update(published_at=now):
            return False
        publication.published_at = now
        _record(publication, "catalog.publication.released", by)
    return True


def withdraw_publication(publication: Publication, *, reason: str, by: Actor) -> None:
    """Take a publication back: from now on link and download answer 404. Embargoed ones never go out.

    Raises PublicationRefused: reason_missing, reason_too_long, already_withdrawn. Deliveries are the caller's business.
    """
    reason = _checked_reason(reason)
    stamp = {
        "withdrawn_at": timezone.now(),
        "withdrawn_reason": reason,
        "withdrawn_by": by.label[:_LONGEST_LABEL] or by.source,
    }
    with transaction.atomic():
        if not Publication.objects.filter(pk=publication.pk, withdrawn_at__isnull=True).update(**stamp):
            raise PublicationRefused("already_withdrawn", _("This publication is withdrawn already."))
        for field, value in stamp.items():
            setattr(publication, field, value)
        record(by=by, action="catalog.publication.withdrawn", obj=publication, after={"reason": reason})


def count_download(publication: Publication, *, delivery_uuid: UUID) -> None:
    """Add one to the downloads by this link. A failure is logged only: nobody's download waits for a counter."""
    now = timezone.now()
    row = Download.objects.filter(publication=publication, delivery_uuid=delivery_uuid)
    try:
        if row.update(count=F("count") + 1, last_at=now):
            return
        try:
            with transaction.atomic():
                Download.objects.create(publication=publication, delivery_uuid=delivery_uuid, first_at=now, last_at=now)
        except IntegrityError:  # the other one of two parallel first downloads was quicker
            row.update(count=F("count") + 1, last_at=now)
    except DatabaseError:
        log.exception("download not counted", publication=str(publication.uuid))


def _build_publication(
    product: Product, period: Period, received: ReceivedFile, publish_at: datetime | None
) -> Publication:
    now = timezone.now()
    return Publication(
        product=product,
        period=period.text,
        period_start=period.start,
        period_end=period.end,
        file=received.stored_name,
        file_name=received.file_name,
        content_type=received.content_type,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        publish_at=publish_at,
        published_at=None if publish_at and publish_at > now else now,
        created_at=now,
    )


def _inserted(publication: Publication) -> bool:
    try:
        with transaction.atomic():
            publication.save(force_insert=True)
    except IntegrityError:
        taken = Publication.objects.filter(
            product=publication.product, period=publication.period, version=publication.version
        )
        if not taken.exists():
            raise
        return False
    return True


def _record(publication: Publication, action: str, by: Actor) -> None:
    names = ("period", "version", "file_name", "size_bytes", "sha256", "publish_at", "published_at")
    after = {name: getattr(publication, name) for name in names}
    record(by=by, action=action, obj=publication, after={"product": publication.product.code, **after})


def _checked_reason(reason: str) -> str:
    reason = reason.replace("\0", "").strip()
    if not reason:
        raise PublicationRefused("reason_missing", _("Say why it is withdrawn."))
    if len(reason) > _LONGEST_REASON:
        raise PublicationRefused(
            "reason_too_long", _("The reason is longer than %(limit)d characters.") % {"limit": _LONGEST_REASON}
        )
    return reason
