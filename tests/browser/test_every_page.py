"""Every other page once in Chromium: content policy, console, axe, and a small phone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from dispatch.models import Delivery, SendBatch
from notices.actions import Draft, post_notice
from tests.browser.accessibility import find_violations
from tests.factories import make_delivery, make_event, make_webhook
from tests.people import Person

SignIn = Callable[[Person], None]


@pytest.fixture
def paths(owner: Person) -> list[str]:
    """Pages about a webhook that fails, its delivery, and the product it was about."""
    event = make_event()
    product = event.publication.product
    webhook = make_webhook(participant=owner.participant, products=[product])
    delivery = make_delivery(webhook=webhook, event=event, last_diagnosis="bad_request", last_status=400)
    Delivery.objects.filter(pk=delivery.pk).update(
        state="failed", reason="exhausted", due_at=None, finished_at=timezone.now(), last_attempt_at=timezone.now()
    )
    batch = SendBatch.objects.create(webhook=webhook, kind="enviar_tudo", by_label="Owner", written_at=timezone.now())
    Delivery.objects.filter(pk=delivery.pk).update(batch=batch)
    return [
        reverse("dispatch:webhook-detail", args=[webhook.uuid]),
        reverse("webhooks:webhook-list"),
        reverse("dispatch:batch-send-all", args=[webhook.uuid]),
        reverse("dispatch:batch-resend-pending", args=[webhook.uuid]),
        reverse("dispatch:batch-detail", args=[webhook.uuid, batch.uuid]),
        reverse("dispatch:delivery-detail", args=[delivery.uuid]),
        reverse("dispatch:delivery-list"),
        reverse("catalog:publication-list"),
        f"{reverse('catalog:publication-list')}?open={product.uuid}",
        reverse("catalog:product-detail", args=[product.uuid]),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_break_no_rule_of_accessibility(
    theme: Any, page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    sign_in(owner)
    page.emulate_media(color_scheme=theme)

    for path in paths:
        page.goto(path)
        assert find_violations(page) == [], path


def test_nothing_is_wider_than_a_small_phone(page: Page, sign_in: SignIn, owner: Person, paths: list[str]) -> None:
    sign_in(owner)
    page.set_viewport_size({"width": 360, "height": 740})

    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path


def test_admin_keeps_to_the_content_policy(
    page: Page, sign_in: SignIn, officer: Person, owner: Person, paths: list[str]
) -> None:
    sign_in(officer)

    with transaction.atomic():
        post_notice(Draft("dispatcher_silent", "once", values={"since": timezone.now().isoformat()}))

    keeping = [
        reverse("admin:access_auditentry_export"),
        reverse("admin:access_participant_erase", args=[owner.participant.pk]),
    ]
    for path in ["/admin/", reverse("admin:notices_notice_resend"), *keeping, *_admin_paths()]:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path


def _admin_paths() -> list[str]:
    """The list of every model, and its first row."""
    found = []
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        first = model._default_manager.first()
        if first is not None:
            found.append(reverse(f"{name}_change", args=[first.pk]))
    return found
