"""Which events' deliveries: adjectives that chain."""

from typing import TYPE_CHECKING, Self

from django.db import models

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
