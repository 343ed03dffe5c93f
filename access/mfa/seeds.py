"""How the seeds of second factors are sealed: with a key of their own, and for one person only."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from access.models import User
from vault import derived

PURPOSE = "second-factor"

# allauth's hooks are not told whose seed they are given.
_owner: ContextVar[str] = ContextVar("owner_of_the_seed")


@contextmanager
def owned_by(user: User) -> Iterator[None]:
    """For the length of a `with` block allauth seals and opens seeds of `user`, and of nobody else."""
    token = _owner.set(str(user.uuid))
    try:
        yield
    finally:
        _owner.reset(token)


class MFAAdapter(DefaultMFAAdapter):
    """Our answers to allauth.mfa. Outside `owned_by` no seed is sealed or opened: LookupError."""

    @sensitive_variables()
    def encrypt(self, text: str) -> str:
        return derived.seal(PURPOSE, text, owner=_owner.get())

    @sensitive_variables()
    def decrypt(self, encrypted_text: str) -> str:
        return derived.unseal(PURPOSE, encrypted_text, owner=_owner.get())

    def get_totp_issuer(self) -> str:
        # Not the Host header, as allauth's own: whoever sends it would choose the name in the app.
        return f"Gancho {settings.PORTAL_OPERATOR_NAME}"
