"""Failures of what is stored, and of the portal itself."""

from datetime import timedelta

from dispatch.actions import announce
from dispatch.claims import claim_due
from dispatch.models import Attempt, Event
from tests.dispatch.diagnosing.transfers import saved_and_then
from tests.dispatch.diagnosing.world import BY, World, fails_as
from tests.factories import make_publication
from webhooks.models import Webhook, WebhookHeader
from webhooks.plans import SendPlan
from webhooks.sending import PlanError, load_plans
from webhooks.signing import generate_secret


@fails_as("secret_unreadable")
def secret_unreadable(world: World) -> Attempt:
    """Another row's ciphertext: it is genuine, but sealed for somewhere else."""
    return saved_and_then(world, signing_secret=world.webhook().signing_secret_sealed)


@fails_as("auth_incomplete")
def auth_incomplete(world: World) -> Attempt:
    return saved_and_then(world, auth_method="basic", auth_settings={"username": "user"})


@fails_as("auth_method_unknown")
def auth_method_unknown(world: World) -> Attempt:
    return saved_and_then(world, auth_method="quantum")


@fails_as("tags_without_key")
def tags_without_key(world: World) -> Attempt:
    webhook = world.webhook()
    WebhookHeader.objects.create(webhook=webhook, position=0, name="X-Signature", secret=False, value="{{signature}}")
    return world.send_to(webhook)


@fails_as("signing_secret_missing")
def signing_secret_missing(world: World) -> Attempt:
    webhook = world.webhook()
    webhook.signing_secret = "damaged"
    webhook.save()
    return world.send_to(webhook)


@fails_as("content_not_renderable")
def content_not_renderable(world: World) -> Attempt:
    webhook = world.webhook()
    publication = make_publication(world.product)
    announce(publication, by=BY)
    Event.objects.filter(publication=publication).update(payload='{"Nome": "without the rest"}')
    return world.work(webhook)


@fails_as("webhook_missing")
def webhook_missing(world: World) -> str:
    """The database keeps the webhook of a notification from being removed; this is for whoever gets past that."""
    webhook = Webhook.objects.create(
        participant=world.owner.participant, request_uri="http://127.0.0.1:9000/", signing_secret=generate_secret()
    )
    pk = webhook.pk
    assert isinstance(load_plans([pk])[pk], SendPlan)
    webhook.delete()
    missing = load_plans([pk])[pk]
    assert isinstance(missing, PlanError)
    return missing.code


@fails_as("worker_lost")
def worker_lost(world: World) -> Attempt:
    """Claimed, and never heard of again: what a kill leaves behind (tests/dispatch/test_faults.py kills)."""
    webhook = world.webhook()
    announce(make_publication(world.product), by=BY)
    [claimed] = claim_due(1).rows
    assert claimed.webhook_id == webhook.pk
    lease = timedelta(seconds=world.settings.PORTAL_DISPATCH_LEASE_SECONDS + 5)
    world.settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS += lease.total_seconds()
    return world.work(webhook)
