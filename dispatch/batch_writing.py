"""Writing a batch down, in chunks, each a short transaction: neither a claim nor a record of results waits for five
thousand products. Locks in everybody's order: webhook, batch, deliveries, statuses."""

from collections.abc import Collection, Mapping, Sequence

from django.db import transaction
from django.db.models import F

from dispatch import clock
from dispatch.errors import SendingRefused
from dispatch.fan_out import write_by_hand
from dispatch.models import Cause, Delivery, Reason, SendBatch, State
from dispatch.previews import Item, OpenRow, Stays, find_under_way, read_open, still_in_error
from dispatch.sending import refuse_unsendable
from dispatch.wakeup import wake_dispatchers
from webhooks.models import Webhook

CHUNK = 1_000


def lock_webhook(webhook: Webhook) -> Webhook:
    """Lock the webhook's row, so that one batch of it is written at a time and a stop comes before a chunk or after."""
    locked = Webhook.objects.select_for_update(of=("self",), no_key=True).select_related("participant")
    return locked.get(pk=webhook.pk)


def write_rest(batch: SendBatch, items: Sequence[Item]) -> None:
    """Write the chunks after the first. When the batch or its webhook is stopped meanwhile, the rest is left out."""
    for start in range(0, len(items), CHUNK):
        if not _write_next(batch, items[start : start + CHUNK]):
            left = [[item.subject, Stays.INTERRUPTED] for item in items[start:]]
            SendBatch.objects.filter(pk=batch.pk).update(left_out=batch.left_out + left)
            return


def write_chunk(batch: SendBatch, webhook: Webhook, chunk: Sequence[Item]) -> None:
    """Supersede what waits for these subjects and write their deliveries, in the caller's transaction.

    The open rows are locked: a claim skips them until we are done, and what a claim holds we see as leased.
    """
    now = clock.now()
    rows = read_open(webhook, [item.subject for item in chunk], lock=True)
    stays = find_under_way(rows)
    if batch.kind == Cause.REENVIAR:
        # Asked once the rows are locked: a result that came meanwhile has its status written by now.
        pending = still_in_error(webhook, chunk) | stays.keys()
        stays |= {item.subject: Stays.DELIVERED for item in chunk if item.subject not in pending}
    # Not by actions.cancel: the statuses are pointed to the new deliveries next, so they fall back to nothing.
    _supersede([row for row in rows if row.subject not in stays])
    going = [item.event_id for item in chunk if item.event_id and item.subject not in stays]
    written = write_by_hand(batch, going, now=now)
    _note(batch, chunk, stays, written)
    wake_dispatchers()


def _write_next(batch: SendBatch, chunk: Sequence[Item]) -> bool:
    with transaction.atomic():
        webhook = lock_webhook(batch.webhook)
        running = SendBatch.objects.filter(pk=batch.pk, stopped_at__isnull=True).select_for_update(no_key=True)
        if not list(running.values_list("pk")):
            return False
        try:
            refuse_unsendable(webhook)
        except SendingRefused:
            return False
        write_chunk(batch, webhook, chunk)
    return True


def _supersede(rows: Sequence[OpenRow]) -> None:
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.CANCELLED, reason=Reason.SUPERSEDED, due_at=None, lease_token=None, finished_at=clock.now()
    )


def _note(batch: SendBatch, chunk: Sequence[Item], stays: Mapping[str, Stays], written: Collection[int]) -> None:
    """Add to the batch what was written, and what something else was faster with."""
    subjects = set(Delivery.objects.filter(pk__in=written).values_list("subject", flat=True))
    late = [item.subject for item in chunk if item.subject not in subjects]
    batch.left_out += [[subject, stays.get(subject, Stays.ON_ITS_WAY)] for subject in late]
    SendBatch.objects.filter(pk=batch.pk).update(created=F("created") + len(written), left_out=batch.left_out)
