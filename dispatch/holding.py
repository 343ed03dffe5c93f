"""What becomes of held deliveries once their webhook may be called again: a person decides (delivery.md, States)."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, TextChoices
from django.utils.translation import gettext_lazy as _

from access.actors import Actor
from access.audit import record
from dispatch import actions, clock, statuses
from dispatch.models import Delivery, Reason, State
from dispatch.querysets import DeliveryQuerySet
from dispatch.sending import refuse_unsendable
from dispatch.wakeup import wake_dispatchers
from webhooks.models import Webhook

# Rows are locked a chunk at a time: ten thousand held ones must not keep a claim or a press of Enviar waiting.
CHUNK = 500


class Choice(TextChoices):
    LATEST = "latest", _("Send the latest of each")
    ALL = "all", _("Send all of them")
    NONE = "none", _("Send none of them")


@dataclass
class Released:
    """How many held deliveries were sent on their way, and how many were cancelled instead."""

    sent: int = 0
    cancelled: int = 0


@dataclass(frozen=True)
class Held:
    """How many deliveries of a webhook are held, by reason, and how many of them are the latest of their subject."""

    reasons: Sequence[tuple[str, int]] = ()
    latest: int = 0

    @property
    def count(self) -> int:
        return sum(count for _reason, count in self.reasons)

    @property
    def words(self) -> list[str]:
        return [f"{Reason(reason).label}: {count}" for reason, count in self.reasons]


def count_held(webhook: Webhook) -> Held:
    """Return what is held for a webhook. One query."""
    held = Delivery.objects.filter(webhook=webhook, state=State.HELD).annotate(outdone=Exists(_newer(webhook)))
    newest = Count("pk", filter=Q(outdone=False))
    counts = list(held.order_by("reason").values_list("reason").annotate(n=Count("pk"), newest=newest))
    return Held(tuple((reason, count) for reason, count, _latest in counts), sum(latest for *_rest, latest in counts))


def release_held(webhook: Webhook, choice: str, *, by: Actor) -> Released:
    """Send what is held for `webhook` (all, or the latest of each subject only), or cancel it.

    Done in chunks, each a transaction of its own: cut off midway, the rest is still held and may be decided again.
    Raises SendingRefused while the webhook may not be called; then nothing more is released.
    """
    decision, done = Choice(choice), Released()
    while _release_chunk(webhook, decision, done, by=by):
        pass
    return done


def _release_chunk(webhook: Webhook, choice: Choice, done: Released, *, by: Actor) -> bool:
    with transaction.atomic():
        # Locked, so that a stop comes before this chunk or after it: after it, it holds these rows again.
        locked = Webhook.objects.select_for_update(of=("self",), no_key=True).select_related("participant")
        refuse_unsendable(locked.get(pk=webhook.pk))
        held = Delivery.objects.filter(webhook=webhook, state=State.HELD).order_by("pk").select_for_update(no_key=True)
        ids = list(held.values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return False
        going, superseded = _divide(webhook, ids, choice)
        why = Reason.STOPPED_BY_USER if choice is Choice.NONE else Reason.SUPERSEDED
        done.cancelled += actions.cancel(_rows(superseded), reason=why)
        done.sent += _send(going)
        after = {"choice": choice, "sent": len(going), "cancelled": len(superseded)}
        record(by=by, action="dispatch.held.released", obj=webhook, participant=webhook.participant, after=after)
        wake_dispatchers()
    return True


def _rows(ids: Sequence[int]) -> DeliveryQuerySet:
    return Delivery.objects.filter(pk__in=ids)


def _divide(webhook: Webhook, ids: Sequence[int], choice: Choice) -> tuple[list[int], list[int]]:
    """Return the ids to send and the ids to cancel."""
    if choice is Choice.NONE:
        return [], list(ids)
    superseded = _outdone_by_hand(webhook, ids)
    if choice is Choice.LATEST:
        superseded |= _outdone(webhook, ids)
    return [pk for pk in ids if pk not in superseded], [pk for pk in ids if pk in superseded]


def _outdone(webhook: Webhook, ids: Sequence[int]) -> set[int]:
    """Those with a newer delivery of their subject, held or not: the latest is that one."""
    return set(_rows(ids).filter(Exists(_newer(webhook))).values_list("pk", flat=True))


def _newer(webhook: Webhook) -> DeliveryQuerySet:
    newer = Delivery.objects.filter(webhook=webhook, subject=OuterRef("subject"), pk__gt=OuterRef("pk"))
    return newer.exclude(state=State.CANCELLED)


def _outdone_by_hand(webhook: Webhook, ids: Sequence[int]) -> set[int]:
    """Sendings by hand beside one that waits, or before a newer held one: the database lets one wait per subject."""
    others = Delivery.objects.manual().filter(webhook=webhook, subject=OuterRef("subject")).exclude(pk=OuterRef("pk"))
    beside = Exists(others.waiting()) | Exists(others.filter(state=State.HELD, pk__gt=OuterRef("pk")))
    return set(_rows(ids).manual().filter(beside).values_list("pk", flat=True))


def _send(ids: Sequence[int]) -> int:
    now = clock.now()
    sent = _rows(ids).filter(state=State.HELD).update(state=State.WAITING, reason="", due_at=now)
    statuses.lock(ids)
    statuses.follow(ids, State.WAITING, now=now)
    return sent
