"""Tests of webhooks go when they are old."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import make_participant
from webhooks import retention
from webhooks.models import WebhookTest
from webhooks.tasks import remove_webhook_tests

pytestmark = pytest.mark.django_db


def make_test(days: float, participant: Any) -> WebhookTest:
    at = timezone.now() - timedelta(days=days)
    return WebhookTest.objects.create(participant=participant, by="somebody", at=at, finished_at=at)


def test_those_older_than_bodies_are_kept_go_in_chunks(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    participant = make_participant()
    for _number in range(5):
        make_test(30.1, participant)
    young = make_test(29.9, participant)
    remove_webhook_tests()
    assert list(WebhookTest.objects.all()) == [young]
    settings.PORTAL_KEEP_BODIES_DAYS = 10
    remove_webhook_tests()
    assert not WebhookTest.objects.exists()
