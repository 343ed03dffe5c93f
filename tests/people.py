"""The people of the tests: owner, teammate and viewer of one participant, an outsider, an officer of the operator."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.test import Client
from django.utils import timezone

from tests.factories import make_member, make_participant, make_user


@dataclass
class Person:
    """A user in the seat from which they act: a membership, or none for staff."""

    user: Any
    membership: Any = None

    @classmethod
    def staff(cls, email: str = "officer@operator.test") -> "Person":
        return cls(make_user(email=email, name="Officer", is_staff=True, is_superuser=True))

    @cached_property
    def client(self) -> Client:
        """A browser without JavaScript in which this person is signed in, and has just typed the password again."""
        client = Client()
        client.force_login(self.user)
        prove(client, self.user)
        note_session(client, self.user)
        return client

    @cached_property
    def stale_client(self) -> Client:
        """The same person in a browser that was left open: signed in, but nobody has typed the password lately."""
        client = Client()
        client.force_login(self.user)
        note_session(client, self.user)
        return client

    @property
    def actor(self) -> Any:
        from access.actors import Actor

        return Actor.for_member(self.membership) if self.membership else Actor.for_staff(self.user)

    @property
    def participant(self) -> Any:
        return self.membership.participant

    def colleague(self, role: str) -> "Person":
        """Somebody else of the same participant, in another role."""
        user = make_user(email=f"{role}@vento.test", name=role.title())
        return Person(user, make_member(user, self.participant, role))


def make_owner(participant_name: str = "Vento", email: str = "owner@vento.test") -> Person:
    """An administrator of a participant made for the purpose."""
    user = make_user(email=email, name="Owner")
    participant = make_participant(name=participant_name)
    return Person(user, make_member(user, participant, "administrator"))


def prove(client: Client, user: Any, by: str = "password") -> None:
    """Put into a session what typing the password again puts there (access.reauthentication)."""
    session = client.session
    session["proof"] = {"user": str(user.uuid), "at": timezone.now().timestamp(), "by": by}
    session.save()


def note_session(client: Client, user: Any) -> None:
    """Write down that the user is signed in there, as the answer to signing in does (access.sessions)."""
    from access.models import UserSession
    from access.sessions import digest_auth, digest_key

    session = client.session
    UserSession.objects.create(
        user=user,
        key_digest=digest_key(session.session_key or ""),
        auth_digest=digest_auth(session),
        address="127.0.0.1",
        expires_at=session.get_expiry_date(),
    )
