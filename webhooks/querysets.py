from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.db import models

if TYPE_CHECKING:
    from access.actors import Actor
    from catalog.models import Product


class WebhookQuerySet(models.QuerySet):
    def for_actor(self, actor: "Actor") -> Self:
        """Those of the actor's participant, archived ones too; none for an actor without one."""
        if actor.participant is None:
            return self.none()
        return self.filter(participant=actor.participant)

    def live(self) -> Self:
        return self.filter(archived_at__isnull=True)

    def receiving(self, product: "Product") -> Self:
        """Those that a publication of the product is written down for: stopped ones too, theirs are held."""
        return self.live().filter(
            active=True,
            ready=True,
            participant__blocked_at__isnull=True,
            product_subscriptions__product=product,
        )


class AppendOnlyQuerySet(models.QuerySet):
    """Rows are written once. The database refuses an UPDATE too (see the migration)."""

    def update(self, **fields: Any) -> NoReturn:
        raise TypeError("rows of an append-only table are not changed")

    def delete(self) -> NoReturn:
        raise TypeError("rows of an append-only table are not deleted")
