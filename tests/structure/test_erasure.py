"""Nobody adds a table with a participant's or a person's rows without saying what an erasure does with them."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model

from access.models import Participant

# By hand: a step of portal/erasing.py removes these rows, ...
REMOVED = {
    "access.Membership",
    "access.UserSession",
    "catalog.ProductGrant",
    "connections.CachedToken",
    "connections.Connection",
    "connections.ConnectionRun",
    "connections.KeyPair",
    "dispatch.Attempt",
    "dispatch.Delivery",
    "dispatch.Event",
    "dispatch.Lane",
    "dispatch.ProductStatus",
    "dispatch.SendBatch",
    "dispatch.WebhookDay",
    "notices.Notice",
    "webhooks.EventTypeSubscription",
    "webhooks.ProductSubscription",
    "webhooks.Webhook",
    "webhooks.WebhookHeader",
    "webhooks.WebhookTest",
    "webhooks.WebhookVersion",
}
# ... empties them, ...
EMPTIED = {"access.AuditEntry", "access.Participant", "access.User"}
# ... or leaves them, for a reason.
KEPT = {
    "access.Erasure": "the order itself: a reason that names nobody",
    "access.AuditLink": "a code over an entry",
    "access.AuditRedaction": "a code over an emptied entry",
}


def models_that_lead_to(roots: set[Any]) -> Iterator[Any]:
    """The models whose rows have a foreign key to one of `roots`, directly or over others, and those themselves."""
    found, size = set(roots), 0
    while len(found) > size:
        size = len(found)
        for model in apps.get_models(include_auto_created=True):
            if any(field.is_relation and field.related_model in found for field in model._meta.concrete_fields):
                found.add(model)
    return iter(found)


def own_of_users() -> set[str]:
    """What the database would remove with a user, or with that in turn: `access.erasing.erase_person` removes it."""
    own: set[Any] = {get_user_model()}
    for _turn in range(3):
        own |= {model for model in apps.get_models(include_auto_created=True) if _cascades_from(own, model)}
    return {model._meta.label for model in own}


def _cascades_from(own: set[Any], model: Any) -> bool:
    keys = [field for field in model._meta.concrete_fields if field.is_relation and field.related_model in own]
    return any(field.remote_field.on_delete.__name__ == "CASCADE" for field in keys)


def test_every_table_that_leads_to_a_participant_or_a_person_has_its_fate() -> None:
    labels = {model._meta.label for model in models_that_lead_to({Participant, get_user_model()})}
    assert labels - own_of_users() | EMPTIED == REMOVED | EMPTIED | set(KEPT)
