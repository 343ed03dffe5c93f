"""Many webhooks and many deliveries: for claims, fan-out and pages at size."""

import time
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction

from bench.inside.publishing import publish
from catalog.models import Product
from dispatch import actions
from dispatch.claims import claim_due
from webhooks.models import Webhook
from webhooks.sending import PlanCache

NOT_DUE = """
    UPDATE dispatch_delivery SET due_at = due_at + interval '1 hour' WHERE state = 'waiting' AND webhook_id % 10 <> 0
"""


def fill(webhooks: int, events: int, url: str) -> dict[str, Any]:
    """Make webhooks subscribed to one product and publish it `events` times; nothing sends. What the planner has to
    know it is told."""
    call_command("seed_load", webhooks=webhooks, url=url, product="CROWD", create_product=True, verbosity=0)
    product = Product.objects.get(code="CROWD")
    made = publish(product.pk, events)["deliveries"] if events else 0
    analyze()
    return {"product": product.pk, "deliveries": made}


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def make_most_not_due() -> None:
    """Nine of ten webhooks have nothing that is due within the next hour."""
    with connection.cursor() as cursor:
        cursor.execute(NOT_DUE)
    analyze()


class KeptPlans(PlanCache):
    """A dispatcher's plans, kept for as long as it is measured: what is left is the claim itself."""

    KEEP_SECONDS = 3600.0
    KEEP_PLANS = 1_000_000


_kept = KeptPlans()


def keep_plans() -> None:
    """Make the plans of all webhooks, so that no claim has to."""
    _kept.load(dict(Webhook.objects.values_list("pk", "current_version")))


def claim(times: int, limit: int, after: int, kept: bool) -> dict[str, Any]:
    """Claim and take it back, `times` times, each behind the last; return rows and seconds of each.

    `kept`: with the plans of `keep_plans`; else every claim makes those that it needs.
    """
    found = []
    for _ in range(times):
        with transaction.atomic():
            begun = time.perf_counter()
            claimed = claim_due(limit, after=after, plans=_kept if kept else None)
            found.append([len(claimed.rows), time.perf_counter() - begun])
            transaction.set_rollback(True)
        after = claimed.last_webhook
    return {"claims": found, "after": after}


def time_publish(product: int) -> dict[str, Any]:
    """Publish once; return how long the transaction took, the file being in storage before it."""
    took = []
    real = actions.publish_received

    def timed(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        published = real(*arguments, **named)
        took.append(time.perf_counter() - begun)
        return published

    actions.publish_received = timed
    try:
        begun = time.perf_counter()
        made = publish(product, 1)["deliveries"]
        whole = time.perf_counter() - begun
    finally:
        actions.publish_received = real
    return {"deliveries": made, "transaction": took[0], "call": whole}
