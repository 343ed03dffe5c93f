"""Sending what is due: claim a notice, mail it to each reader, mark it. No lock is held while a mail server is asked.

A job that dies at any line leaves a row that falls due again when its lease ends, and then only the one mail that was
sent and not yet noted is repeated. Two jobs at once take different rows.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPServerDisconnected,
)
from uuid import uuid4

import structlog
from django.core.mail import get_connection
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from notices.mails import build_mail
from notices.models import Notice, NoticeState
from notices.querysets import NoticeQuerySet
from notices.readers import Reader, find_readers

logger = structlog.get_logger(__name__)

# Longer than a mail server can make us wait for one mail: each of its answers may take as long as EMAIL_TIMEOUT.
LEASE = timedelta(minutes=10)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
# With the pauses between them about a day.
MOST_TRIES = 13
# The other jobs wait while this one runs: it takes no new notice after so long.
RUN_SECONDS = 20.0
# What says something about the server and not about the mail.
_OF_THE_SERVER = (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPServerDisconnected,
)
NOBODY = gettext_noop("There is nobody to tell: no active member who looks after webhooks, or no operator.")
GIVEN_UP = gettext_noop("Given up: whoever sent it did not come to an end.")


class MailServerAway(Exception):
    """The mail server can't be reached: no use to go on with the others now."""


def send_due() -> int:
    """Send the notices that are due, one after the other, for RUN_SECONDS at most; return how many were sent."""
    ends_at, sent = time.monotonic() + RUN_SECONDS, 0
    try:
        while time.monotonic() < ends_at and (notice := claim_next(timezone.now())):
            sent += _send(notice, ends_at)
    except MailServerAway:
        logger.warning("notices.mail_server_away")
    return sent


def claim_next(now: datetime) -> Notice | None:
    """Take the notice that has been due for longest, for the length of a lease; None when there is none."""
    for notice in Notice.objects.due(now)[:20]:
        seen = Notice.objects.filter(pk=notice.pk, state=NoticeState.WAITING, due_at=notice.due_at)
        token = uuid4()
        # Another job may have been faster.
        if seen.update(due_at=now + LEASE, lease_token=token, tries=F("tries") + 1):
            notice.lease_token, notice.tries = token, notice.tries + 1
            return notice
    return None


def compute_pause(tries: int) -> timedelta | None:
    """Return how long to wait after try number `tries`, None to give up. Pure."""
    if tries >= MOST_TRIES:
        return None
    return min(FIRST_PAUSE * 2 ** min(tries - 1, 20), LONGEST_PAUSE)


def _send(notice: Notice, ends_at: float) -> bool:
    if notice.tries > MOST_TRIES:
        _end(notice, NoticeState.FAILED, GIVEN_UP)
        return False
    readers = find_readers(notice)
    if not readers:
        _end(notice, NoticeState.FAILED, NOBODY)
        return False
    try:
        whole = _mail_all(notice, readers, ends_at)
    except Exception as error:
        _put_off(notice, error)
        if _is_away(error):
            raise MailServerAway from error
        return False
    return whole and _end(notice, NoticeState.SENT)


def _mail_all(notice: Notice, readers: Sequence[Reader], ends_at: float) -> bool:
    """Mail each reader who has it not yet, and note each; False when others are to go on with the rest.

    One reader who is refused keeps it from nobody else.
    """
    refused: Exception | None = None
    missing = [reader for reader in readers if reader.address not in notice.told]
    with get_connection() as connection:
        for number, reader in enumerate(missing):
            if number and time.monotonic() >= ends_at:
                return _hand_back(notice)
            mail = build_mail(notice, reader)
            mail.connection = connection
            try:
                mail.send()
            except SMTPServerDisconnected:
                raise
            except SMTPException as error:
                refused = error
                continue
            if not _note(notice, reader):
                return False
    if refused:
        raise refused
    return True


def _note(notice: Notice, reader: Reader) -> bool:
    """Write down that a reader has it, and renew the lease; False when the lease has passed to another job."""
    notice.told = [*notice.told, reader.address]
    return bool(_ours(notice).update(told=notice.told, due_at=timezone.now() + LEASE))


def _hand_back(notice: Notice) -> bool:
    """A slow mail server: the next run goes on with the readers who are left. Not a try that failed."""
    _ours(notice).update(due_at=timezone.now(), lease_token=None, tries=F("tries") - 1)
    return False


def _end(notice: Notice, state: str, error: str = "") -> bool:
    sent_at = timezone.now() if state == NoticeState.SENT else None
    values = {"state": state, "due_at": None, "lease_token": None, "sent_at": sent_at, "last_error": error}
    if error:
        logger.warning("notices.failed", notice=str(notice.uuid), kind=notice.kind, reason=error)
    return bool(_ours(notice).update(**values))


def _put_off(notice: Notice, error: Exception) -> None:
    pause, words = compute_pause(notice.tries), _describe(error)
    logger.warning("notices.not_sent", notice=str(notice.uuid), tries=notice.tries, error=words)
    if pause is None:
        _end(notice, NoticeState.FAILED, words)
        return
    _ours(notice).update(due_at=timezone.now() + pause, lease_token=None, last_error=words)


def _ours(notice: Notice) -> NoticeQuerySet:
    """The row while its lease is ours."""
    ours: NoticeQuerySet = Notice.objects.filter(pk=notice.pk, lease_token=notice.lease_token)
    return ours


def _describe(error: Exception) -> str:
    """Say what went wrong without the server's words, which may repeat what it was told."""
    code = getattr(error, "smtp_code", None) or getattr(error, "strerror", None) or ""
    return f"{type(error).__name__} {code}".strip()[:300]


def _is_away(error: Exception) -> bool:
    # SMTPException is an OSError: the others of those are the network's, or the disk's.
    return isinstance(error, _OF_THE_SERVER) or (isinstance(error, OSError) and not isinstance(error, SMTPException))
