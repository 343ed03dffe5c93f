"""What the database can't know: that every stored method and format still has its module."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError

from webhooks.auth.registry import METHODS
from webhooks.formats import FORMATS
from webhooks.models import Webhook


@checks.register(checks.Tags.database)
def check_registered_names(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Runs with `check --database default` and with every migrate; quiet before the table exists."""
    if not databases:
        return []
    try:
        methods = set(Webhook.objects.order_by().values_list("auth_method", flat=True).distinct())
        formats = set(Webhook.objects.order_by().values_list("body_format", flat=True).distinct())
    except DatabaseError:
        return []
    return [
        *(_unknown("authentication method", name, "webhooks.E001") for name in sorted(methods - METHODS.keys())),
        *(_unknown("body format", name, "webhooks.E002") for name in sorted(formats - FORMATS.keys())),
    ]


def _unknown(what: str, name: str, check_id: str) -> checks.Error:
    hint = "Install the release that has it. Until then these webhooks fail with a configuration error."
    message = f"Webhooks are stored with the {what} {name!r}, which this release does not have."
    return checks.Error(message, hint, id=check_id)
