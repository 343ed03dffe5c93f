"""The signing secret: shown once, to somebody who asks, in the answer itself and nowhere else."""

from datetime import timedelta

import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone

from access.models import AuditEntry
from tests.factories import make_webhook
from tests.people import Person
from tests.webhooks.pages import posted, text, url
from webhooks.models import Webhook
from webhooks.retention import forget_ended_secrets


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


def rotated(owner: Person) -> Webhook:
    """A webhook whose receiver knows the secret before this one."""
    webhook = make_webhook(participant=owner.participant)
    owner.client.post(url("webhook-secret-show", webhook))
    owner.client.post(url("webhook-secret-rotate", webhook))
    return Webhook.objects.get()


def test_the_page_says_until_when_two_secrets_sign_and_ends_it(owner: Person) -> None:
    webhook = rotated(owner)
    page = text(owner.client.get(url("webhook-secret", webhook)))
    assert "Two secrets sign at present." in page
    until = timezone.localtime(webhook.previous_signing_secret_until)
    assert f'datetime="{until.isoformat()}"' in page
    ended = owner.client.post(url("webhook-secret-end", webhook), follow=True)
    assert "signs no longer" in text(ended)
    assert "Two secrets sign" not in text(ended)
    again = owner.client.post(url("webhook-secret-end", webhook), follow=True)
    assert "nothing was changed" in text(again)


def test_the_overlap_ends_by_itself_and_the_old_secret_is_forgotten(owner: Person) -> None:
    webhook = rotated(owner)
    until = webhook.previous_signing_secret_until
    assert until is not None
    assert forget_ended_secrets(timezone.now()) == 0
    with time_machine.travel(until + timedelta(seconds=1)):
        assert "Two secrets sign" not in text(owner.client.get(url("webhook-secret", webhook)))
        assert forget_ended_secrets(timezone.now()) == 1
        assert forget_ended_secrets(timezone.now()) == 0
    after = Webhook.objects.get()
    assert (after.previous_signing_secret, after.signing_secret) == ("", webhook.signing_secret)


def test_a_viewer_and_an_outsider_end_no_overlap(owner: Person, viewer: Person, outsider: Person) -> None:
    webhook = rotated(owner)
    assert viewer.client.post(url("webhook-secret-end", webhook)).status_code == 403
    assert outsider.client.post(url("webhook-secret-end", webhook)).status_code == 404
    assert owner.client.get(url("webhook-secret-end", webhook)).status_code == 405
    assert Webhook.objects.get().previous_signing_until
