"""Probes: one `webhook.test` now and then to a webhook that was stopped because everything failed.

It goes through the code of Testar and is kept where tests are kept, so its owner can look at it. A 2xx starts the
webhook again; what is held stays held until a person decides (delivery.md). A 410 ends the probing.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.actors import Actor
from connections.cache import clear_token
from connections.tokens import Token
from dispatch import clock
from dispatch.failing import compute_probe_pause
from dispatch.models import Lane
from dispatch.probe_tokens import obtain_tokens
from dispatch.retry import GONE
from dispatch.tokens import UNAUTHORIZED
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
    """A webhook about to be probed. `webhook` is as it was seen when its time had come."""

    webhook: Webhook
    trial: WebhookTest
    plan: SendPlan


@dataclass(frozen=True)
class Sent:
    """A request on its way, and the token that it carries."""

    probe: Probe
    request: Request
    token: Token | None


def probe_stopped() -> int:
    """Probe the webhooks whose time has come; return how many requests were made.

    Safe to run twice and at once: a lane's next time is moved on before its request is made, by one run only. Cut off
    at any line, the next probe comes at that time. No transaction is open while receivers are waited for.
    """
    probes = list(_prepare(_claim_due()))
    made = 0
    for sent, result in _send(_with_tokens(probes)):
        made += 1
        with _alone(sent.probe.webhook, "probing.not_recorded"):
            _conclude(sent, result)
    return made


@contextmanager
def _alone(webhook: Webhook, event: str) -> Iterator[None]:
    """What breaks with one webhook must not keep those of other participants from being probed."""
    try:
        yield
    except Exception:
        logger.exception(event, webhook=str(webhook.uuid))


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
    for webhook in webhooks:
        with _alone(webhook, "probing.not_prepared"):
            plan, trial = load_plans([webhook.pk])[webhook.pk], _begin_trial(webhook)
            if isinstance(plan, PlanError):
                finish_trial(trial, describe_unsent(webhook.request_uri, plan.code), plan.code)
            else:
                yield Probe(webhook, trial, plan)


def _begin_trial(webhook: Webhook) -> WebhookTest:
    participant_id = webhook.participant_id
    return WebhookTest.objects.create(participant_id=participant_id, webhook=webhook, by=BY, at=timezone.now())


def _with_tokens(probes: list[Probe]) -> Iterator[tuple[Probe, Token | None]]:
    """Yield each probe that can be made with its token, if it needs one; the others end here, and say why."""
    asked = obtain_tokens(probe.plan.token for probe in probes if probe.plan.token)
    for probe in probes:
        exchange = asked[probe.plan.token.cache_key] if probe.plan.token else None
        if exchange is None or exchange.failure is None:
            yield probe, exchange.token if exchange else None
            continue
        with _alone(probe.webhook, "probing.not_recorded"):
            told = describe_unsent(probe.webhook.request_uri, exchange.failure.code) | {"token": exchange.exchange}
            finish_trial(probe.trial, told, exchange.failure.code)


def _send(probes: Iterable[tuple[Probe, Token | None]]) -> Iterator[tuple[Sent, Result]]:
    """Send them all at once and yield each with its result as it comes in."""
    ready = list(probes)
    if not ready:
        return
    pool = Pool(AT_ONCE, keep_connections=False)
    ends_at = time.monotonic() + settings.PORTAL_OUTBOUND_DEADLINE_SECONDS + GRACE_SECONDS
    try:
        for probe, token in ready:
            with _alone(probe.webhook, "probing.not_sent"):
                request = _signed(probe, token)
                pool.start(request, Sent(probe, request, token))
        while pool.in_flight and time.monotonic() < ends_at:
            yield from pool.poll(1.0)
    finally:
        pool.close()


def _signed(probe: Probe, token: Token | None) -> Request:
    """The moment of the signature is the one in which the request leaves: receivers refuse old ones."""
    message = sample_message(probe.trial, probe.plan, cause=CAUSE)
    return replace(build_request(probe.plan, message, clock.now(), token=token), inspect_tls=True)


def _conclude(sent: Sent, result: Result) -> None:
    probe, token = sent.probe, sent.token
    code = code_for(result, probe.plan.auth_method)
    trial = finish_trial(probe.trial, describe_exchange(probe.plan, sent.request, result, token=token), code)
    by, webhook = Actor.system(BY), probe.webhook
    if trial.succeeded and resume_webhook(webhook, by=by):
        logger.info("probing.resumed", webhook=str(webhook.uuid))
    elif result.status == GONE and restate_stop(webhook, reason=StoppedReason.GONE, by=by):
        logger.info("probing.gone", webhook=str(webhook.uuid))
    elif result.status == UNAUTHORIZED and probe.plan.token and token:
        # The next probe, and whatever else is sent with this connection, goes with another one.
        clear_token(probe.plan.token, token.value, now=clock.now())
