"""Who does something: the one object that views pass to actions and actions pass to the audit trail."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from django.utils.translation import gettext

from access.roles import ActorSource, Role

if TYPE_CHECKING:
    from access.models import Membership, Participant, User


@dataclass(frozen=True)
class Actor:
    """Somebody acting now: a member for one participant, a member of staff, the system, or nobody yet.

    Only a member carries a participant and a role, and staff who see as one, who change nothing (access/seeing.py).
    `label` is the name to keep where the user row may change later.
    """

    user: "User | None"
    participant: "Participant | None"
    role: Role | None
    source: ActorSource
    label: str
    seeing: bool = False

    @classmethod
    def for_member(cls, membership: "Membership") -> Self:
        user = membership.user
        return cls(user, membership.participant, Role(membership.role), ActorSource.USER, user.display_name)

    @classmethod
    def for_staff(cls, user: "User") -> Self:
        """Staff at work in the admin. It has no participant: `for_actor` gives it no row."""
        return cls(user, None, None, ActorSource.STAFF, user.display_name)

    @classmethod
    def for_seeing(cls, user: "User", participant: "Participant") -> Self:
        """Staff who look at a participant's pages as a viewer of theirs. The audit trail takes nothing from it."""
        return cls(user, participant, Role.VIEWER, ActorSource.STAFF, user.display_name, seeing=True)

    @classmethod
    def for_self(cls, user: "User") -> Self:
        """A user dealing with their own account, or one who is not (or no longer) acting for a participant."""
        return cls(user, None, None, ActorSource.USER, user.display_name)

    @classmethod
    def system(cls, label: str) -> Self:
        """A command or a job. `label` names it, such as "publish command"."""
        return cls(None, None, None, ActorSource.SYSTEM, label)

    @classmethod
    def anonymous(cls) -> Self:
        return cls(None, None, None, ActorSource.ANONYMOUS, gettext("Somebody not signed in"))

    def can(self, role: Role) -> bool:
        """Whether this actor has `role`, or a higher one, at its participant."""
        return self.role is not None and self.role.includes(role)

    @property
    def can_configure(self) -> bool:
        """For templates: technical or administrator."""
        return self.can(Role.TECHNICAL)

    @property
    def can_administer(self) -> bool:
        """For templates: administrator."""
        return self.can(Role.ADMINISTRATOR)
