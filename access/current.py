"""Which participant the signed-in user acts for. The choice is in the session, never in a form."""

from access import seeing
from access.actors import Actor
from access.models import Membership
from access.requests import PortalRequest

SESSION_KEY = "participant"


def pick_actor(request: PortalRequest) -> Actor:
    """Return who makes this request.

    A choice in the session that no longer holds (membership ended, participant blocked) gives an actor without
    participant: the user is asked again, instead of working for another organisation without noticing.
    """
    user = request.user
    if not user.is_authenticated:
        return Actor.anonymous()
    if seen := seeing.pick(request):
        return seen
    usable = [membership for membership in request.memberships if not membership.participant.blocked]
    chosen = _chosen(request, usable)
    return Actor.for_member(chosen) if chosen else Actor.for_self(user)


def load_memberships(request: PortalRequest) -> list[Membership]:
    """Return the signed-in user's memberships, oldest first, each with its participant."""
    user = request.user
    if not user.is_authenticated:
        return []
    found = list(Membership.objects.of_user(user))
    for membership in found:
        membership.user = user
    return found


def choose(request: PortalRequest, membership: Membership) -> None:
    request.session[SESSION_KEY] = str(membership.participant.uuid)


def _chosen(request: PortalRequest, usable: list[Membership]) -> Membership | None:
    uuid = request.session.get(SESSION_KEY)
    if uuid:
        return next((each for each in usable if str(each.participant.uuid) == uuid), None)
    if not usable:
        return None
    if len(usable) > 1:
        # Kept, so that the choice doesn't move to another participant when this one is blocked a minute later.
        choose(request, usable[0])
    return usable[0]
