"""The loop against a real receiver: what goes over the wire, and what the tables say afterwards."""

import hashlib
import json
from base64 import b64encode
from datetime import timedelta
from urllib.request import urlopen

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from access.actors import Actor
from dispatch.actions import publish, withdraw
from dispatch.claims import claim_due
from dispatch.models import Attempt, Delivery, Lane, ProductStatus
from tests.factories import make_delivery, make_event, make_product, make_publication, make_webhook, webhook_values
from tests.receiver import Answer, Call, Endless, Raw, Reset, gzip_bomb
from webhooks.actions import update_webhook
from webhooks.models import Webhook
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def published(product, period="2020-08-15"):
    return publish(product, period=period, upload=ContentFile(b"hour;price\n1;10\n", "data.csv"), by=BY)


def test_a_publication_arrives_at_the_subscribed_webhook(webhook, product, receiver, work):
    """ONS-03, ONS-17, CERC-16, UNICO-01: one POST with the documented body at the webhook's address."""
    publication = published(product).publication
    work()
    [request] = receiver.wait_for(1, path="/hook")
    body = json.loads(request.body)
    assert request.method == "POST"
    assert list(body) == [
        "DataProduto", "MacroProcesso", "Nome", "Periodicidade", "PeriodicidadeFinal", "Processo", "Uri", "url",
    ]  # fmt: skip
    assert body["Uri"] == body["url"]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.counted_attempts, delivery.last_status) == ("delivered", 1, 200)
    assert (delivery.due_at, delivery.lease_token) == (None, None)
    assert ProductStatus.objects.get().state == "delivered"
    assert publication.uuid == delivery.event.publication.uuid


def test_every_attempt_carries_the_standard_webhooks_headers_and_ours(webhook, product, receiver, work):
    from standardwebhooks.webhooks import Webhook as Verifier

    published(product)
    work()
    [request] = receiver.wait_for(1)
    delivery = Delivery.objects.get()
    assert request.header("webhook-id") == f"msg_{delivery.uuid}"
    assert request.header("gancho-event-id") == str(delivery.event.uuid)
    assert request.header("gancho-event-type") == "publication.published"
    assert request.header("gancho-cause") == "automatic"
    headers = dict(request.headers)
    Verifier(webhook.signing_secret).verify(request.body, headers)


def test_own_headers_and_secret_arrive_together(loopback, product, receiver, work):
    """CERC-14, UNICO-17, UNICO-18, UNICO-19: to the letter, no scheme added."""
    headers = tuple(HeaderValues(f"X-Own-{n}", f"value {n}", secret=False) for n in range(10))
    make_webhook(
        request_uri=receiver.url("/hook"),
        products=[product],
        auth_method="secret",
        auth_secrets={"secret": "the raw value"},
        headers=headers,
    )
    published(product)
    work()
    [request] = receiver.wait_for(1)
    assert request.header("Authorization") == "the raw value"
    assert [request.header(f"X-Own-{n}") for n in range(10)] == [f"value {n}" for n in range(10)]


def test_basic_authentication_arrives(loopback, product, receiver, work):
    """ONS-08."""
    make_webhook(
        request_uri=receiver.url("/hook"),
        products=[product],
        auth_method="basic",
        auth_settings={"username": "meridiano"},
        auth_secrets={"password": "çedilha e espaço"},
    )
    published(product)
    work()
    [request] = receiver.wait_for(1)
    assert request.header("Authorization") == "Basic " + b64encode("meridiano:çedilha e espaço".encode()).decode()


def test_no_authentication_sends_no_authorization(webhook, product, receiver, work):
    """UNICO-16."""
    published(product)
    work()
    assert receiver.wait_for(1)[0].header("Authorization") is None


def test_a_failing_receiver_is_tried_at_its_interval_with_the_same_bytes(webhook, product, receiver, work, later):
    """X-1, X-2, UNICO-14, UNICO-15: exactly the maximum of attempts, then failed."""
    Webhook.objects.filter(pk=webhook.pk).update(max_attempts=3, retry_interval_seconds=60)
    receiver.answer("/hook", Answer(500, b"broken"))
    published(product)
    for moves in range(5):
        work()
        if moves < 2:
            waiting = Delivery.objects.get()
            assert waiting.state == "waiting"
            first = waiting.attempts.order_by("number").last()
            assert waiting.due_at == first.slot_at + timedelta(seconds=60)
        later(60)
    requests = receiver.wait_for(3)
    assert len(requests) == 3
    assert len({request.body for request in requests}) == 1
    assert len({request.header("webhook-id") for request in requests}) == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason, delivery.counted_attempts) == ("failed", "exhausted", 3)
    attempts = list(Attempt.objects.order_by("number"))
    assert [(row.number, row.status, row.counted, row.response_body) for row in attempts] == [
        (number, 500, True, "broken") for number in (1, 2, 3)
    ]
    assert attempts[0].diagnosis == "server_error"
    assert (ProductStatus.objects.get().state, ProductStatus.objects.get().failed_attempts) == ("failed", 3)


def test_a_changed_address_and_a_changed_secret_are_used_by_the_next_attempt(webhook, product, receiver, work, later):
    receiver.answer("/hook", Answer(500))
    published(product)
    work()
    update_webhook(webhook, values=webhook_values(request_uri=receiver.url("/new"), products=[product]), by=BY)
    later(300)
    work()
    old, new = receiver.wait_for(1, path="/hook")[0], receiver.wait_for(1, path="/new")[0]
    assert old.body == new.body
    assert Delivery.objects.get().state == "delivered"


def test_gone_stops_the_webhook_and_holds_its_other_deliveries(webhook, product, receiver, work):
    receiver.answer("/hook", Answer(410))
    other = make_product()
    webhook.product_subscriptions.create(product=other)
    first = published(product)
    event = make_event(publication=make_publication(other))
    future = make_delivery(webhook=webhook, event=event, due_at=timezone.now() + timedelta(hours=1))
    work()
    webhook.refresh_from_db()
    future.refresh_from_db()
    assert (webhook.stopped, webhook.stopped_reason) == (True, "gone")
    delivery = Delivery.objects.get(event__publication=first.publication)
    assert (delivery.state, delivery.reason) == ("failed", "gone")
    assert (future.state, future.reason) == ("held", "webhook_stopped")
    published(other)
    work()
    assert len(receiver.wait_for(1)) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(webhook, product, receiver, work, status):
    """Fault 9."""
    receiver.answer("/hook", Answer(status, headers=[("Location", receiver.url("/elsewhere"))]))
    published(product)
    work()
    assert [request.path for request in receiver.wait_for(1)] == ["/hook"]
    assert Attempt.objects.get().diagnosis == "redirected"


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [(Reset(), "connection_reset"), (Raw(), "not_http"), (Raw(b""), "connection_closed")],
    ids=["reset", "garbage", "closed"],
)
def test_a_misbehaving_receiver_is_diagnosed_and_tried_again(webhook, product, receiver, work, answer, diagnosis):
    """Fault 7."""
    receiver.answer("/hook", answer)
    published(product)
    work()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.diagnosis, attempt.status) == ("no_answer", diagnosis, None)
    assert Delivery.objects.get().state == "waiting"


def test_a_hanging_receiver_ends_at_the_deadline(settings, webhook, product, receiver, work):
    from tests.receiver import Hang

    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 0.5
    receiver.answer("/hook", Hang())
    published(product)
    work()
    attempt = Attempt.objects.get()
    assert (attempt.diagnosis, attempt.outcome) == ("timeout_waiting", "no_answer")
    assert 400 <= attempt.duration_ms <= 3_000


@pytest.mark.parametrize("answer", [Endless(), gzip_bomb()], ids=["endless", "gzip bomb"])
def test_the_status_decides_whatever_the_body_does(webhook, product, receiver, work, answer):
    receiver.answer("/hook", answer)
    published(product)
    work()
    assert Delivery.objects.get().state == "delivered"
    assert len(Attempt.objects.get().response_body) <= 4_200


def test_retry_after_keeps_the_whole_lane_closed(webhook, product, receiver, work, later):
    receiver.answer("/hook", Answer(429, headers=[("Retry-After", "900")]), Answer(200))
    other = make_product()
    webhook.product_subscriptions.create(product=other)
    published(product)
    work()
    assert Lane.objects.get().open_at is not None
    published(other)
    later(300)
    assert claim_due(10).rows == []
    later(700)
    work()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_downloads_the_file_inside_the_request(settings, live_server, webhook, product, receiver, work):
    """ONS-04, ONS-19, trap 1: the ONS Python receiver fetches `url` before it answers."""
    settings.PORTAL_DOWNLOAD_BASE_URL = live_server.url
    fetched = []

    def fetch(request):
        with urlopen(json.loads(request.body)["url"], timeout=5) as answer:
            fetched.append(answer.read())
        return Answer(200)

    receiver.answer("/hook", Call(fetch))
    publication = published(product).publication
    work()
    assert [hashlib.sha256(content).hexdigest() for content in fetched] == [publication.sha256]
    assert Delivery.objects.get().state == "delivered"


def test_poison_fails_alone_with_a_reason(webhook, product, receiver, work):
    """Fault 17: an unreadable secret and a broken payload; the rest flows."""
    poisoned = make_webhook(request_uri=receiver.url("/poisoned"), products=[product])
    foreign = Webhook.objects.values_list("signing_secret", flat=True).get(pk=webhook.pk)
    Webhook.objects.filter(pk=poisoned.pk).update(signing_secret=foreign)
    published(product)
    broken = make_delivery(webhook=webhook)
    broken.event.__class__.objects.filter(pk=broken.event_id).update(payload="not json")
    work()
    assert len(receiver.wait_for(1, path="/hook")) == 1
    ends = {row.pk: (row.state, row.reason, row.last_diagnosis) for row in Delivery.objects.all()}
    assert ends[broken.pk] == ("failed", "configuration", "content_not_renderable")
    assert ends[Delivery.objects.get(webhook=poisoned).pk] == ("failed", "configuration", "secret_unreadable")
    assert sorted(state for state, _, _ in ends.values()) == ["delivered", "failed", "failed"]
    unsent = Attempt.objects.filter(outcome="not_sent")
    assert {row.diagnosis for row in unsent} == {"content_not_renderable", "secret_unreadable"}


def test_a_refused_address_is_not_sent_and_counts(product, receiver, work):
    """The network rules are asked again at every attempt, not only when the form is saved."""
    make_webhook(request_uri="http://hook.example.com/in", products=[product], max_attempts=1)
    Webhook.objects.update(request_uri=receiver.url("/hook"))
    published(product)
    work()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.counted, attempt.diagnosis) == ("not_sent", True, "refused_address")
    assert receiver.requests() == []
    assert Delivery.objects.get().reason == "exhausted"


def test_secrets_are_masked_before_an_attempt_is_stored(loopback, product, receiver, work):
    """X-2, X-3: by name and by value, in what we sent and in what came back."""
    secret = "a-secret-of-the-receiver"
    receiver.answer("/hook", Answer(401, f"you sent {secret}".encode(), [("X-Echo", secret)]))
    make_webhook(
        request_uri=receiver.url("/hook?key=querysecret"),
        products=[product],
        auth_method="secret",
        auth_secrets={"secret": secret},
        headers=(HeaderValues("X-Api-Key", "another-secret-value"),),
    )
    published(product)
    work()
    attempt = Attempt.objects.get()
    stored = json.dumps(
        [attempt.url, attempt.request_headers, attempt.response_headers, attempt.response_body, attempt.detail]
    )
    for hidden in (secret, "another-secret-value", "querysecret"):
        assert hidden not in stored
    assert {name for name, _ in attempt.request_headers} >= {"Authorization", "X-Api-Key", "webhook-id"}
    assert attempt.diagnosis == "unauthorized_secret"


def test_a_withdrawal_while_a_retry_waits_is_obeyed_by_the_claim(webhook, product, receiver, work, later):
    receiver.answer("/hook", Answer(500))
    publication = published(product).publication
    work()
    Delivery.objects.update(lease_token="00000000-0000-4000-8000-000000000000")
    withdraw(publication, reason="wrong figures", by=BY)
    assert Delivery.objects.get().state == "waiting"
    later(300)
    work()
    assert Delivery.objects.get().reason == "withdrawn"
    assert len(receiver.requests()) == 1
