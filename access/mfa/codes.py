"""Codes of second factors: whether a person has one, and whether what was typed is theirs.

For sign-in and for `access.reauthentication` alike: a code counts once, and guesses are limited for each person over
all processes.
"""

import time

import structlog
from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from access.errors import ActionError
from access.mfa import mails, seeds, totp
from access.models import User

LIMIT = "mfa_code"
LAST_STEP = "last_step"
_HOUR = 3600

log = structlog.get_logger(__name__)


def has_mfa(user: User) -> bool:
    """Whether `user` signs in with a second factor. One query."""
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()


@sensitive_variables("code")
def verify_code(user: User, code: str, *, request: HttpRequest) -> Authenticator:
    """Use up a code of `user`: one of their app, or one of their recovery codes. Returns which factor it was.

    Raises ActionError: too_many_attempts (also for a right code), incorrect_code (also for one that was used before).
    The request must be a POST.
    """
    try:
        consume_try(user, request=request)
    except ActionError:
        _warn_of_guesses(user)
        raise
    typed = _bare(code)
    with transaction.atomic():
        found = _use_app_code(user, typed) or _use_recovery_code(user, typed)
    if found is None:
        raise ActionError("incorrect_code", _("This code is wrong, too old, or was used before."))
    forget_tries(user, request=request)
    return found


def consume_try(user: User, *, request: HttpRequest) -> None:
    """Count one guess at a code of `user`. Raises ActionError: too_many_attempts."""
    if request.method != "POST":
        # allauth's limits let every GET pass uncounted.
        raise ValueError("codes are checked in a POST only")
    if not ratelimit.consume(request, action=LIMIT, key=_limit_key(user)):
        words = _("Too many wrong codes. Wait five minutes; after very many, until tomorrow.")
        raise ActionError("too_many_attempts", words)


def forget_tries(user: User, *, request: HttpRequest) -> None:
    """After a right code the count of wrong ones begins anew."""
    ratelimit.clear(request, action=LIMIT, key=_limit_key(user))


def _warn_of_guesses(user: User) -> None:
    """Tell `user` that somebody types wrong codes, who must know the password already. Once an hour."""
    if cache.add(f"mfa-guessed:{user.pk}", True, timeout=_HOUR):
        try:
            mails.send_change(user, mails.Change.GUESSED)
        except OSError:
            # The one who guesses must get the same answer, whether or not the mail goes out.
            log.exception("mail_not_sent", change=mails.Change.GUESSED.value)


def _use_app_code(user: User, code: str) -> Authenticator | None:
    row = _locked(user, Authenticator.Type.TOTP)
    if row is None or len(code) != totp.DIGITS:
        return None
    with seeds.owned_by(user):
        seed = seeds.MFAAdapter().decrypt(row.data["secret"])
    step = totp.find_step(seed, code, moment=time.time())
    # RFC 6238 section 5.2: a code that was accepted is never accepted again, nor one older than it.
    if step is None or step <= row.data.get(LAST_STEP, 0):
        return None
    row.data[LAST_STEP] = step
    row.last_used_at = timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return row


def _use_recovery_code(user: User, code: str) -> Authenticator | None:
    row = _locked(user, Authenticator.Type.RECOVERY_CODES)
    if row is None:
        return None
    with seeds.owned_by(user):
        wrapped = row.wrap()
        if not wrapped.validate_code(code):
            return None
    used: Authenticator = wrapped.instance
    used.record_usage()
    return used


def _locked(user: User, kind: str) -> Authenticator | None:
    """The row of one factor, held until the transaction ends: of two requests with one code the second one waits."""
    return Authenticator.objects.select_for_update(no_key=True).filter(user_id=user.pk, type=kind).first()


def _bare(code: str) -> str:
    return "".join(code.split()).replace("-", "")


def _limit_key(user: User) -> str:
    # With the epoch: once a factor is taken away, guesses at it don't shut its owner out of setting up another.
    return f"mfa:{user.pk}:{user.session_epoch}"
