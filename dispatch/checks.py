"""Refusals at start-up: settings with which deliveries would be sent twice."""

import math
import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


def shortest_lease_seconds(*, batch: int, concurrency: int, deadline_seconds: float, token_seconds: float = 0) -> int:
    """Return the shortest safe lease in seconds: a whole batch, each with its token to the deadlines, and 10 s."""
    return math.ceil(batch / concurrency) * math.ceil(deadline_seconds + token_seconds) + 10


@register()
def check_token_deadline(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A sender that is told to stop waits for the deadline of a request, and for nothing that takes longer."""
    if 0 < settings.PORTAL_TOKEN_DEADLINE_SECONDS <= settings.PORTAL_OUTBOUND_DEADLINE_SECONDS:
        return []
    hint = "More than 0, and no more than PORTAL_OUTBOUND_DEADLINE_SECONDS."
    return [Error("PORTAL_TOKEN_DEADLINE_SECONDS makes no sense.", hint=hint, id="dispatch.E005")]


@register()
def check_dispatch_numbers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    numbers = {
        "PORTAL_DISPATCH_BATCH": settings.PORTAL_DISPATCH_BATCH,
        "PORTAL_DISPATCH_CONCURRENCY": settings.PORTAL_DISPATCH_CONCURRENCY,
        "PORTAL_DISPATCH_LEASE_SECONDS": settings.PORTAL_DISPATCH_LEASE_SECONDS,
        "PORTAL_DISPATCH_LANE_CAP": settings.PORTAL_DISPATCH_LANE_CAP,
        "PORTAL_FAILING_STOP_AFTER_HOURS": settings.PORTAL_FAILING_STOP_AFTER_HOURS,
        "PORTAL_FAILING_STOP_AFTER_ATTEMPTS": settings.PORTAL_FAILING_STOP_AFTER_ATTEMPTS,
    }
    wrong = [name for name, value in numbers.items() if value < 1]
    if wrong:
        return [Error(f"{name} must be 1 or more.", id="dispatch.E001") for name in wrong]
    return _check_lease()


def _check_lease() -> list[CheckMessage]:
    shortest = shortest_lease_seconds(
        batch=settings.PORTAL_DISPATCH_BATCH,
        concurrency=settings.PORTAL_DISPATCH_CONCURRENCY,
        deadline_seconds=settings.PORTAL_OUTBOUND_DEADLINE_SECONDS,
        token_seconds=settings.PORTAL_TOKEN_DEADLINE_SECONDS,
    )
    if shortest <= settings.PORTAL_DISPATCH_LEASE_SECONDS:
        return []
    return [
        Error(
            f"A lease of {settings.PORTAL_DISPATCH_LEASE_SECONDS} s is too short to send a whole batch.",
            hint=f"Set PORTAL_DISPATCH_LEASE_SECONDS to {shortest} or more, or make the batch or the deadline smaller.",
            id="dispatch.E002",
        )
    ]


@register()
def check_no_failpoint_outside_tests(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.PORTAL_ENVIRONMENT == "development" or not os.environ.get("PORTAL_TEST_FAILPOINT"):
        return []
    return [Error("PORTAL_TEST_FAILPOINT is for tests: it kills the dispatcher.", id="dispatch.E003")]


@register()
def check_retention(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A body is read by people as long as its link works, and no row goes before its body."""
    link, bodies, rows = (
        settings.PORTAL_DOWNLOAD_LINK_DAYS,
        settings.PORTAL_KEEP_BODIES_DAYS,
        settings.PORTAL_KEEP_DELIVERIES_DAYS,
    )
    if link <= bodies <= rows:
        return []
    return [
        Error(
            "Notifications are removed before they are done with.",
            hint="PORTAL_DOWNLOAD_LINK_DAYS <= PORTAL_KEEP_BODIES_DAYS <= PORTAL_KEEP_DELIVERIES_DAYS is needed.",
            id="dispatch.E004",
        )
    ]
