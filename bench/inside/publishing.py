"""Products, webhooks and publications, made as the portal makes them."""

import time
from typing import Any

from django.core.files.base import ContentFile
from django.core.management import call_command

from access.actors import Actor
from catalog.models import Product
from dispatch.actions import Published
from dispatch.actions import publish as publish_file
from tests.factories import make_product, make_webhooks, next_number

SHORTEST_INTERVAL = 60


def migrate() -> None:
    call_command("migrate", verbosity=0)


def prepare(urls: list[str]) -> dict[str, Any]:
    """Make a product to which a webhook for each address is subscribed; return the product's id."""
    product = make_product()
    webhooks = make_webhooks(urls, product=product)
    return {"product": product.pk, "webhooks": [webhook.pk for webhook in webhooks]}


def publish(product: int, events: int) -> dict[str, Any]:
    """Publish that often, as fast as it goes."""
    row = Product.objects.select_related("process__macro_process").get(pk=product)
    begun = time.time()
    return {"begun": begun, "deliveries": sum(_publish(row).deliveries for _ in range(events))}


def pace(product: int, events: int, per_second: float) -> dict[str, Any]:
    """Publish at a steady pace; return for each publication the moment of the call and how long it took."""
    row = Product.objects.select_related("process__macro_process").get(pk=product)
    calls, first = [], time.monotonic() + 0.5
    for number in range(events):
        time.sleep(max(0.0, first + number / per_second - time.monotonic()))
        called = time.time()
        published = _publish(row)
        calls.append([published.publication.pk, called, time.time() - called, published.deliveries])
    return {"calls": calls, "deliveries": sum(call[3] for call in calls)}


def _publish(product: Product) -> Published:
    upload = ContentFile(b"hour;price\n%d;%d\n" % (next_number(), time.time_ns()), name="data.csv")
    return publish_file(product, period="2026-01-01", upload=upload, by=Actor.system("bench"))
