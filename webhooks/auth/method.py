"""What every authentication method is made of. See docs/adding-an-authentication-method.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connections.kinds.field import Field
from outbound.errors import HeaderRefused
from outbound.headers import check_header, check_syntax
from webhooks.errors import Problem

AUTHORIZATION = "Authorization"

# What a receiver can check: a header's whole value, HTTP Basic, a Bearer token of an issuer that publishes its keys,
# one that the receiver's own application gave. The sections of webhooks/samples.
HEADER, BASIC, BEARER, OWN_TOKEN = "header", "basic", "bearer", "own_token"


# The name of another field of the form, and the values of it with which something holds.
Condition = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Asked:
    """A field in the form of a method: asked for while all of `shown` hold, and then not to be left empty while all of
    `required` do (None: it may always be left empty)."""

    field: Field
    shown: tuple[Condition, ...] = ()
    required: tuple[Condition, ...] | None = None


@dataclass(frozen=True, repr=False)
class AuthHeader:
    """A header that a method adds to a request. `secrets` are the values that must be masked wherever they turn up."""

    name: str
    value: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<AuthHeader {self.name}>"


@dataclass(frozen=True)
class ReceiverCheck:
    """What a receiver does to know a method's requests: `kind` as above, and the header for HEADER."""

    kind: str
    header: str = AUTHORIZATION


class AuthMethod:
    """One way in which a webhook proves to its receiver who is calling. Stateless: one object serves every webhook."""

    name: ClassVar[str]
    label: ClassVar[Promise]
    explanation: ClassVar[Promise]
    # The title of its area of the form, where that is not its label.
    area: ClassVar[Promise | None] = None
    fields: ClassVar[tuple[Field, ...]] = ()
    # The kinds of connection that its token comes from; none: it needs no token.
    kinds: ClassVar[tuple[str, ...]] = ()
    # What a 401 most likely means with this method, and what to do about it.
    unauthorized_cause: ClassVar[Promise]
    unauthorized_action: ClassVar[Promise]

    def asked(self) -> Iterator[Asked]:
        """Yield what its area of the form asks for, in the order of the page."""
        for field in self.fields:
            yield Asked(field, required=() if field.required else None)

    def is_folded(self, name: str) -> bool:
        """Whether a field is among those that few need, folded away until they have a value."""
        return False

    def problems(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Problem]:
        """Yield what is wrong with the settings and the secrets (plain text) of one webhook."""
        values = {**settings, **secrets}
        for field in self.fields:
            value = values.get(field.name, "")
            if field.required and not value:
                yield _problem(field.name, "required", _("This field is required."))
            elif len(value) > field.max_length:
                message = _("At most %(limit)s characters.") % {"limit": field.max_length}
                yield _problem(field.name, "too_long", message)

    def header_names(self, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the headers this method sets: the name, and the setting that decides it (empty when it is fixed)."""
        yield from ()

    def apply(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[AuthHeader, ...]:
        """Return the headers to send. Only called with settings and secrets that have no problems."""
        return ()

    def receiver_checks(self, settings: Mapping[str, str], kind: str) -> Iterator[ReceiverCheck]:
        """Yield what a receiver checks. `kind`: of the connection that the token comes from, "" where there is none."""
        yield from ()

    def is_complete(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> bool:
        """Whether requests can be sent with these: a webhook whose method is not complete gets no deliveries."""
        return not any(self.problems(settings, secrets))

    def public_settings(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Return the settings to store in the clear: those this method knows, defaults filled in."""
        return {
            field.name: str(given.get(field.name, "")) or field.default for field in self.fields if not field.secret
        }

    def secret_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.secret)


def _problem(name: str, code: str, message: Any) -> Problem:
    return Problem(f"auth.{name}", code, message)


def header_name_problems(setting: str, name: str) -> Iterator[Problem]:
    """Yield why a header of this name can't carry a credential."""
    try:
        check_header(name, "x")
    except HeaderRefused as refused:
        yield _problem(setting, refused.code, refused.message)


def header_value_problems(setting: str, value: str) -> Iterator[Problem]:
    """Yield why this text can't be a header's value."""
    try:
        check_syntax("x", value)
    except HeaderRefused as refused:
        yield _problem(setting, refused.code, refused.message)
