"""Which events' deliveries: adjectives that chain."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, Q

if TYPE_CHECKING:
    from access.actors import Actor
    from dispatch.models.deliveries import Delivery  # noqa: F401 (named as text below)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_actor(self, actor: "Actor") -> Self:
        """Only deliveries to webhooks of the actor's participant."""
        return self.filter(webhook__participant=actor.participant)

    def waiting(self) -> Self:
        return self.filter(state="waiting")

    def open(self) -> Self:
        """Not at an end: waiting or held."""
        return self.filter(state__in=("waiting", "held"))

    def unleased(self) -> Self:
        return self.filter(lease_token__isnull=True)

    def manual(self) -> Self:
        return self.exclude(cause="automatic")

    def live(self) -> Self:
        """Of live events: test and certification traffic never counts in status, pending or health."""
        return self.filter(event__mode="live")

    def pending(self) -> Self:
        """What a person would call pending: waiting after a failure, or held."""
        return self.filter(Q(state="waiting", counted_attempts__gt=0) | Q(state="held"))

    def count_pending(self, webhook_ids: Collection[int]) -> dict[int, int]:
        """Return how many are pending by webhook; one without any is left out. One query."""
        pending = self.live().pending().filter(webhook__in=webhook_ids).order_by()
        return dict(pending.values_list("webhook_id").annotate(n=Count("pk")))
