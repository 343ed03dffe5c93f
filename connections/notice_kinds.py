"""The mails of this floor: a certificate that is about to expire."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from connections.expiry import count_days
from notices import kinds
from notices.kinds import Kind

KEY_PAIR_EXPIRING = "key_pair_expiring"


def _describe(values: Mapping[str, Any]) -> Mapping[str, Any]:
    not_after = parse_datetime(values["not_after"])
    assert not_after is not None
    # Counted when the mail is written: a mail server that was away must not make the number wrong.
    days = count_days(not_after, timezone.now())
    day = date_format(timezone.localtime(not_after), "SHORT_DATE_FORMAT")
    return {**values, "day": day, "days": days, "users": ", ".join(values.get("users", ()))}


KINDS = (
    Kind(
        KEY_PAIR_EXPIRING,
        _("A certificate is about to expire"),
        _("the certificate “%(key_pair)s” expires on %(day)s"),
        "connections/email/key_pair_expiring.txt",
        _describe,
    ),
)


def register() -> None:
    """Called once, when the app starts."""
    kinds.register(*KINDS)
