"""The sessions of users: noted as they are used, listed for their owners, ended by them or by staff (docs/adr/0014).

A session is known by a digest of its key. An ended row refuses the session at its next request, whichever engine keeps
it and however many processes serve.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from access import audit, request_context
from access.actors import Actor
from access.models import User, UserSession

# Often enough for a list that says when; seldom enough that pages which ask every second write next to nothing.
SEEN_EVERY = timedelta(minutes=1)
# A session may be saved shortly after we last wrote when it ends.
KEPT_AFTER = timedelta(hours=1)


def digest_key(session_key: str) -> str:
    """Return what a session is known by here. Its key has 165 random bits: nobody finds it from this."""
    return hashlib.sha256(f"session:{session_key}".encode()).hexdigest()


def digest_auth(session: SessionBase) -> str:
    """Return what a session was signed in with: it changes with the user's password and with their second factor."""
    return _digest(session.get(HASH_SESSION_KEY, ""))


def find_session(request: HttpRequest) -> UserSession | None:
    """Return the row of the request's own session, ended or not. At most one query."""
    key = request.session.session_key
    return UserSession.objects.filter(key_digest=digest_key(key)).first() if key else None


def note_session(request: HttpRequest, row: UserSession | None) -> bool:
    """Write down that the signed-in user of the request was here. `row`: what `find_session` found when it came.

    Returns False when the session was ended meanwhile: it must not live on. Safe at any number of requests at once.
    """
    key, user = request.session.session_key, request.user
    if not key or not isinstance(user, User):
        return True
    if row is None or row.user_id != user.pk:
        _begin(request, user, key)
        return True
    seen = {"key_digest": digest_key(key), "auth_digest": digest_auth(request.session)}
    known = all(getattr(row, name) == value for name, value in seen.items())
    now = timezone.now()
    if known and now - row.last_seen_at < SEEN_EVERY and not request.session.modified:
        return True
    seen_now = seen | {"last_seen_at": now}
    if not known or request.session.modified:
        # It is saved, and its time begins anew; being seen alone does not prolong it.
        seen_now["expires_at"] = request.session.get_expiry_date()
    # Only while nobody has ended it: otherwise a change of its key, as a new password brings, would free it.
    where = {"address": request_context.address.get(), "user_agent": _agent(request)}
    return bool(UserSession.objects.filter(pk=row.pk, ended_at__isnull=True).update(**seen_now, **where))


def _begin(request: HttpRequest, user: User, key: str) -> None:
    row = UserSession(
        user=user,
        key_digest=digest_key(key),
        auth_digest=digest_auth(request.session),
        user_agent=_agent(request),
        address=request_context.address.get(),
        expires_at=request.session.get_expiry_date(),
    )
    # Two first requests at once note one session.
    UserSession.objects.bulk_create([row], ignore_conflicts=True)


def find_live(user: User) -> list[UserSession]:
    """Return the sessions in which `user` is signed in now, last seen first."""
    rows = UserSession.objects.running().filter(user=user, auth_digest__in=_digests_of(user))
    for row in rows:
        row.user = user
    return list(rows)


def is_outdated(row: UserSession) -> bool:
    """Whether the user of this session has another password or another second factor since: that ended it, though
    nobody wrote so into the row. No query beside that of its user."""
    return row.auth_digest not in _digests_of(row.user)


def find_outdated(rows: models.QuerySet[UserSession]) -> list[int]:
    """Return the keys of those among `rows` that are outdated. One query."""
    few = rows.select_related("user").order_by().only("auth_digest", "user__password", "user__session_epoch")
    return [row.pk for row in few.iterator() if is_outdated(row)]


def end_sessions(rows: Iterable[UserSession], *, by: Actor) -> int:
    """End these sessions, each at its next request at the latest, and return how many this call ended."""
    ended = 0
    with transaction.atomic():
        for row in rows:
            if UserSession.objects.filter(pk=row.pk, ended_at__isnull=True).update(ended_at=timezone.now()):
                ended += 1
                after = {"device": row.user_agent, "from": row.address, "since": row.started_at}
                audit.record(by=by, action="access.session.ended", obj=row, after=after)
    return ended


def sign_out(row: UserSession) -> None:
    """Its owner signed out, or signed in as somebody else: that has its own audit entry."""
    UserSession.objects.filter(pk=row.pk, ended_at__isnull=True).update(ended_at=timezone.now())


def remove_old_sessions() -> int:
    """Remove what can no longer be alive, and return how many rows. Safe to run twice."""
    removed, _each = UserSession.objects.filter(expires_at__lt=timezone.now() - KEPT_AFTER).delete()
    return removed


def _agent(request: HttpRequest) -> str:
    text = request.headers.get("User-Agent", "")[:300]
    # PostgreSQL stores no NUL; what can't be printed helps nobody.
    return "".join(letter for letter in text if letter.isprintable())


def _digests_of(user: User) -> set[str]:
    """What a session may have been signed in with; several while SECRET_KEY is being replaced."""
    return {_digest(each) for each in (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
