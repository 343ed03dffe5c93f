"""A sealed value: what the database holds in place of a secret, and how it is opened.

Stored text: `<key id>:<Fernet token>`, or nothing at all for an empty secret. Inside the token stands
`label:row-uuid:field:` before the value, so a ciphertext moved to another row or field does not open there.
"""

import re
from typing import NamedTuple, Self
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.views.decorators.debug import sensitive_variables

from vault.errors import UnknownKey, UnreadableSecret
from vault.keys import KEY_ID, keyring

# A Fernet token always starts so: version byte 0x80, then the first bytes of a 64-bit time.
SEALED_TEXT = re.compile(rf"({KEY_ID.pattern}):(gAAAAA[A-Za-z0-9_-]+={{0,2}})")


class Place(NamedTuple):
    """The kind of place a value is sealed for: a constant label and the field's name. The row adds its uuid."""

    label: str
    field: str

    def prefix(self, uuid: UUID | str) -> str:
        return f"{self.label}:{UUID(str(uuid))}:{self.field}:"


class Sealed:
    """A secret as the database layer sees it: opened only by asking, with the uuid of its row.

    It holds ciphertext only, so copies and pickles of it are harmless; repr and str show not even that.
    `bound_to` is the uuid it was sealed for when that happened in this process, None when it comes from the database.
    """

    __slots__ = ("bound_to", "ciphertext", "place")

    def __init__(self, ciphertext: str, place: Place, bound_to: UUID | None = None) -> None:
        self.ciphertext = ciphertext
        self.place = place
        self.bound_to = bound_to

    @classmethod
    @sensitive_variables()
    def seal(cls, plain: str, place: Place, uuid: UUID | str) -> Self:
        """Seal `plain` for the row `uuid` with the current key."""
        row = UUID(str(uuid))
        if plain == "":
            return cls("", place, row)
        ring = keyring()
        token = ring.sealer().encrypt(_encode(place.prefix(row) + plain))
        return cls(f"{ring.current.id}:{token.decode()}", place, row)

    @sensitive_variables()
    def open(self, uuid: UUID | str) -> str:
        """Return the plain text. Raises UnreadableSecret unless it was sealed for exactly this row and field."""
        if not self:
            return ""
        match = SEALED_TEXT.fullmatch(self.ciphertext)
        if match is None:
            # Not a word of it in the message: it may be a plain value that somebody wrote past the field.
            raise UnreadableSecret("damaged", f"the {self.place.field} holds no sealed value")
        key_id, token = match.groups()
        try:
            # By the named key and no other: a key id given to a new key must show at once, not be papered over by
            # an older key that is about to be dropped.
            text = keyring().find(key_id).fernet.decrypt(token).decode()
        except UnknownKey as error:
            raise UnreadableSecret("unknown_key", f"the {self.place.field} does not open: {error}") from None
        except (InvalidToken, UnicodeDecodeError):
            raise UnreadableSecret("damaged", f"the {self.place.field} does not open with key {key_id!r}") from None
        prefix = self.place.prefix(uuid)
        if not text.startswith(prefix):
            raise UnreadableSecret("wrong_row", f"the {self.place.field} was sealed for another row or field")
        return text.removeprefix(prefix)

    @property
    def key_id(self) -> str:
        """The id of the key it is sealed with; empty for an empty secret or for text that is no sealed value."""
        match = SEALED_TEXT.fullmatch(self.ciphertext)
        return match[1] if match else ""

    def __bool__(self) -> bool:
        return self.ciphertext != ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and (self.ciphertext, self.place) == (other.ciphertext, other.place)

    def __hash__(self) -> int:
        return hash((self.ciphertext, self.place))

    def __repr__(self) -> str:
        return f"<sealed {self.key_id or '?'}>" if self else "<sealed, empty>"


@sensitive_variables()
def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # The original error carries the whole text.
        raise ValueError("a secret must be valid Unicode text") from None
