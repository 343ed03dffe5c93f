"""The data keys of this installation, and the keys derived from them.

`settings.PORTAL_DATA_KEYS` is `id:base64,id:base64`, the current key first; older keys stay in the list until
`rotate_secrets --drop` says that nothing uses them. They are apart from SECRET_KEY, which signs sessions and forms
only.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from vault.errors import KeysMisconfigured, UnknownKey

KEY_BYTES = 32
# Lower case only and no SQL wildcard: ciphertexts are counted by `LIKE 'id:%'`, which SQLite compares without case.
KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class DataKey:
    """One entry of PORTAL_DATA_KEYS. The key itself stays out of its repr."""

    id: str
    material: bytes = field(repr=False)

    @property
    def fernet(self) -> Fernet:
        return Fernet(urlsafe_b64encode(self.material))


@dataclass(frozen=True)
class Keyring:
    """All configured keys, `current` being the one that seals."""

    current: DataKey
    by_id: Mapping[str, DataKey] = field(repr=False)

    def sealer(self) -> MultiFernet:
        """Return the MultiFernet over all keys: it encrypts with the current one."""
        return MultiFernet([key.fernet for key in self.by_id.values()])

    def find(self, key_id: str) -> DataKey:
        """Return the key called `key_id`. Raises UnknownKey."""
        try:
            return self.by_id[key_id]
        except KeyError:
            raise UnknownKey("unknown_key", f"key {key_id!r} is not in PORTAL_DATA_KEYS") from None


def keyring() -> Keyring:
    """Return the keys of the settings, current first. Raises KeysMisconfigured."""
    return parse_keys(settings.PORTAL_DATA_KEYS)


def current_key_id() -> str:
    """Return the id of the key that seals and signs now."""
    return keyring().current.id


def derive(purpose: str, *, key_id: str | None = None) -> bytes:
    """Return the 32-byte key of `purpose`, by HKDF-SHA256 (RFC 5869) from one data key, the current one by default.

    Whoever keeps something made with it keeps the key id beside it. Raises UnknownKey, KeysMisconfigured.
    """
    if not purpose:
        raise ValueError("a derived key needs a purpose")
    ring = keyring()
    key = ring.current if key_id is None else ring.find(key_id)
    return _derive(key, purpose)


# Kept like the data keys themselves: a claim signs a link for every body that it renders.
@lru_cache(maxsize=64)
def _derive(key: DataKey, purpose: str) -> bytes:
    info = b"gancho/v1/" + purpose.encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key.material)


@lru_cache(maxsize=8)
def parse_keys(text: str) -> Keyring:
    """Read the value of PORTAL_DATA_KEYS. Raises KeysMisconfigured, which never carries any of that value but ids."""
    entries = [entry.strip() for entry in text.split(",")]
    if not text.strip():
        raise KeysMisconfigured("no_keys", "PORTAL_DATA_KEYS is empty")
    keys = [_parse_entry(entry, place) for place, entry in enumerate(entries, start=1)]
    _refuse_repeats(keys)
    return Keyring(current=keys[0], by_id={key.id: key for key in keys})


def _parse_entry(entry: str, place: int) -> DataKey:
    key_id, colon, encoded = entry.partition(":")
    if not colon or not KEY_ID.fullmatch(key_id):
        # By its place only: what stands there may be a key without its id.
        raise KeysMisconfigured(
            "malformed_key", f"entry {place} of PORTAL_DATA_KEYS is not id:base64 (id: a-z, 0-9, -)"
        )
    # Both base64 alphabets, as openssl and Python write them.
    standard = encoded.replace("-", "+").replace("_", "/")
    try:
        material = b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        material = b""
    if len(material) != KEY_BYTES:
        raise KeysMisconfigured("malformed_key", f"key {key_id!r} in PORTAL_DATA_KEYS is not 32 bytes in base64")
    return DataKey(key_id, material)


def _refuse_repeats(keys: list[DataKey]) -> None:
    if len({key.id for key in keys}) < len(keys):
        raise KeysMisconfigured("duplicate_key_id", "PORTAL_DATA_KEYS has the same key id twice")
    # The same key under two ids would make "nothing is sealed with k1" say nothing about who can read the data.
    if len({key.material for key in keys}) < len(keys):
        raise KeysMisconfigured("duplicate_key", "PORTAL_DATA_KEYS has the same key under two ids")
