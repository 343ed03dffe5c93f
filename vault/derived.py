"""Sealing what can't live in a SealedField: a column of somebody else's model, a value in a session.

Each purpose has a key of its own, derived from the data key. Stored text: `<key id>:<Fernet token>`; inside the token
stands `purpose:owner:` before the value, so that it does not open for another owner or purpose.
"""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from django.views.decorators.debug import sensitive_variables

from vault.errors import UnknownKey, UnreadableSecret
from vault.keys import current_key_id, derive
from vault.sealed import SEALED_TEXT


@sensitive_variables()
def seal(purpose: str, plain: str, *, owner: str) -> str:
    """Return `plain` sealed for `owner` (a uuid, without colons) with the current key."""
    if ":" in owner or not owner:
        raise ValueError("the owner of a sealed value is a word without colons")
    key_id = current_key_id()
    token = _fernet(purpose, key_id).encrypt(f"{purpose}:{owner}:{plain}".encode())
    return f"{key_id}:{token.decode()}"


@sensitive_variables()
def unseal(purpose: str, text: str, *, owner: str) -> str:
    """Return the plain text. Raises UnreadableSecret unless it was sealed for exactly this purpose and owner."""
    match = SEALED_TEXT.fullmatch(text)
    if match is None:
        raise UnreadableSecret("damaged", f"{purpose} holds no sealed value")
    key_id, token = match.groups()
    try:
        plain = _fernet(purpose, key_id).decrypt(token).decode()
    except UnknownKey as error:
        raise UnreadableSecret("unknown_key", f"{purpose} does not open: {error}") from None
    except (InvalidToken, UnicodeDecodeError):
        raise UnreadableSecret("damaged", f"{purpose} does not open with key {key_id!r}") from None
    prefix = f"{purpose}:{owner}:"
    if not plain.startswith(prefix):
        raise UnreadableSecret("wrong_row", f"{purpose} was sealed for another owner")
    return plain.removeprefix(prefix)


def _fernet(purpose: str, key_id: str) -> Fernet:
    return Fernet(urlsafe_b64encode(derive(f"seal/{purpose}", key_id=key_id)))
