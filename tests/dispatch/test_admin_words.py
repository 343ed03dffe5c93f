"""The admin's pages of dispatch speak in words: no codes, no internal numbers, no order that is not there."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from dispatch.batches import start_batch
from dispatch.models import Attempt, Delivery, DispatcherBeat, Event, Lane, ProductStatus, SendBatch
from tests.factories import make_attempt, make_delivery, make_event, make_publication, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(owner, product):
    return make_webhook(participant=owner.participant, description="Mesa", products=[product])


@pytest.fixture
def delivery(webhook, product):
    """Tried once in vain, and tried again in a while."""
    event = make_event(publication=make_publication(product, period="2026-03-07"))
    delivery = make_delivery(webhook=webhook, event=event, body=b"{}", body_format="documented")
    timing = {"dns": 11.0, "connect": 23.0, "first_byte": 320.0, "total": 354.0}
    make_attempt(delivery, status=401, diagnosis="unauthorized_oauth2", duration_ms=354, timing=timing)
    later = timezone.now() + timedelta(minutes=5)
    tried = {"counted_attempts": 1, "attempts_made": 1, "last_status": 401, "last_diagnosis": "unauthorized_oauth2"}
    Delivery.objects.filter(pk=delivery.pk).update(due_at=later, **tried)
    delivery.refresh_from_db()
    return delivery


def get(person: Person, model, *parts, query: str = ""):
    answer = person.client.get("/".join(["/admin/dispatch", model._meta.model_name, *map(str, parts), ""]) + query)
    assert answer.status_code == 200
    return answer


def html_of(person: Person, row) -> str:
    return get(person, type(row), row.pk, "change").content.decode()


@pytest.mark.parametrize("model", [Delivery, Attempt, Event])
def test_the_order_of_recording_is_said_and_no_column_is_marked_as_sorted(officer, delivery, model):
    make_attempt(make_delivery(webhook=delivery.webhook, event=make_event()), status=204, succeeded=True)
    page = get(officer, model)
    newest = list(model.objects.order_by("-pk"))
    assert list(page.context["cl"].result_list) == newest
    html = page.content.decode()
    assert 'class="sortable' not in html
    assert "As they were recorded, the newest first." in html
    place = page.context["cl"].oldest_first
    assert f'href="?o={place}"' in html
    other = get(officer, model, query=f"?o={place}")
    assert list(other.context["cl"].result_list) == newest[::-1]
    assert "As they were recorded, the oldest first." in other.content.decode()


def test_a_delivery_is_told_in_words(officer, delivery):
    html = html_of(officer, delivery)
    assert "unauthorized_oauth2" not in html
    assert html.count("Not authorised: 401") == 3
    assert '<div class="readonly">Documented</div>' in html
    title = f"{delivery.event.publication.product.name} 07/03/2026 for Mesa"
    assert f"&rsaquo; {title}</div>" in html
    assert f"<h2>{title}</h2>" in html
    assert "New attempt" in html
    attempt = delivery.attempts.get()
    assert f'href="/admin/dispatch/attempt/{attempt.pk}/change/"' in html
    assert f'href="/admin/catalog/publication/{delivery.event.publication_id}/change/"' in html


def test_the_attempts_of_a_delivery_name_their_cells_on_a_phone(officer, delivery):
    html = html_of(officer, delivery)
    for title in ("Started at", "Number", "Result", "Diagnosis", "Status", "Duration in ms"):
        assert f'data-label="{title}"' in html


def test_an_attempt_says_what_happened_and_what_to_do(officer, delivery):
    attempt = delivery.attempts.get()
    html = html_of(officer, attempt)
    for words in (
        "Attempt 1 for Mesa, ",
        "What happened:",
        "Probable cause:",
        "What to do:",
        "Participant&#x27;s side",
    ):
        assert words in html
    assert "<li>Connection: 23 ms</li>" in html
    assert "first_byte" not in html
    assert f"{delivery.pk}/1" not in html
    Attempt.objects.update(status=204, succeeded=True, diagnosis="", counted=False)
    html = html_of(officer, attempt)
    assert "What to do:" not in html
    assert "not counted" in html


def test_an_event_has_words_for_its_type_lines_for_its_content_and_a_way_to_its_deliveries(officer, delivery):
    make_delivery(webhook=delivery.webhook, event=make_event())
    html = html_of(officer, delivery.event)
    assert 'A product is published<br><span class="mono muted">publication.published</span>' in html
    assert "{\n  &quot;publication&quot;: " in html
    found = get(officer, Delivery, query=f"?event={delivery.event_id}")
    assert f"?event={delivery.event_id}" in html
    assert list(found.context["cl"].result_list) == [delivery]


def test_the_states_that_rows_show_can_be_filtered_by(officer, delivery):
    fresh = make_delivery(webhook=delivery.webhook, event=make_event())
    page = get(officer, Delivery, query="?state=on_its_way")
    assert list(page.context["cl"].result_list) == [fresh]
    assert page.content.decode().count("On its way") == 2
    assert list(get(officer, Delivery, query="?state=retrying").context["cl"].result_list) == [delivery]


def test_a_product_status_says_what_the_delivery_says(officer, delivery):
    product = delivery.event.publication.product
    status = ProductStatus.objects.create(
        webhook=delivery.webhook, product=product, delivery=delivery, state="waiting", changed_at=timezone.now()
    )
    assert "New attempt" in get(officer, ProductStatus).content.decode()
    html = html_of(officer, status)
    assert f"<h2>{product.name} for Mesa</h2>" in html
    assert "Not authorised: 401" in html


def test_a_lane_says_how_its_webhook_is_doing(officer, delivery, django_assert_max_num_queries):
    well, ill = make_webhook(description="Well"), delivery.webhook
    now = timezone.now()
    Lane.objects.update_or_create(webhook=well, defaults={"last_success_at": now})
    Lane.objects.update_or_create(webhook=ill, defaults={"failures_in_row": 6, "failing_since": now})
    assert officer.client
    with django_assert_max_num_queries(8):
        html = get(officer, Lane).content.decode()
    assert "Failing: 401" in html
    assert "Healthy" in html
    lane = Lane.objects.get(pk=ill.pk)
    html = html_of(officer, lane)
    assert "<h2>Mesa</h2>" in html
    assert "Failing: 401" in html
    assert list(get(officer, Lane, query="?failing=yes").context["cl"].result_list) == [lane]
    assert lane not in get(officer, Lane, query="?failing=no").context["cl"].result_list


def test_a_dispatcher_is_told_to_be_silent_on_its_page_too(officer):
    now = timezone.now()
    beat = DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now - timedelta(minutes=9))
    html = html_of(officer, beat)
    assert "Silent" in html
    assert "9 min ago" in html


def test_a_batch_is_called_by_what_it_is_and_says_what_became_of_it(officer, webhook, product):
    from dispatch.actions import announce

    announce(make_publication(product), by=officer.actor)
    start_batch(webhook, "enviar_tudo", by=officer.actor, token=uuid4())
    batch = SendBatch.objects.get()
    html = html_of(officer, batch)
    assert "<h2>Send all for Mesa, " in html
    assert "enviar_tudo" not in html
    assert "Not tried yet: 1" in html
    assert html.count("By:") == 1
    found = get(officer, Delivery, query=f"?batch={batch.pk}").context["cl"].result_list
    assert [each.batch_id for each in found] == [batch.pk]


def test_a_webhook_tells_on_its_own_page_how_it_is_doing(officer, delivery):
    webhook = delivery.webhook
    now = timezone.now()
    Lane.objects.update_or_create(webhook=webhook, defaults={"failures_in_row": 6, "failing_since": now})
    html = officer.client.get(f"/admin/webhooks/webhook/{webhook.pk}/change/").content.decode()
    assert "Failing: 401" in html
    assert f'href="/admin/dispatch/delivery/?webhook={webhook.pk}&amp;state=open">1</a>' in html
