"""What changes a person's second factor: each change is audited, told by mail, and ends the person's other sessions."""

import base64
import secrets

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from access import audit
from access.actors import Actor
from access.errors import ActionError
from access.mfa import demand, mails, seeds
from access.mfa.codes import LAST_STEP, has_mfa
from access.models import User

# RFC 4226 section 4, R6: 160 bits.
_SEED_BYTES = 20


def make_seed() -> str:
    """Return a fresh seed in base32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(_SEED_BYTES)).decode()


@sensitive_variables("seed")
def enable_mfa(user: User, *, seed: str, step: int, by: Actor) -> list[str]:
    """Give `user` the second factor `seed`, in place of one they may have, and return fresh recovery codes.

    `step` is that of the code by which they showed to have the seed: it counts as used. The user's other sessions end;
    the caller keeps its own by `update_session_auth_hash`.
    """
    with transaction.atomic():
        _lock(user)
        replaced = has_mfa(user)
        Authenticator.objects.filter(user_id=user.pk).delete()
        with seeds.owned_by(user):
            data = {"secret": seeds.MFAAdapter().encrypt(seed), LAST_STEP: step}
            Authenticator.objects.create(
                user=user, type=Authenticator.Type.TOTP, data=data, last_used_at=timezone.now()
            )
        fresh = _make_recovery_codes(user)
        _end_sessions(user)
        verb = "mfa_replaced" if replaced else "mfa_enabled"
        audit.record(by=by, action=f"access.user.{verb}", obj=user)
        _tell(user, mails.Change.REPLACED if replaced else mails.Change.ENABLED)
    return fresh


def renew_recovery_codes(user: User, *, by: Actor) -> list[str]:
    """Make the old recovery codes worthless and return new ones. Raises ActionError: not_enabled."""
    with transaction.atomic():
        _lock(user)
        if not has_mfa(user):
            raise ActionError("not_enabled", _("Two-step sign-in is not set up."))
        fresh = _make_recovery_codes(user)
        audit.record(by=by, action="access.user.recovery_codes_renewed", obj=user)
        _tell(user, mails.Change.CODES_RENEWED)
    return fresh


def disable_mfa(user: User, *, by: Actor) -> None:
    """Let `user` sign in by password alone again. Raises ActionError: not_enabled, demanded."""
    if demand.demanders_of(user):
        raise ActionError("demanded", _("Two-step sign-in is demanded of you and can't be turned off."))
    _take_away(user, action="access.user.mfa_disabled", change=mails.Change.DISABLED, by=by)


def reset_mfa(user: User, *, by: Actor) -> None:
    """Take the second factor of somebody else away, who lost it: they sign in by password and set up another.

    Raises ActionError: not_enabled, own (one's own is a matter for one's own pages, which ask for proof).
    """
    if by.user is not None and by.user.pk == user.pk:
        raise ActionError("own", _("Nobody resets their own second factor: use the page in your profile."))
    _take_away(user, action="access.user.mfa_reset", change=mails.Change.RESET, by=by)


def _take_away(user: User, *, action: str, change: "mails.Change", by: Actor) -> None:
    with transaction.atomic():
        _lock(user)
        if not has_mfa(user):
            raise ActionError("not_enabled", _("Two-step sign-in is not set up."))
        Authenticator.objects.filter(user_id=user.pk).delete()
        _end_sessions(user)
        audit.record(by=by, action=action, obj=user)
        _tell(user, change)


def _make_recovery_codes(user: User) -> list[str]:
    kind = Authenticator.Type.RECOVERY_CODES
    Authenticator.objects.filter(user_id=user.pk, type=kind).delete()
    with seeds.owned_by(user):
        # allauth's format: ten codes of eight digits are derived from one seed, a bit mask says which were used.
        data = {"seed": seeds.MFAAdapter().encrypt(secrets.token_hex(40)), "used_mask": 0}
        made: list[str] = Authenticator.objects.create(user=user, type=kind, data=data).wrap().generate_codes()
    return made


def _end_sessions(user: User) -> None:
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])


def _lock(user: User) -> None:
    # Two set-ups at once would otherwise meet in the unique index of the factors.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _tell(user: User, change: "mails.Change") -> None:
    # The change stands whether or not the mail goes out; Django logs what failed, by a name that a partial has not.
    transaction.on_commit(lambda: mails.send_change(user, change), robust=True)
