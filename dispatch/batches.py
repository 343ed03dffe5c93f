"""Enviar Tudo and Reenviar Pendentes: one press, one batch of sendings by hand (delivery.md, "Manual sendings").

Up to CHUNK notifications a batch is written whole or not at all. When the process dies between two chunks, what was
written goes on, the rest is not sent, and the batch's own numbers say so: nobody has to guess, and a new press sends
everything that is then to be sent.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actors import Actor
from access.audit import record
from dispatch import actions
from dispatch.batch_writing import CHUNK, lock_webhook, write_chunk, write_rest
from dispatch.errors import SendingRefused
from dispatch.models import Delivery, Lane, Reason, SendBatch, State
from dispatch.pending import UNTRIED
from dispatch.previews import Item, Preview, preview_batch
from dispatch.sending import refuse_unsendable
from webhooks.models import Webhook

# Longer than any batch takes to be written: one that is not by then was cut off.
WRITING_SECONDS = 60


@dataclass(frozen=True)
class Tally:
    """How the notifications of a batch are doing. `retrying`: tried in vain, and tried again later; `sending`: those of
    `untried` that are in flight."""

    delivered: int = 0
    failed: int = 0
    retrying: int = 0
    untried: int = 0
    sending: int = 0
    held: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.done + self.untried

    @property
    def done(self) -> int:
        """Those of which one knows what came of them, for the time being at least."""
        return self.delivered + self.failed + self.retrying + self.held + self.cancelled


def start_batch(webhook: Webhook, kind: str, *, by: Actor, token: UUID, expected: str = "") -> SendBatch:
    """Send what `preview_batch` shows; returns as soon as it is written down, the dispatcher does the rest.

    `token` comes from the preview and makes one batch, however often it is sent; `expected` is the preview's digest.
    While another batch of this webhook runs, that one is returned. Raises SendingRefused: the webhook may not be
    called, nothing_to_send, preview_changed, preview_again.
    """
    try:
        batch, going = _open(webhook, kind, by=by, token=token, expected=expected)
    except IntegrityError:
        # The same token for another webhook at the same moment: no preview of ours.
        raise _preview_again() from None
    if len(going) > CHUNK:
        write_rest(batch, going[CHUNK:])
        SendBatch.objects.filter(pk=batch.pk).update(written_at=timezone.now())
    batch.refresh_from_db()
    return batch


def stop_batch(batch: SendBatch, *, by: Actor) -> int:
    """Cancel what of a batch waits and is not being sent; return how many. What is being sent comes to its end."""
    with transaction.atomic():
        if not Delivery.objects.waiting().filter(batch=batch).exists():
            return 0
        # The writer of a next chunk looks at this row first, under its lock.
        if SendBatch.objects.filter(pk=batch.pk, stopped_at__isnull=True).update(stopped_at=timezone.now()):
            participant = batch.webhook.participant
            record(by=by, action="dispatch.batch.stopped", obj=batch, participant=participant, after=_named(batch))
    cancelled = 0
    while ids := _waiting_ids(batch):
        with transaction.atomic():
            changed = actions.cancel(Delivery.objects.filter(pk__in=ids), reason=Reason.STOPPED_BY_USER)
        cancelled += changed
        if not changed:
            break
    return cancelled


def find_running(webhook_ids: Collection[int]) -> dict[int, SendBatch]:
    """Return the batch of each webhook that has something untried, or is being written. One query."""
    untried = Delivery.objects.filter(UNTRIED, batch=OuterRef("pk"))
    fresh = timezone.now() - timedelta(seconds=WRITING_SECONDS)
    writing = Q(written_at__isnull=True, stopped_at__isnull=True, created_at__gt=fresh)
    batches = SendBatch.objects.filter(Q(Exists(untried)) | writing, webhook__in=webhook_ids)
    return {batch.webhook_id: batch for batch in batches.defer("left_out").order_by("pk")}


def count_batch(batch: SendBatch) -> Tally:
    """Return how the notifications of a batch are doing. One query."""
    return Tally(**Delivery.objects.filter(batch=batch).aggregate(**_counts()))


def is_cut_off(batch: SendBatch) -> bool:
    """Whether the process that wrote the batch died before it came to the end."""
    fresh = batch.created_at > timezone.now() - timedelta(seconds=WRITING_SECONDS)
    return batch.written_at is None and batch.stopped_at is None and not fresh


def _counts() -> dict[str, Count]:
    conditions = {
        "delivered": Q(state=State.DELIVERED),
        "failed": Q(state=State.FAILED),
        "retrying": Q(state=State.WAITING, counted_attempts__gt=0),
        "untried": UNTRIED,
        "sending": UNTRIED & Q(lease_token__isnull=False),
        "held": Q(state=State.HELD),
        "cancelled": Q(state=State.CANCELLED),
    }
    return {each.name: Count("pk", filter=conditions[each.name]) for each in fields(Tally)}


def _open(webhook: Webhook, kind: str, *, by: Actor, token: UUID, expected: str) -> tuple[SendBatch, Sequence[Item]]:
    """Write the batch down with its first chunk; return it with all that goes, or one made before with nothing."""
    with transaction.atomic():
        locked = lock_webhook(webhook)
        if made := SendBatch.objects.filter(uuid=token).first():
            if (made.webhook_id, made.kind) != (locked.pk, kind):
                raise _preview_again()
            return made, []
        refuse_unsendable(locked)
        if running := find_running([locked.pk]).get(locked.pk):
            return running, []
        preview = preview_batch(locked, kind)
        _refuse_other(preview, expected)
        batch = _create(locked, preview, by=by, token=token)
        write_chunk(batch, locked, preview.going[:CHUNK])
    return batch, preview.going


def _refuse_other(preview: Preview, expected: str) -> None:
    if not preview.going:
        raise SendingRefused("nothing_to_send", _("There is nothing to send."))
    if expected and preview.digest != expected:
        message = _("What would go out has changed since you looked. Look again before you send.")
        raise SendingRefused("preview_changed", message)


def _preview_again() -> SendingRefused:
    return SendingRefused("preview_again", _("This page is out of date. Look at what would go out again."))


def _create(webhook: Webhook, preview: Preview, *, by: Actor, token: UUID) -> SendBatch:
    Lane.objects.get_or_create(webhook=webhook)
    batch = SendBatch.objects.create(
        uuid=token,
        webhook=webhook,
        kind=preview.kind,
        by=by.user,
        by_label=by.label[:200],
        wanted=len(preview.going),
        written_at=timezone.now() if len(preview.going) <= CHUNK else None,
        left_out=[[item.subject, why] for item, why in preview.staying],
    )
    after = _named(batch) | {"wanted": batch.wanted, "left_out": len(batch.left_out)}
    record(by=by, action="dispatch.batch.started", obj=batch, participant=webhook.participant, after=after)
    return batch


def _named(batch: SendBatch) -> dict[str, Any]:
    return {"webhook": batch.webhook, "kind": batch.kind}


def _waiting_ids(batch: SendBatch) -> list[int]:
    waiting = Delivery.objects.filter(batch=batch).waiting().unleased().order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:500])
