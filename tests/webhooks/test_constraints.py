"""What the database refuses, once each, and that versions are append-only."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from tests.factories import make_participant, make_product, make_webhook
from webhooks.models import (
    EventTypeSubscription,
    ProductSubscription,
    Webhook,
    WebhookHeader,
    WebhookTest,
    WebhookVersion,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "columns",
    [
        {"backoff": "hope"},
        {"stopped_at": timezone.now(), "stopped_reason": ""},
        {"stopped_reason": "gone"},
        {"stopped_at": timezone.now(), "stopped_reason": "tired"},
        {"archived_at": timezone.now(), "active": True},
        {"retry_interval_seconds": 0},
        {"retry_interval_seconds": 86_401},
        {"max_attempts": 0},
        {"max_attempts": 21},
        {"rate_limit_count": 5},
        {"rate_limit_period_seconds": 60},
        {"rate_limit_count": 0, "rate_limit_period_seconds": 60},
        {"rate_limit_count": 10_001, "rate_limit_period_seconds": 60},
        {"rate_limit_count": 5, "rate_limit_period_seconds": 61},
    ],
)
def test_a_row_that_makes_no_sense_is_refused(columns: dict[str, Any]) -> None:
    webhook = make_webhook()
    with pytest.raises(IntegrityError), transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(**columns)


def test_unico_07_two_suspect_score_webhooks_of_a_participant_are_refused() -> None:
    participant = make_participant()
    make_webhook(participant=participant, notify_suspect_score=True)
    second = make_webhook(participant=participant)
    with pytest.raises(IntegrityError), transaction.atomic():
        Webhook.objects.filter(pk=second.pk).update(notify_suspect_score=True)


def test_one_header_per_name_whatever_the_case() -> None:
    webhook = make_webhook()
    WebhookHeader.objects.create(webhook=webhook, position=0, name="X-Key", secret=False, value="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookHeader.objects.create(webhook=webhook, position=1, name="x-kEY", secret=False, value="2")


@pytest.mark.parametrize(
    "columns",
    [
        {"secret": True, "value": "plain", "secret_version": uuid4()},
        {"secret": True, "value": "", "secret_version": None},
        {"secret": False, "value": "x", "secret_version": uuid4()},
    ],
)
def test_x_3_a_secret_header_has_no_plain_value(columns: dict[str, Any]) -> None:
    webhook = make_webhook()
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookHeader.objects.create(webhook=webhook, position=0, name="X-Key", **columns)


def test_one_subscription_per_product_and_per_type() -> None:
    product = make_product()
    webhook = make_webhook(products=[product], event_types=frozenset({"client-transaction"}))
    with pytest.raises(IntegrityError), transaction.atomic():
        ProductSubscription.objects.create(webhook=webhook, product=product)
    with pytest.raises(IntegrityError), transaction.atomic():
        EventTypeSubscription.objects.create(webhook=webhook, event_type="client-transaction")


def test_version_numbers_are_unique_and_count_from_one() -> None:
    webhook = make_webhook()
    row = {"webhook": webhook, "settings": {}, "secret_versions": {}, "digest": "x", "by": "test"}
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookVersion.objects.create(number=1, **row)
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookVersion.objects.create(number=0, **row)


def test_a_version_is_never_changed_not_even_by_sql() -> None:
    version = make_webhook().current_version
    with pytest.raises(TypeError):
        WebhookVersion.objects.filter(pk=version.pk).update(by="somebody else")
    with pytest.raises(TypeError):
        WebhookVersion.objects.filter(pk=version.pk).delete()
    version.by = "somebody else"
    with pytest.raises((IntegrityError, TypeError)), transaction.atomic():
        version.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhookversion SET number = 7")


def test_a_webhook_with_history_is_never_deleted() -> None:
    with pytest.raises(ProtectedError):
        make_webhook().delete()


def test_a_test_succeeds_only_when_finished_and_without_diagnosis() -> None:
    row = {"participant": make_participant(), "by": "test", "at": timezone.now(), "succeeded": True}
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookTest.objects.create(**row)
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookTest.objects.create(**row, finished_at=timezone.now(), diagnosis="gone")
