"""What the methods that send a token have in common: the token comes from a connection, and the fields are those of
the kinds of connection that they know."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from connections.kinds import registry
from connections.kinds.field import CHOICE, TEXTAREA, Field
from connections.kinds.kind import Kind
from webhooks.auth.method import AUTHORIZATION, BEARER, OWN_TOKEN, Asked, AuthMethod, Condition, ReceiverCheck

# Names beside those of the kinds' fields: a shared connection in place of own values, the kind, the own authorities.
CONNECTION, KIND, PRIVATE_CA = "connection", "kind", "private_ca"
OWN: Condition = (CONNECTION, ("",))

_CONNECTION = Field(
    CONNECTION,
    _("Connection"),
    CHOICE,
    required=False,
    help_text=_("The values of this webhook alone, or a connection that several share."),
    choices=(("", _("Values of this webhook")),),
)
_PRIVATE_CA = Field(
    PRIVATE_CA,
    _("Private certificate authority of the token server"),
    TEXTAREA,
    required=False,
    help_text=_("PEM text, only if the server that gives the token has no certificate of a public authority."),
    technical=True,
)


class ConnectionMethod(AuthMethod):
    """Sends `Authorization: Bearer` with a token that is fetched and kept for it (RFC 6750 2.1). Its values are those
    of a connection: one that belongs to the webhook, or one that the participant's webhooks share."""

    # The field that chooses the kind, where there is more than one.
    kind_field: ClassVar[Field | None] = None
    # Fields of its kinds that few need.
    rare: ClassVar[tuple[str, ...]] = ()

    def kind_of(self, settings: Mapping[str, str]) -> Kind:
        """Return the kind that was chosen; the first one where none was, or none that there is."""
        chosen = settings.get(KIND, "")
        return registry.get(chosen if chosen in self.kinds else self.kinds[0])

    def asked(self) -> Iterator[Asked]:
        yield Asked(_CONNECTION)
        if self.kind_field:
            yield Asked(self.kind_field, (OWN,), (OWN,))
        for name in self._names():
            yield self._asked(name)
        yield Asked(_PRIVATE_CA, (OWN,))

    def header_names(self, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        yield AUTHORIZATION, ""

    def receiver_checks(self, settings: Mapping[str, str], kind: str) -> Iterator[ReceiverCheck]:
        own = kind in registry.KINDS and registry.get(kind).issued_by_receiver
        yield ReceiverCheck(OWN_TOKEN if own else BEARER)

    def is_complete(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> bool:
        raise TypeError("whether a token can be asked for is judged by its connection")

    def helps(self, name: str) -> dict[str, Any]:
        """Return what each kind that has this field says of it."""
        fields = ((kind, field) for kind in self.kinds for field in registry.get(kind).fields if field.name == name)
        return {kind: field.help_text for kind, field in fields if field.help_text}

    def _names(self) -> list[str]:
        """The fields of all kinds, in their own order, one that several have once."""
        return list(dict.fromkeys(field.name for kind in self.kinds for field in registry.get(kind).fields))

    def _asked(self, name: str) -> Asked:
        having = {kind: field for kind in self.kinds for field in registry.get(kind).fields if field.name == name}
        field = next(iter(having.values()))
        if len({str(each.help_text) for each in having.values()}) > 1:
            field = replace(field, help_text=joined({kind: each.help_text for kind, each in having.items()}))
        shown = (OWN, *self._only(having), *((field.shown_for,) if field.shown_for else ()))
        wanting = [kind for kind, each in having.items() if each.required]
        return Asked(field, shown, (*shown, *self._only(wanting)) if wanting else None)

    def is_folded(self, name: str) -> bool:
        """Whether a field is among those that few need, folded away until they have a value."""
        return name in (*self.rare, PRIVATE_CA)

    def _only(self, kinds: Mapping[str, Field] | list[str]) -> list[Condition]:
        return [(KIND, tuple(kinds))] if len(kinds) < len(self.kinds) else []


def joined(words: Mapping[str, Any]) -> Any:
    """What is to be said of one field in several kinds, each after its kind's name."""
    parts = [format_lazy("{kind}: {text}", kind=registry.get(kind).label, text=text) for kind, text in words.items()]
    return format_lazy(" ".join(f"{{{index}}}" for index in range(len(parts))), *parts)
