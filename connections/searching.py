"""Finding connections by what may be read of them."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from access import cnpj
from connections.models import Connection
from outbound.masking import masked_url

LOOKED_AT = 500


def read_uuid(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None


def find_by_address(connections: QuerySet[Connection], words: str) -> list[int]:
    """Return those whose address, with the values of its query masked, holds `words`: a search must not confirm a guess
    about a value that is not shown."""
    candidates = connections.filter(token_url__icontains=words).values_list("pk", "token_url")[:LOOKED_AT]
    return [pk for pk, url in candidates if words.lower() in masked_url(url).lower()]


def named(words: str, prefix: str = "") -> Q:
    """Rows of a participant whose name or CNPJ it is; `prefix` leads from the row to what has the participant."""
    values: dict[str, Any] = {f"{prefix}participant__name__icontains": words}
    bare = cnpj.normalise(words)
    if len(bare) == cnpj.LENGTH:
        return Q(**values) | Q(**{f"{prefix}participant__cnpj": bare})
    return Q(**values)
