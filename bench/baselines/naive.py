"""One Celery task per delivery, `requests.post`, ORM saves: as most products write it."""

import time

import requests
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from bench.baselines.models import DELIVERED, Attempt, Delivery, Event, Webhook
from bench.baselines.signing import PAYLOAD, build_body, build_headers


def publish() -> int:
    """Record one event and its deliveries, and queue a task for each after the commit; return how many."""
    with transaction.atomic():
        event = Event.objects.create(type="publication.published", payload=PAYLOAD)
        webhooks = Webhook.objects.filter(active=True)
        deliveries = Delivery.objects.bulk_create(Delivery(webhook=webhook, event=event) for webhook in webhooks)
        for delivery in deliveries:
            deliver.delay_on_commit(delivery.pk)
    return len(deliveries)


@shared_task(bind=True, max_retries=5, default_retry_delay=60)
def deliver(self, delivery_id: int) -> None:  # type: ignore[no-untyped-def]
    delivery = Delivery.objects.select_related("webhook", "event").get(pk=delivery_id)
    if delivery.status == DELIVERED:
        return
    body = build_body(delivery.event.payload)
    headers = build_headers(f"msg_{delivery.uuid}", body, delivery.webhook.secret)
    attempt = Attempt.objects.create(
        delivery=delivery, number=delivery.attempt_count + 1, request_headers=headers, request_body=body.decode()
    )
    begun = time.monotonic()
    try:
        response = requests.post(delivery.webhook.url, data=body, headers=headers, timeout=15)
        response.raise_for_status()
    except requests.RequestException as error:
        attempt.error, attempt.finished_at = str(error), timezone.now()
        attempt.save()
        delivery.attempt_count += 1
        delivery.save()
        raise self.retry(exc=error) from error
    attempt.status_code, attempt.response_headers = response.status_code, dict(response.headers)
    attempt.response_body = response.text[:10_000]
    attempt.duration_ms = round((time.monotonic() - begun) * 1000)
    attempt.finished_at = timezone.now()
    attempt.save()
    delivery.status, delivery.delivered_at = DELIVERED, attempt.finished_at
    delivery.attempt_count, delivery.last_status_code = attempt.number, response.status_code
    delivery.save()
