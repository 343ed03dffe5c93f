"""Operations pause webhooks and start them again: with the effect shown first, a right of its own and an audit row."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from access.models import AuditEntry
from dispatch.admin.pausing import pausing_url
from dispatch.models import Delivery, Lane
from dispatch.probing import probe_stopped
from notices.models import Notice
from tests.access.test_admin_people import staff_with
from tests.factories import make_delivery, make_webhook, webhook_values
from tests.people import Person
from tests.webhooks.pages import text
from webhooks.actions import archive_webhook, stop_webhook, update_webhook
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
LIST = "admin:webhooks_webhook_changelist"


@pytest.fixture
def delivery(owner: Person) -> Delivery:
    return make_delivery(webhook=make_webhook(participant=owner.participant, description="Mesa"))


def press(person: Person, verb: str, *webhooks: Webhook, **form: str) -> Any:
    data = {"webhook": [str(webhook.uuid) for webhook in webhooks], **form}
    return person.client.post(reverse(f"admin:webhooks_webhook_{verb}"), data)


def stopped(delivery: Delivery) -> tuple[str, str]:
    delivery.refresh_from_db()
    return Webhook.objects.get(pk=delivery.webhook_id).stopped_reason, delivery.state


def test_confirmation_names_the_effect_and_does_nothing(officer: Person, delivery: Delivery) -> None:
    for chosen in ("pause_selected", "resume_selected"):
        form = {"action": chosen, "_selected_action": [delivery.webhook_id]}
        page = officer.client.post(reverse(LIST), form, follow=True)
        assert page.status_code == 200
    page = officer.client.get(pausing_url("pause", [delivery.webhook.uuid]))
    assert "1 waiting notification is held." in text(page)
    assert stopped(delivery) == ("", "waiting")
    assert not AuditEntry.objects.filter(action="webhooks.webhook.stopped").exists()


def test_pause_holds_what_waits_tells_the_participant_and_is_recorded(officer: Person, delivery: Delivery) -> None:
    press(officer, "pause", delivery.webhook, note="floods the line")
    assert stopped(delivery) == ("paused", "held")
    entry = AuditEntry.objects.get(action="webhooks.webhook.stopped")
    assert entry.after == {"stopped": "paused", "note": "floods the line"}
    assert (entry.actor_user, entry.participant) == (officer.user, delivery.webhook.participant)
    notice = Notice.objects.get(kind="webhook_stopped")
    assert "floods" not in str(notice.context)


def test_pause_needs_its_reason(officer: Person, delivery: Delivery) -> None:
    assert press(officer, "pause", delivery.webhook).status_code == 200
    assert stopped(delivery) == ("", "waiting")


def test_participant_can_not_end_a_pause(owner: Person, officer: Person, delivery: Delivery) -> None:
    press(officer, "pause", delivery.webhook, note="x")
    webhook = Webhook.objects.get(pk=delivery.webhook_id)
    values = webhook_values(description="Mesa", request_uri="https://other.example.com/in", resume=True)
    update_webhook(webhook, values=values, by=owner.actor)
    assert stopped(delivery)[0] == "paused"
    form = text(owner.client.get(reverse("webhooks:webhook-edit", args=[webhook.uuid])))
    assert "Operations have paused this webhook." in form
    assert 'name="resume"' not in form
    page = text(owner.client.get(reverse("dispatch:webhook-detail", args=[webhook.uuid])))
    assert "Paused by operations" in page


def test_starting_again_leaves_what_is_held_to_a_decision(officer: Person, delivery: Delivery) -> None:
    press(officer, "pause", delivery.webhook, note="x")
    page = text(officer.client.get(pausing_url("resume", [delivery.webhook.uuid])))
    assert "1 held notification waits for a decision." in page
    press(officer, "resume", delivery.webhook)
    assert stopped(delivery) == ("", "held")
    assert AuditEntry.objects.filter(action="webhooks.webhook.resumed").count() == 1


def test_operations_start_what_the_system_stopped(officer: Person, delivery: Delivery) -> None:
    stop_webhook(delivery.webhook, reason="gone", by=officer.actor)
    press(officer, "resume", delivery.webhook)
    assert stopped(delivery)[0] == ""


def test_what_the_system_stopped_can_be_paused_and_is_probed_no_more(
    owner: Person, officer: Person, delivery: Delivery
) -> None:
    stop_webhook(delivery.webhook, reason="failing", by=officer.actor)
    Lane.objects.filter(webhook=delivery.webhook).update(probe_at=timezone.now())
    press(officer, "pause", delivery.webhook, note="floods the line")
    assert stopped(delivery) == ("paused", "held")
    assert Lane.objects.get(webhook=delivery.webhook).probe_at is None
    assert probe_stopped() == 0
    entry = AuditEntry.objects.filter(action="webhooks.webhook.stopped").latest("pk")
    assert (entry.before, entry.after) == ({"stopped": "failing"}, {"stopped": "paused", "note": "floods the line"})
    values = webhook_values(description="Mesa", request_uri="https://other.example.com/in", resume=True)
    update_webhook(Webhook.objects.get(pk=delivery.webhook_id), values=values, by=owner.actor)
    assert stopped(delivery)[0] == "paused"


def test_paused_one_stays_stopped_for_the_version_before(officer: Person, delivery: Delivery) -> None:
    press(officer, "pause", delivery.webhook, note="x")
    migration = import_module("webhooks.migrations.0006_paused_goes_back_as_gone")
    [step] = migration.Migration.operations
    step.reverse_code(apps, None)
    assert stopped(delivery) == ("gone", "held")


def test_a_backlog_is_counted_no_further_than_it_is_told(
    officer: Person, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dispatch.backlog", "dispatch.admin.pausing"):
        monkeypatch.setattr(f"{name}.COUNTED_AT_MOST", 2)
    for _each in range(2):
        make_delivery(webhook=delivery.webhook)
    page = text(officer.client.get(pausing_url("pause", [delivery.webhook.uuid])))
    assert "2+ waiting notifications are held." in page


def test_nothing_is_done_to_those_in_another_state(officer: Person, delivery: Delivery) -> None:
    press(officer, "resume", delivery.webhook)
    assert stopped(delivery) == ("", "waiting")
    press(officer, "pause", delivery.webhook, note="x")
    assert "none of the chosen webhooks can be paused" in text(press(officer, "pause", delivery.webhook, note="x"))
    archive_webhook(delivery.webhook, by=officer.actor)
    assert "none of the chosen" in text(press(officer, "resume", delivery.webhook))
    assert AuditEntry.objects.filter(action="webhooks.webhook.resumed").count() == 0


def test_more_than_fit_are_said_to_be_more(officer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from dispatch.admin import pausing

    monkeypatch.setattr(pausing, "MOST", 2)
    webhooks = [make_webhook() for _ in range(3)]
    form = {"action": "pause_selected", "_selected_action": [webhook.pk for webhook in webhooks]}
    page = text(officer.client.post(reverse(LIST), form, follow=True))
    assert "These are the first 2 of those chosen." in page
    assert "Pause 2 webhooks" in page


def test_address_of_a_full_page_fits_the_web_server(officer: Person) -> None:
    from dispatch.admin import pausing

    uuids = [make_webhook().uuid] * pausing.MOST
    assert len(pausing_url("resume", uuids, back=f"/admin/operations/?span={'x' * 200}")) < 4_000


def test_right_to_look_is_none_to_pause(delivery: Delivery) -> None:
    reader = Person(staff_with("view_webhook", "send_sendbatch")[0])
    for verb in ("pause", "resume"):
        assert press(reader, verb, delivery.webhook, note="x").status_code == 403
        assert reader.client.get(pausing_url(verb, [delivery.webhook.uuid])).status_code == 403
    assert stopped(delivery) == ("", "waiting")
    may = Person(staff_with("pause_webhook", "view_webhook")[0])
    assert press(may, "pause", delivery.webhook, note="x").status_code == 302
    assert stopped(delivery)[0] == "paused"


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"])
def test_way_back_leads_nowhere_else(officer: Person, delivery: Delivery, back: str) -> None:
    assert press(officer, "pause", delivery.webhook, note="x", back=back)["Location"] == reverse(LIST)
