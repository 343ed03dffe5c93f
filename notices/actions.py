"""Writing notices down, and having one sent again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone
from django.utils.translation import gettext as _

from access import audit
from access.actors import Actor
from access.errors import ActionError
from notices import kinds
from notices.models import Audience, Notice, NoticeState
from notices.texts import clean, one_line

_SUBJECT_LENGTH = 200


@dataclass(frozen=True)
class Draft:
    """A notice to be written. Without a participant it is for the operators.

    `subject` names what it is about, for lists; `path` is the page of ours that the mail leads to; `values` are plain
    JSON and hold no secret. Of all drafts with the same `dedupe_key` that were ever posted, the first one counts.
    """

    kind: str
    dedupe_key: str
    participant_id: int | None = None
    subject: str = ""
    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def post_notice(draft: Draft) -> None:
    """Write a notice in the caller's transaction; see `post_notices`."""
    post_notices([draft])


def post_notices(drafts: Iterable[Draft]) -> None:
    """Write notices in the caller's transaction, all in one statement; a job sends them once that is committed.

    Posting twice is harmless: a known `dedupe_key` is passed over without breaking the transaction. Raises KeyError for
    a kind that nobody registered, TransactionManagementError outside a transaction.
    """
    rows = [_fill(draft) for draft in drafts]
    if not connection.in_atomic_block:
        raise TransactionManagementError("a notice belongs in the transaction of the change that it tells of")
    if rows:
        Notice.objects.bulk_create(rows, ignore_conflicts=True)


def resend_notice(notice: Notice, *, by: Actor) -> None:
    """Have a notice sent again: one that failed to those who don't have it yet, one that was sent to everybody.

    Raises ActionError: still_waiting.
    """
    with transaction.atomic():
        now, before = timezone.now(), {"state": notice.state, "tries": notice.tries}
        ended = Notice.objects.filter(pk=notice.pk, state=notice.state).exclude(state=NoticeState.WAITING)
        told = [] if notice.state == NoticeState.SENT else notice.told
        values = {"state": NoticeState.WAITING, "due_at": now, "tries": 0, "sent_at": None, "told": told}
        if not ended.update(**values):
            raise ActionError("still_waiting", _("This notice is waiting to be sent already."))
        after = {"state": NoticeState.WAITING, "tries": 0}
        participant = notice.participant
        audit.record(
            by=by, action="notices.notice.resent", obj=notice, participant=participant, before=before, after=after
        )


def _fill(draft: Draft) -> Notice:
    now = timezone.now()
    return Notice(
        kind=kinds.get(draft.kind).code,
        audience=Audience.OPERATORS if draft.participant_id is None else Audience.PARTICIPANT,
        participant_id=draft.participant_id,
        dedupe_key=draft.dedupe_key,
        subject=one_line(draft.subject)[:_SUBJECT_LENGTH],
        path=draft.path,
        context={name: clean(value) for name, value in draft.values.items()},
        created_at=now,
        due_at=now,
    )
