"""Probes: one `webhook.test` now and then to a webhook that was stopped because everything failed.

It goes through the code of Testar and is kept where tests are kept, so its owner can look at it. A 2xx starts the
webhook again; what is held stays held until a person decides (delivery.md). A 410 ends the probing.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.actors import Actor
from connections.tokens import Token, obtain_token
from dispatch import clock
from dispatch.failing import compute_probe_pause
from dispatch.models import Lane
from dispatch.retry import GONE
from outbound.client import Pool
from outbound.trace import describe_unsent
from outbound.transfer import Request, Result
from webhooks.actions import restate_stop, resume_webhook
from webhooks.diagnosis import code_for
from webhooks.exchanges import describe_exchange
from webhooks.models import StoppedReason, Webhook, WebhookTest
from webhooks.plans import SendPlan
from webhooks.sending import PlanError, build_request, load_plans
from webhooks.trials import finish_trial, sample_message

logger = structlog.get_logger(__name__)

CAUSE = "probe"
BY = gettext_noop("probe of a stopped webhook")
# In one run, all in flight together: a run lasts as long as the slowest answer, the deadline at most.
AT_ONCE = 32
# Tests of a participant are counted, ten a minute: its people keep the most of these.
PER_PARTICIPANT = 3
# Every transfer ends at its own deadline; this one is for a mistake of ours.
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Probe:
    """A request on its way. `webhook` is as it was seen when the request was made."""

    webhook: Webhook
    trial: WebhookTest
    plan: SendPlan
    request: Request
    token: Token | None = None


def probe_stopped() -> int:
    """Probe the webhooks whose time has come; return how many requests were made.

    Safe to run twice and at once: a lane's next time is moved on before its request is made, by one run only. Cut off
    at any line, the next probe comes at that time. No transaction is open while receivers are waited for.
    """
    probes = list(_prepare(_claim_due()))
    for probe, result in _send(probes):
        try:
            _conclude(probe, result)
        except Exception:
            logger.exception("probing.not_recorded", webhook=str(probe.webhook.uuid))
    return len(probes)


def _claim_due() -> list[Webhook]:
    now, claimed, participants = clock.now(), list[Webhook](), Counter[int]()
    due = Lane.objects.filter(probe_at__lte=now, webhook__in=_to_be_probed()).select_related("webhook")
    for lane in due.order_by("probe_at", "pk")[: AT_ONCE * 10]:
        participants[lane.webhook.participant_id] += 1
        if participants[lane.webhook.participant_id] > PER_PARTICIPANT:
            continue
        # The next one, should this one come to nothing.
        following = now + compute_probe_pause(lane.probes_made + 1)
        seen = Lane.objects.filter(pk=lane.pk, probe_at=lane.probe_at)
        if seen.update(probe_at=following, probes_made=F("probes_made") + 1):
            claimed.append(lane.webhook)
        if len(claimed) == AT_ONCE:
            break
    return claimed


def _to_be_probed() -> Iterable[Webhook]:
    found: Iterable[Webhook] = Webhook.objects.live().filter(
        active=True, stopped_reason=StoppedReason.FAILING, participant__blocked_at__isnull=True
    )
    return found


def _prepare(webhooks: list[Webhook]) -> Iterator[Probe]:
    plans = load_plans(webhook.pk for webhook in webhooks)
    for webhook in webhooks:
        plan = plans[webhook.pk]
        trial = WebhookTest.objects.create(
            participant_id=webhook.participant_id, webhook=webhook, by=BY, at=timezone.now()
        )
        if isinstance(plan, PlanError):
            finish_trial(trial, describe_unsent(webhook.request_uri, plan.code), plan.code)
            continue
        asked = obtain_token(plan.token, use_cache=True) if plan.token else None
        if asked and asked.failure:
            exchange = describe_unsent(webhook.request_uri, asked.failure.code) | {"token": asked.exchange}
            finish_trial(trial, exchange, asked.failure.code)
            continue
        token = asked.token if asked else None
        request = build_request(plan, sample_message(trial, plan, cause=CAUSE), trial.at, token=token)
        yield Probe(webhook, trial, plan, replace(request, inspect_tls=True), token)


def _send(probes: list[Probe]) -> Iterator[tuple[Probe, Result]]:
    """Send them all at once and yield each with its result as it comes in."""
    if not probes:
        return
    pool = Pool(AT_ONCE, keep_connections=False)
    ends_at = time.monotonic() + settings.PORTAL_OUTBOUND_DEADLINE_SECONDS + GRACE_SECONDS
    try:
        for probe in probes:
            pool.start(probe.request, probe)
        while pool.in_flight and time.monotonic() < ends_at:
            yield from pool.poll(1.0)
    finally:
        pool.close()


def _conclude(probe: Probe, result: Result) -> None:
    code = code_for(result, probe.plan.auth_method)
    exchange = describe_exchange(probe.plan, probe.request, result, token=probe.token)
    trial = finish_trial(probe.trial, exchange, code)
    by, webhook = Actor.system(BY), probe.webhook
    if trial.succeeded and resume_webhook(webhook, by=by):
        logger.info("probing.resumed", webhook=str(webhook.uuid))
    elif result.status == GONE and restate_stop(webhook, reason=StoppedReason.GONE, by=by):
        logger.info("probing.gone", webhook=str(webhook.uuid))
