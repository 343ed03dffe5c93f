"""Which products and publications: adjectives that chain."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from catalog.audience import seen_by

if TYPE_CHECKING:
    from access.models import Participant
    from catalog.models import Product, Publication


class ProductQuerySet(models.QuerySet["Product"]):
    def active(self) -> Self:
        return self.filter(active=True)

    def visible_to(self, participant: "Participant") -> Self:
        """Products that are active and whose audience holds the participant (ONS-20, X-4)."""
        return self.filter(seen_by(participant))

    def matching(self, words: str) -> Self:
        """Products that hold every word in their own name or code, or in the name of their process or macro-process."""
        found = self
        for word in words.split():
            found = found.filter(
                Q(name__icontains=word)
                | Q(code__icontains=word)
                | Q(process__name__icontains=word)
                | Q(process__macro_process__name__icontains=word)
            )
        return found

    def in_page_order(self) -> Self:
        return self.select_related("process__macro_process").order_by(
            "process__macro_process__code", "process__code", "name", "pk"
        )


class PublicationQuerySet(models.QuerySet["Publication"]):
    def published(self) -> Self:
        """Out and not taken back.

        The stamp decides, not a comparison with the clock: an embargoed publication has no `published_at` until it is
        released, and a clock that steps back must not make publications vanish.
        """
        return self.filter(published_at__isnull=False, withdrawn_at__isnull=True)

    def embargoed(self) -> Self:
        return self.filter(published_at__isnull=True, withdrawn_at__isnull=True)

    def due(self, now: datetime) -> Self:
        """Embargoed ones whose time has come, the longest waiting first. Those of an inactive product wait on."""
        return self.embargoed().filter(publish_at__lte=now, product__active=True).order_by("publish_at", "pk")

    def newest_first(self) -> Self:
        """In the order in which they were published; for published ones."""
        return self.order_by("-published_at", "-pk")

    def latest_of(self, product: "Product") -> "Publication | None":
        """The last version of a product: published last, neither embargoed nor withdrawn."""
        return self.filter(product=product).published().newest_first().first()

    def latest_of_each(self, products: ProductQuerySet) -> Self:
        """Narrow to the last version of each of `products`: at most one row a product.

        One look into the index per product; a condition on every publication would look once per version.
        """
        newest = self.model.objects.filter(product=OuterRef("pk")).published().newest_first()
        return self.filter(pk__in=products.order_by().values_list(Subquery(newest.values("pk")[:1])))

    def visible_to(self, participant: "Participant") -> Self:
        """Publications that a participant may fetch: published, of products it may see (X-4)."""
        return self.published().filter(seen_by(participant, product="product__"))
