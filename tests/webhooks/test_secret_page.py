"""The signing secret: shown once, to somebody who asks, in the answer itself and nowhere else."""

from django.contrib.sessions.models import Session

from access.models import AuditEntry
from tests.factories import make_webhook
from tests.people import Person
from tests.webhooks.pages import posted, text, url
from webhooks.models import Webhook


def test_the_secret_is_shown_once_after_creation(owner: Person) -> None:
    response = owner.client.post(url("webhook-create"), posted(), follow=True)
    webhook = Webhook.objects.get()
    assert "The webhook was saved." in text(response)
    assert webhook.signing_secret not in text(response)
    shown = owner.client.post(url("webhook-secret-show", webhook))
    assert webhook.signing_secret in text(shown)
    assert "no-store" in shown["Cache-Control"]
    again = owner.client.post(url("webhook-secret-show", webhook), follow=True)
    assert webhook.signing_secret not in text(again)
    assert "already shown" in text(again)


def test_x_3_the_secret_is_in_no_session_and_no_audit_entry(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    owner.client.post(url("webhook-secret-show", webhook))
    sessions = [session.get_decoded() for session in Session.objects.all()]
    audit = [(entry.before, entry.after) for entry in AuditEntry.objects.all()]
    assert "whsec_" not in str(sessions) + str(audit) + str(owner.client.cookies)


def test_a_new_secret_replaces_the_one_so_far_and_can_be_shown(owner: Person, teammate: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    owner.client.post(url("webhook-secret-show", webhook))
    teammate.client.post(url("webhook-secret-rotate", webhook))
    rotated = Webhook.objects.get()
    assert rotated.signing_secret != webhook.signing_secret
    assert rotated.signing_secret in text(teammate.client.post(url("webhook-secret-show", webhook)))
