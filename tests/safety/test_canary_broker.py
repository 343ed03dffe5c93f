"""What a real Redis holds while nobody takes its messages: wake-ups, and no secret of a webhook (X-3)."""

from collections.abc import Callable, Iterator

import pytest
from celery import current_app
from django.core.files.base import ContentFile
from django.db import connection
from django.urls import reverse

from access.actors import Actor
from dispatch import broker
from dispatch.actions import publish
from portal.celery import app
from tests import brokers, services
from tests.canary import Search, plant
from tests.factories import make_product
from tests.people import Person
from tests.processes import wait_until
from tests.webhooks.pages import posted
from webhooks.models import Webhook

pytestmark = [pytest.mark.celery, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


@pytest.fixture
def redis(settings: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a Redis of this test's own, which this process takes for its broker."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite and a broker don't go together")
    if not brokers.provide_redis():
        services.miss("Redis")
    with brokers.Redis() as running:
        settings.CELERY_BROKER_URL, settings.PORTAL_HAS_BROKER = running.url, True
        monkeypatch.setitem(app.conf, "broker_url", running.url)
        monkeypatch.setattr(broker, "_callers", [broker.Caller()])
        yield running.url
        broker._callers[0].flush()


def test_search_finds_what_lies_in_redis(redis: str) -> None:
    secret, search = plant(), Search()
    current_app.send_task("dispatch.tasks.nothing", args=[f"a {secret}"], ignore_result=True)
    assert search.add_broker(redis) == 1
    assert search.places_of(secret) == {"broker"}


def test_no_secret_of_a_webhook_lies_in_redis(redis: str, owner: Person, lines: Callable[[], str]) -> None:
    product, secret, header = make_product(), plant(), plant()
    form = posted(auth_method="secret", headers=[("X-Own", header)], products=[str(product.uuid)])
    form |= {"secret-secret": secret}
    assert owner.client.post(reverse("webhooks:webhook-create"), form).status_code == 302
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=Actor.system("test"))
    webhook = Webhook.objects.get()
    send = reverse("dispatch:product-send", args=[webhook.uuid, product.uuid])
    assert owner.client.post(send).status_code == 303
    search = Search()
    wait_until(lambda: search.add_broker(redis), what="a wake-up")
    found = {name: search.places_of(each) for name, each in {"secret": secret, "header": header}.items()}
    assert found == {"secret": set(), "header": set()}
    assert search.places_of(webhook.signing_secret) == set()
