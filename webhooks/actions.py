"""The verbs of a webhook's life. Each is one transaction with its version, its audit entry and its news."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access import audit
from access.actors import Actor
from access.errors import ActionError, ProofMissing
from access.models import Participant
from webhooks.credential_changes import changes_credentials
from webhooks.credentials import (
    let_go,
    lock_credentials,
    lock_owned,
    release_credentials,
    write_credentials,
)
from webhooks.drafts import Draft, make_draft
from webhooks.errors import InvalidWebhook, WebhookArchived
from webhooks.models import StoppedReason, Webhook
from webhooks.querysets import WebhookQuerySet
from webhooks.rules import find_holder_problems, find_problems
from webhooks.saving import fill_webhook, write_event_types, write_headers, write_products
from webhooks.signals import webhook_changed
from webhooks.signing import OVERLAP, generate_secret
from webhooks.values import WebhookValues
from webhooks.versions import audited, record_version

LOADED = ("participant", "current_version", "connection__key_pair", "client_key_pair")


def create_webhook(
    participant: Participant, *, values: WebhookValues, by: Actor, uuid: UUID | None = None, proven: bool = True
) -> Webhook:
    """Create a webhook with a signing secret of its own. Raises InvalidWebhook.

    The secret can be shown once, by `reveal_signing_secret`. `uuid` is the form's: sent twice, it makes one webhook.
    `proven` False: who acts has not just shown who they are, as pages ask of people (access.reauthentication); raises
    ProofMissing where credentials are touched.
    """
    free = uuid is not None and not Webhook.objects.filter(uuid=uuid).exclude(participant=participant).exists()

    def create() -> Webhook:
        lock_credentials(values, participant, None)
        draft = make_draft(values, None, participant)
        _refuse_invalid(draft, participant)
        _refuse_unproven(draft, proven)
        webhook = Webhook(participant=participant, created_by=by.label[:200])
        webhook.uuid = uuid if uuid and free else uuid4()
        webhook.signing_secret, webhook.signing_secret_set_at = generate_secret(), timezone.now()
        _save(webhook, draft, by=by, action="webhooks.webhook.created")
        webhook_changed.send(Webhook, webhook=webhook, created=True)
        return webhook

    try:
        return _save_as_only_holder(create, values, participant)
    except IntegrityError:
        # The same form at the same time: the database let one in, and that one is meant.
        if made := Webhook.objects.filter(participant=participant, uuid__in=[uuid]).first():
            return made
        raise


def update_webhook(webhook: Webhook, *, values: WebhookValues, by: Actor, proven: bool = True) -> Webhook:
    """Replace the values of a webhook. Returns the row as it now is. Raises InvalidWebhook, WebhookArchived.

    A webhook that the system stopped starts again when its address changes, or when `values.resume` says so. `proven`:
    as for `create_webhook`.
    """

    def update() -> Webhook:
        lock_credentials(values, webhook.participant, webhook)
        locked = _lock(webhook)
        draft = make_draft(values, locked)
        _refuse_invalid(draft, locked.participant)
        _refuse_unproven(draft, proven)
        # What operations have paused, operations start again.
        theirs = locked.stopped_reason == StoppedReason.PAUSED
        if locked.stopped and not theirs and (values.resume or values.request_uri != locked.request_uri):
            before, after = {"stopped": locked.stopped_reason}, {"stopped": False}
            locked.stopped_at, locked.stopped_reason = None, ""
            _record(locked, "webhooks.webhook.resumed", by=by, before=before, after=after)
        _save(locked, draft, by=by, action="webhooks.webhook.updated")
        webhook_changed.send(Webhook, webhook=locked, created=False)
        return locked

    return _save_as_only_holder(update, values, webhook.participant, webhook)


def archive_webhook(webhook: Webhook, *, by: Actor) -> Webhook:
    """Take a webhook out of use for good, with the connection and the certificates that belong to it alone. Archiving
    it twice changes nothing the second time."""
    with transaction.atomic():
        lock_owned(webhook)
        locked = Webhook.objects.select_for_update(of=("self",), no_key=True).select_related(*LOADED).get(pk=webhook.pk)
        if locked.archived:
            return locked
        before = {"active": locked.active, "archived": False}
        locked.active, locked.archived_at = False, timezone.now()
        left = release_credentials(locked)
        locked.save()
        let_go(left, by=by)
        _record(locked, "webhooks.webhook.archived", by=by, before=before, after={"active": False, "archived": True})
        webhook_changed.send(Webhook, webhook=locked, created=False)
    return locked


def stop_webhook(webhook: Webhook, *, reason: str, by: Actor, note: str = "") -> bool:
    """Stop a webhook for the system's own reason, or for operations (`StoppedReason.PAUSED`, with a note for the audit
    trail). Returns whether this call did it: of two at once, one does."""
    with transaction.atomic():
        running = Webhook.objects.live().filter(pk=webhook.pk, stopped_at__isnull=True)
        now, reason = timezone.now(), StoppedReason(reason).value
        if not running.update(stopped_at=now, stopped_reason=reason, updated_at=now):
            return False
        stopped = Webhook.objects.get(pk=webhook.pk)
        after = _stop_and_note(reason, note)
        _record(stopped, "webhooks.webhook.stopped", by=by, before={"stopped": False}, after=after)
        webhook_changed.send(Webhook, webhook=stopped, created=False)
    return True


def restate_stop(webhook: Webhook, *, reason: str, by: Actor, note: str = "") -> bool:
    """Give a stop another reason, from now on, with a note as `stop_webhook`. Returns whether this call did it; see
    `resume_webhook`."""
    with transaction.atomic():
        now, reason = timezone.now(), StoppedReason(reason).value
        if not _still_stopped(webhook).update(stopped_at=now, stopped_reason=reason, updated_at=now):
            return False
        restated, before = Webhook.objects.get(pk=webhook.pk), {"stopped": webhook.stopped_reason}
        _record(restated, "webhooks.webhook.stopped", by=by, before=before, after=_stop_and_note(reason, note))
        webhook_changed.send(Webhook, webhook=restated, created=False)
    return True


def resume_webhook(webhook: Webhook, *, by: Actor) -> bool:
    """Start a webhook again that the system has stopped; what is held stays held until a person decides.

    Returns whether this call did it. It does nothing when the webhook is no longer what the caller saw: started since,
    stopped once more, archived, or configured anew.
    """
    with transaction.atomic():
        if not _still_stopped(webhook).update(stopped_at=None, stopped_reason="", updated_at=timezone.now()):
            return False
        running, before = Webhook.objects.get(pk=webhook.pk), {"stopped": webhook.stopped_reason}
        _record(running, "webhooks.webhook.resumed", by=by, before=before, after={"stopped": False})
        webhook_changed.send(Webhook, webhook=running, created=False)
    return True


def rotate_signing_secret(webhook: Webhook, *, by: Actor) -> Webhook:
    """Make a new signing secret. The one so far signs as well for a day, unless nobody has ever seen it: pressing the
    button twice must not push out the secret that receivers use."""
    with transaction.atomic():
        locked = _lock(webhook)
        now = timezone.now()
        if locked.signing_secret_shown_at is not None:
            locked.previous_signing_secret = locked.signing_secret
            locked.previous_signing_secret_until = now + OVERLAP
        locked.signing_secret, locked.signing_secret_version = generate_secret(), uuid4()
        locked.signing_secret_set_at, locked.signing_secret_shown_at = now, None
        before = audited(locked.current_version)
        locked.save()
        version = record_version(locked, by=by.label)
        before, after = audit.changes(before, audited(version))
        _record(locked, "webhooks.webhook.signing_secret_rotated", by=by, before=before, after=after)
        webhook_changed.send(Webhook, webhook=locked, created=False)
    return locked


def end_signing_overlap(webhook: Webhook, *, by: Actor) -> bool:
    """Let the signing secret before this one sign no longer, from the next attempt on, and forget it. Returns whether
    this call did it: of two presses at once, one does. Raises WebhookArchived."""
    with transaction.atomic():
        locked = _lock(webhook)
        until, now = locked.previous_signing_until, timezone.now()
        if until is None:
            return False
        locked.previous_signing_secret, locked.previous_signing_secret_until = "", now
        locked.save()
        # Another version, so that every sender makes its plan anew.
        record_version(locked, by=by.label)
        before, after = {"previous_secret_signs_until": until}, {"previous_secret_signs_until": now}
        _record(locked, "webhooks.webhook.signing_overlap_ended", by=by, before=before, after=after)
        webhook_changed.send(Webhook, webhook=locked, created=False)
    return True


def reveal_signing_secret(webhook: Webhook, *, by: Actor) -> str:
    """Return the signing secret, once. Raises ActionError: already_shown. Of two presses at once, one gets it."""
    with transaction.atomic():
        never_shown = Webhook.objects.live().filter(pk=webhook.pk, signing_secret_shown_at__isnull=True)
        if not never_shown.update(signing_secret_shown_at=timezone.now()):
            message = _("The signing secret was already shown. If it was not kept, make a new one.")
            raise ActionError("already_shown", message)
        shown = Webhook.objects.get(pk=webhook.pk)
        _record(shown, "webhooks.webhook.signing_secret_shown", by=by, before={}, after={})
        return shown.signing_secret


def _lock(webhook: Webhook) -> Webhook:
    locked = Webhook.objects.select_for_update(of=("self",), no_key=True).select_related(*LOADED)
    found = locked.get(pk=webhook.pk)
    if found.archived:
        raise WebhookArchived
    return found


def _refuse_invalid(draft: Draft, participant: Participant) -> None:
    if problems := find_problems(draft, participant):
        raise InvalidWebhook(problems)


def _refuse_unproven(draft: Draft, proven: bool) -> None:
    if not proven and changes_credentials(draft):
        raise ProofMissing


def _save(webhook: Webhook, draft: Draft, *, by: Actor, action: str) -> None:
    now, before = timezone.now(), audited(webhook.current_version)
    fill_webhook(webhook, draft, now=now)
    left = write_credentials(webhook, draft, by=by)
    webhook.save()
    let_go(left, by=by)
    write_headers(webhook, draft.headers, now=now)
    write_products(webhook, draft.values.products)
    write_event_types(webhook, draft.values.event_types)
    if version := record_version(webhook, by=by.label):
        before, after = audit.changes(before, audited(version))
        _record(webhook, action, by=by, before=before, after=after)


def _save_as_only_holder(
    save: Callable[[], Webhook], values: WebhookValues, participant: Participant, webhook: Webhook | None = None
) -> Webhook:
    """Two saves at once may both have found the place of the suspect score free: the database lets one have it."""
    try:
        with transaction.atomic():
            return save()
    except IntegrityError:
        problems = list(find_holder_problems(values, participant, webhook))
        if not problems:
            raise
    raise InvalidWebhook(problems)


def _still_stopped(webhook: Webhook) -> WebhookQuerySet:
    """The row of `webhook` while it is as it was seen: the same stop, the same configuration."""
    seen = {"stopped_at": webhook.stopped_at, "current_version": webhook.current_version_id}
    live: WebhookQuerySet = Webhook.objects.live()
    return live.filter(pk=webhook.pk, stopped_at__isnull=False, **seen)


def _stop_and_note(reason: str, note: str) -> dict[str, Any]:
    return {"stopped": reason} | ({"note": note} if note else {})


def _record(webhook: Webhook, action: str, *, by: Actor, **values: dict[str, Any]) -> None:
    audit.record(by=by, action=action, obj=webhook, participant=webhook.participant, **values)
