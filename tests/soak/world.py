"""Who is told of what: webhooks whose receivers behave and misbehave, all told of every product."""

from collections.abc import Sequence
from typing import Any

from access.actors import Actor
from dispatch.errors import SendingRefused
from dispatch.holding import Choice, release_held
from dispatch.models import Delivery
from tests.factories import make_product, make_webhook, make_webhooks
from tests.processes import Oracle
from webhooks.actions import archive_webhook
from webhooks.models import ProductSubscription, Webhook

BY = Actor.system("soak")
PRODUCTS = 10
RETRY_SECONDS = 2
SWITCHES = ("north", "south", "east", "west")
LIMIT = 5
LIMITED = "/ok/limited"
GATE = "hang"
PATHS = (
    *(f"/ok/w{number}" for number in range(14)),
    *(f"/slow/0.3/w{number}" for number in range(4)),
    *(f"/switch/{name}" for name in SWITCHES),
    *("/fail-then-ok/1", "/fail-then-ok/2", "/status/500", "/status/410", "/redirect/307?/elsewhere"),
    *("/reset", "/garbage", "/gzip-bomb"),
)
# Each of their requests takes seconds, one at a time: they are told of one product only, or they would never end.
SLOW_PATHS = (f"/gate/{GATE}", "/retry-after/1", "/endless", "/drip/0.1")


class World:
    """Made once, before anything goes wrong."""

    def __init__(self, oracle: Oracle) -> None:
        self.products: Sequence[Any] = [make_product() for _number in range(PRODUCTS)]
        first, *others = self.products
        over = {"max_attempts": 3}
        webhooks = make_webhooks([oracle.url(path) for path in PATHS], product=first, **over)
        webhooks.append(
            make_webhook(
                request_uri=oracle.url(LIMITED),
                products=[first],
                rate_limit_count=LIMIT,
                rate_limit_period_seconds=1,
                **over,
            )
        )
        ProductSubscription.objects.bulk_create(
            ProductSubscription(webhook=webhook, product=product) for webhook in webhooks for product in others
        )
        webhooks += make_webhooks([oracle.url(path) for path in SLOW_PATHS], product=others[-1], max_attempts=1)
        Webhook.objects.update(retry_interval_seconds=RETRY_SECONDS)
        self.webhooks: Sequence[Any] = webhooks


def settle_held() -> None:
    """Decide what becomes of what is held: sent, or with a webhook that stays stopped cancelled for good."""
    held = Webhook.objects.filter(pk__in=Delivery.objects.filter(state="held").values("webhook"))
    for webhook in held.select_related("participant"):
        try:
            release_held(webhook, Choice.ALL, by=BY)
        except SendingRefused:
            archive_webhook(webhook, by=BY)
