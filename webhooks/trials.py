"""Testar: send one notification with the values of a form, saved or not, and keep what came of it.

It makes no event and no delivery, and touches neither status nor rate limit. It goes through the very code that sends
deliveries: build_plan, build_request, outbound.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access import audit
from access.actors import Actor
from access.errors import ProofMissing
from access.models import Participant
from catalog.periods import Periodicity, parse_period
from connections.errors import CannotUse
from connections.tokens import Token, obtain_token
from outbound import client
from outbound.masking import masked_url
from outbound.trace import describe_unsent
from webhooks.credential_changes import gives_stored_away
from webhooks.diagnosis import code_for
from webhooks.drafts import Draft, make_draft
from webhooks.errors import CannotPlan, InvalidWebhook, TooManyTests
from webhooks.event_types import WEBHOOK_TEST, EventContent, dump
from webhooks.exchanges import describe_exchange
from webhooks.formats import render
from webhooks.models import Webhook, WebhookTest
from webhooks.plans import OwnHeader, PlanParts, SendPlan, build_plan
from webhooks.rules import find_request_problems
from webhooks.sending import Message, build_request
from webhooks.signing import generate_secret
from webhooks.values import WebhookValues

TESTS_PER_MINUTE = 10
CAUSE = "testar"
SAMPLE_FILE = "webhooks/test-publication.csv"


def try_webhook(
    participant: Participant, *, values: WebhookValues, webhook: Webhook | None = None, by: Actor, proven: bool = True
) -> WebhookTest:
    """Send one test notification; `webhook` is the one being edited, whose kept secrets and signing secret are used.

    Blocks for at most the outbound deadline and holds no transaction meanwhile. Raises InvalidWebhook, TooManyTests,
    and ProofMissing when a stored credential would go to another server and it is not `proven` who acts.
    """
    draft = make_draft(values, webhook, participant)
    if problems := find_request_problems(draft):
        raise InvalidWebhook(problems)
    if not proven and gives_stored_away(draft):
        raise ProofMissing
    trial = _reserve(participant, draft, by=by)
    exchange, code = _send(trial, draft, participant)
    return finish_trial(trial, exchange, code)


def _reserve(participant: Participant, draft: Draft, *, by: Actor) -> WebhookTest:
    """Write the row before the request: it is counted even if this process dies while it waits."""
    now = timezone.now()
    with transaction.atomic():
        # Tests of one participant queue up here, so that two at once can't both be the tenth.
        Participant.objects.select_for_update(no_key=True).get(pk=participant.pk)
        last_minute = WebhookTest.objects.filter(participant=participant, at__gt=now - timedelta(minutes=1))
        if last_minute.count() >= TESTS_PER_MINUTE:
            raise TooManyTests(TESTS_PER_MINUTE)
        trial = WebhookTest.objects.create(participant=participant, webhook=draft.webhook, by=by.label[:200], at=now)
        after = {"request_uri": masked_url(draft.values.request_uri), "auth_method": draft.values.auth_method}
        after |= draft.token.audited() if draft.token else {}
        obj = draft.webhook or trial
        audit.record(by=by, action="webhooks.webhook.tested", obj=obj, participant=participant, after=after)
    return trial


def _send(trial: WebhookTest, draft: Draft, participant: Participant) -> tuple[dict[str, Any], str]:
    try:
        plan = build_plan(_parts(draft, participant))
    except (CannotPlan, CannotUse) as cannot:
        return describe_unsent(draft.values.request_uri, cannot.code), cannot.code
    # Past the cache: whoever presses the button wants to see whether a token can be had now.
    asked = obtain_token(plan.token) if plan.token else None
    told = {"token": asked.exchange} if asked else {}
    if asked and asked.failure:
        return describe_unsent(plan.url, asked.failure.code) | told, asked.failure.code
    exchange, code = _post(trial, plan, asked.token if asked else None)
    return exchange | told | {"temporary_signature": draft.webhook is None}, code


def _post(trial: WebhookTest, plan: SendPlan, token: Token | None) -> tuple[dict[str, Any], str]:
    message = sample_message(trial, plan, cause=CAUSE)
    request = build_request(plan, message, timezone.now(), token=token)
    result = client.send(replace(request, inspect_tls=True))
    return describe_exchange(plan, request, result, token=token), code_for(result, plan.auth_method)


def finish_trial(trial: WebhookTest, exchange: dict[str, Any], code: str) -> WebhookTest:
    """Complete the row with what came of its request; `code`: of webhooks.diagnosis, empty for a success."""
    trial.finished_at, trial.exchange = timezone.now(), exchange
    trial.succeeded, trial.diagnosis = not code, code
    trial.response_status = exchange["response"]["status"]
    with transaction.atomic():
        # Saved only while it is there: its participant may have been erased meanwhile, and saving would insert it.
        if WebhookTest.objects.select_for_update(no_key=True).filter(pk=trial.pk).exists():
            trial.save()
    return trial


def _parts(draft: Draft, participant: Participant) -> PlanParts:
    return PlanParts(
        participant_id=participant.pk,
        url=draft.values.request_uri,
        auth_method=draft.values.auth_method,
        auth_settings=draft.auth_settings,
        auth_secrets=draft.auth_secrets,
        own_headers=tuple(OwnHeader(header.name, header.value, header.secret) for header in draft.headers),
        private_ca=draft.values.private_ca,
        signing_secrets=tuple(_signing_secrets(draft.webhook)),
        token=draft.token.source() if draft.token else None,
        client_key=draft.client_key_pair.material,
        overlap_until=draft.webhook.previous_signing_secret_until if draft.webhook else None,
        body_format=draft.values.body_format,
    )


def _signing_secrets(webhook: Webhook | None) -> Iterable[str]:
    # A webhook that does not exist yet has no secret to share with its receiver; the page says so.
    secrets = (webhook.signing_secret, webhook.previous_signing_secret) if webhook else (generate_secret(),)
    return filter(None, secrets)


def sample_message(trial: WebhookTest, plan: SendPlan, *, cause: str) -> Message:
    """Return what is sent for `trial`: a `webhook.test` in the body format of its plan."""
    rendered = render(plan.body_format, sample_content(trial.at))
    return Message(trial.uuid, trial.uuid, WEBHOOK_TEST, cause, rendered.body, rendered.content_type)


def sample_content(now: datetime) -> EventContent:
    """Return the content of a test: in the form of a publication of this month, with a file that can be fetched."""
    period = parse_period(f"{timezone.localtime(now):%Y-%m}", Periodicity.MONTHLY)
    payload = {
        "Nome": _("Webhook test"),
        "Processo": _("Test"),
        "MacroProcesso": _("Test"),
        "DataProduto": period.reference_text(),
        "Periodicidade": period.start_text(),
        "PeriodicidadeFinal": period.end_text(),
    }
    link = f"{settings.PORTAL_BASE_URL}{settings.STATIC_URL}{SAMPLE_FILE}"
    return EventContent(WEBHOOK_TEST, now, dump(payload), link)
