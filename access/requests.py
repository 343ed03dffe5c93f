"""The request as our views see it, for type checks."""

from django.http import HttpRequest

from access.actors import Actor
from access.models import Membership, User


class PortalRequest(HttpRequest):
    """A request that went through ActorMiddleware. Exists for annotations; nothing makes one."""

    user: User
    actor: Actor
    memberships: list[Membership]
