"""Finding webhooks by what may be read of them."""

from uuid import UUID

from django.db.models import QuerySet

from outbound.masking import masked_url
from webhooks.models import Webhook

LOOKED_AT = 500


def read_uuid(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None


def find_by_address(webhooks: QuerySet[Webhook], words: str) -> list[int]:
    """Return those whose address, with the values of its query masked, holds `words`: a search must not confirm a guess
    about a value that is not shown."""
    candidates = webhooks.filter(request_uri__icontains=words).values_list("pk", "request_uri")[:LOOKED_AT]
    return [pk for pk, url in candidates if words.lower() in masked_url(url).lower()]
