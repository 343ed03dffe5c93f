"""See as a participant: staff look at the pages that a viewer of a participant sees, and change nothing.

What is seen is in the session, with its end, and is looked at anew in each request: a right that was taken away, a
participant that was blocked and the hour's end stop it. Three things keep it from writing: the actor has the lowest
role, the middleware refuses every method but reading ones, and the audit trail takes no entry from such an actor, so
that a change that got so far is rolled back.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from access import audit
from access.actors import Actor
from access.errors import ActionError
from access.models import Participant, User
from access.requests import PortalRequest

SESSION_KEY = "seeing"
# Kept with the other rights of operations, by the floor that knows them.
PERMISSION = "portal.see_as_participant"
LASTS = timedelta(hours=1)
READING = ("GET", "HEAD", "OPTIONS")


def begin(request: PortalRequest, participant: Participant, *, reason: str) -> None:
    """Let the staff member who asks see the participant's pages from now on, in place of another's. Raises ActionError:
    blocked."""
    if participant.blocked:
        raise ActionError("blocked", _("A blocked participant's members see no page; there is nothing to look at."))
    until = timezone.now() + LASTS
    with transaction.atomic():
        end(request)
        after = {"reason": reason, "until": until}
        _record(request.user, "access.participant.seen", participant, after=after)
        request.session[SESSION_KEY] = {"participant": participant.pk, "until": until.isoformat()}


def end(request: PortalRequest) -> Participant | None:
    """End it; returns which participant was seen, None when none was."""
    kept = request.session.pop(SESSION_KEY, None)
    participant = Participant.objects.filter(pk=kept["participant"]).first() if kept else None
    if participant:
        with transaction.atomic():
            _record(request.user, "access.participant.seen_ended", participant)
    return participant


def pick(request: PortalRequest) -> Actor | None:
    """Return the actor that sees, None when this session sees nobody or may no longer."""
    kept = request.session.get(SESSION_KEY)
    if not kept or not _allowed(request.user) or _until(kept) <= timezone.now():
        return None
    participant = Participant.objects.filter(pk=kept["participant"], blocked_at__isnull=True).first()
    return Actor.for_seeing(request.user, participant) if participant else None


def ends_at(request: HttpRequest) -> datetime | None:
    """Return when what this session sees ends by itself."""
    kept = request.session.get(SESSION_KEY)
    return _until(kept) if kept else None


def _allowed(user: User) -> bool:
    return bool(user.is_authenticated and user.is_active and user.is_staff and user.has_perm(PERMISSION))


def _until(kept: dict[str, str]) -> datetime:
    return parse_datetime(kept["until"]) or timezone.now()


def _record(user: User, action: str, participant: Participant, **values: dict) -> None:
    audit.record(by=Actor.for_staff(user), action=action, obj=participant, participant=participant, **values)
