"""Who may see a product: the one home of that rule, for pages, forms, downloads and the fan-out (X-4)."""

from typing import TYPE_CHECKING

from django.db.models import Q, TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from access.models import Participant


class Audience(TextChoices):
    ALL = "all", _("Every participant")
    GRANTED = "granted", _("Only the participants listed")


def seen_by(participant: "Participant", *, product: str = "") -> Q:
    """Return the condition "the participant may see this product"; `product` is the path to it, such as "product__"."""
    granted = participant.product_grants.values("product")
    in_audience = Q(**{f"{product}audience": Audience.ALL}) | Q(**{f"{product}pk__in": granted})
    return Q(**{f"{product}active": True}) & in_audience
