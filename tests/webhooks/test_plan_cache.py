"""Plans are kept between claims, and never longer than the version that they were made of."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.actors import Actor
from tests.factories import make_webhook, webhook_values
from webhooks.actions import rotate_signing_secret, update_webhook
from webhooks.models import Webhook
from webhooks.plans import SendPlan
from webhooks.sending import PlanCache, PlanError

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def load(cache, webhook):
    webhook.refresh_from_db()
    with CaptureQueriesContext(connection) as queries:
        plan = cache.load({webhook.pk: webhook.current_version_id})[webhook.pk]
    return plan, len(queries)


def test_a_plan_is_made_once_for_a_version():
    cache, webhook = PlanCache(), make_webhook()
    plan, first = load(cache, webhook)
    again, second = load(cache, webhook)
    assert (first, second) == (2, 0)
    assert again is plan


def test_every_change_of_the_webhook_makes_another_plan():
    cache, webhook = PlanCache(), make_webhook()
    plan, _queries = load(cache, webhook)
    update_webhook(webhook, values=webhook_values(request_uri="https://new.example/hook"), by=BY)
    changed, _queries = load(cache, webhook)
    assert changed.url == "https://new.example/hook"
    rotate_signing_secret(webhook, by=BY)
    rotated, _queries = load(cache, webhook)
    assert rotated.signing_keys != plan.signing_keys


def test_what_has_no_version_of_its_own_is_seen_within_a_minute(monkeypatch):
    cache, webhook = PlanCache(), make_webhook()
    load(cache, webhook)
    Webhook.objects.filter(pk=webhook.pk).update(auth_method="unheard of")
    assert isinstance(load(cache, webhook)[0], SendPlan)
    monkeypatch.setattr("webhooks.sending.time.monotonic", lambda: 1e9)
    assert load(cache, webhook)[0] == PlanError("auth_method_unknown")


def test_an_error_is_not_kept():
    cache, webhook = PlanCache(), make_webhook()
    Webhook.objects.filter(pk=webhook.pk).update(auth_method="unheard of")
    assert isinstance(load(cache, webhook)[0], PlanError)
    Webhook.objects.filter(pk=webhook.pk).update(auth_method="none")
    assert isinstance(load(cache, webhook)[0], SendPlan)


def test_the_cache_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(PlanCache, "KEEP_PLANS", 2)
    cache, webhooks = PlanCache(), [make_webhook() for _ in range(5)]
    for webhook in webhooks:
        load(cache, webhook)
    assert len(cache._kept) <= 2
    assert load(cache, webhooks[-1])[1] == 0
