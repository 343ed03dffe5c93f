"""Warning by mail before a certificate expires: its participant and the operator, once for each threshold."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.urls import reverse

from connections.expiry import WARNED_FROM, find_threshold
from connections.models import KeyPair
from connections.notice_kinds import KEY_PAIR_EXPIRING
from connections.uses import find_users
from notices.actions import Draft, post_notices
from notices.models import Notice

CHUNK = 100


def warn_of_expiries(now: datetime) -> int:
    """Write the notices that are due, chunk by chunk; return how many this call wrote.

    A notice is known by key pair, certificate and threshold, and the database keeps each once: two jobs at once, or a
    job that is cut off and runs again, warn once. Another certificate begins anew; an archived key pair is silent, and
    so is one of a blocked participant, whose members could open no page.
    """
    ids = KeyPair.objects.expiring_before(now + WARNED_FROM).filter(not_after__gt=now)
    waiting = list(ids.filter(participant__blocked_at__isnull=True).order_by("pk").values_list("pk", flat=True))
    return sum(_warn(waiting[start : start + CHUNK], now) for start in range(0, len(waiting), CHUNK))


def _warn(ids: Sequence[int], now: datetime) -> int:
    with transaction.atomic():
        # Locked against a replacement that happens now: nobody is warned of a certificate that is gone.
        locked = KeyPair.objects.select_for_update(of=("self",), no_key=True).select_related("participant")
        live = locked.live().filter(pk__in=ids).order_by("pk")
        drafts = [draft for key_pair in live for draft in _drafts(key_pair, now)]
        keys = [draft.dedupe_key for draft in drafts]
        known = set(Notice.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True))
        unknown = [draft for draft in drafts if draft.dedupe_key not in known]
        post_notices(unknown)
    return len(unknown)


def _drafts(key_pair: KeyPair, now: datetime) -> Iterator[Draft]:
    threshold = find_threshold(key_pair.not_after, now)
    if threshold is None:
        return
    key = f"{KEY_PAIR_EXPIRING}:{key_pair.uuid}:{key_pair.fingerprint[:16]}:{threshold}"
    values = {
        "key_pair": key_pair.name,
        "subject": key_pair.subject,
        "owner": key_pair.participant.name,
        "not_after": key_pair.not_after.isoformat(),
        "users": find_users(key_pair),
    }
    page = reverse("connections:key-pair-detail", args=[key_pair.uuid])
    yield Draft(KEY_PAIR_EXPIRING, f"{key}:participant", key_pair.participant_id, key_pair.name, page, values)
    page = reverse("admin:connections_keypair_change", args=[key_pair.pk])
    yield Draft(KEY_PAIR_EXPIRING, f"{key}:operators", None, key_pair.name, page, values)
