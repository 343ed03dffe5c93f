"""What participants are told by mail of their webhooks: trouble and its end, a stop and its end.

The notice is written in the transaction of the news itself, so it is never told of something that was undone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from dispatch.models import Delivery, Lane, State
from dispatch.news import LaneChange
from dispatch.notice_kinds import WEBHOOK_FAILING, WEBHOOK_RECOVERED, WEBHOOK_RESUMED, WEBHOOK_STOPPED
from notices.actions import Draft, post_notice, post_notices
from notices.models import Notice
from outbound.masking import masked_url
from webhooks.models import StoppedReason, Webhook

# What a lane forgets when its webhook starts again: another stop needs new failures.
STARTED_ANEW: dict[str, Any] = {
    "failures_in_row": 0,
    "failing_since": None,
    "trouble_told_at": None,
    "stop_told_at": None,
    "probe_at": None,
    "probes_made": 0,
}


def tell_of_lanes(changes: Sequence[LaneChange], *, now: datetime) -> None:
    """Tell the owners of webhooks whose trouble began or is over: of a beginning once an hour and webhook.

    Belongs in the transaction of the results, after their lanes are locked and written. A constant number of
    statements, none without changes. A lane whose hour has had its notice goes back to "nothing told", so that the
    trouble is told in the next hour if it lasts, and its end is not told to people who never heard of its beginning.
    """
    if not changes:
        return
    webhooks = _load(change.webhook_id for change in changes)
    keys = {pk: _hourly_key(webhook, now) for pk, webhook in webhooks.items()}
    # The lanes are locked: nobody else writes a notice about these webhooks now.
    used = set(Notice.objects.filter(dedupe_key__in=keys.values()).values_list("dedupe_key", flat=True))
    drafts, untold = list[Draft](), set[int]()
    for change in changes:
        webhook, key = webhooks[change.webhook_id], keys[change.webhook_id]
        if change.kind == "exhausted" and key in used:
            untold.add(change.webhook_id)
        elif change.kind == "exhausted":
            used.add(key)
            drafts.append(_trouble(webhook, key, change.diagnosis))
        elif change.webhook_id in untold:
            untold.remove(change.webhook_id)
        else:
            drafts.append(_recovery(webhook, now))
    post_notices(drafts)
    if untold:
        Lane.objects.filter(webhook__in=untold).update(trouble_told_at=None)


def tell_of_stop(webhook: Webhook) -> None:
    """Tell of a stop once, and once when it is over; decided by what the webhook is now, so twice does no harm.

    Belongs in the transaction of the change, which has locked the webhook and what waits for it.
    """
    lane = Lane.objects.filter(webhook=webhook)
    if webhook.archived:
        lane.filter(stop_told_at__isnull=False).update(**STARTED_ANEW)
    elif webhook.stopped:
        Lane.objects.get_or_create(webhook=webhook)
        untold = lane.exclude(stop_told_at=webhook.stopped_at)
        probed = webhook.stopped_reason == StoppedReason.FAILING
        if untold.update(stop_told_at=webhook.stopped_at, **({} if probed else {"probe_at": None})):
            post_notice(_stop(webhook))
    elif (told_at := lane.filter(stop_told_at__isnull=False).values_list("stop_told_at", flat=True).first()) and (
        lane.filter(stop_told_at=told_at).update(**STARTED_ANEW)
    ):
        post_notice(_resumption(webhook, told_at))


def _load(webhook_ids: Iterable[int]) -> dict[int, Webhook]:
    shown = Webhook.objects.only("uuid", "description", "request_uri", "participant_id")
    return shown.in_bulk(set(webhook_ids))


def _hourly_key(webhook: Webhook, now: datetime) -> str:
    return f"{WEBHOOK_FAILING}:{webhook.uuid}:{now:%Y-%m-%dT%H}"


def _trouble(webhook: Webhook, key: str, diagnosis: str) -> Draft:
    return _draft(webhook, WEBHOOK_FAILING, key, diagnosis=diagnosis)


def _recovery(webhook: Webhook, now: datetime) -> Draft:
    return _draft(webhook, WEBHOOK_RECOVERED, f"{WEBHOOK_RECOVERED}:{webhook.uuid}:{now.isoformat()}")


def _stop(webhook: Webhook) -> Draft:
    assert webhook.stopped_at is not None
    key = f"{WEBHOOK_STOPPED}:{webhook.uuid}:{webhook.stopped_at.isoformat()}"
    return _draft(webhook, WEBHOOK_STOPPED, key, reason=webhook.stopped_reason, since=webhook.stopped_at.isoformat())


def _resumption(webhook: Webhook, told_at: datetime) -> Draft:
    key = f"{WEBHOOK_RESUMED}:{webhook.uuid}:{told_at.isoformat()}"
    held = Delivery.objects.filter(webhook=webhook, state=State.HELD).count()
    return _draft(webhook, WEBHOOK_RESUMED, key, held=held, since=told_at.isoformat())


def _draft(webhook: Webhook, kind: str, dedupe_key: str, **values: Any) -> Draft:
    return Draft(
        kind=kind,
        dedupe_key=dedupe_key,
        participant_id=webhook.participant_id,
        subject=webhook.description,
        path=reverse("dispatch:webhook-detail", args=[webhook.uuid]),
        values={"webhook": webhook.description, "address": masked_url(webhook.request_uri), **values},
    )
