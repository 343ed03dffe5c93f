"""Which models have rows that belong to a user: found, not listed, so that a new one is not forgotten."""

from collections.abc import Iterator
from typing import Any

from access.models import User


def relations_to_users() -> Iterator[Any]:
    """Yield each foreign key to User as it is seen from there (`related_model`, `field`, `on_delete`), those of the
    tables between users, groups and permissions included."""
    for each in User._meta.get_fields(include_hidden=True):
        if each.auto_created and not each.concrete and (each.one_to_many or each.one_to_one):
            yield each
