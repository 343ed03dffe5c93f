"""Checks of the data keys and of where sealed fields are used."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.core import checks

from vault.errors import KeysMisconfigured
from vault.keys import keyring
from vault.rotation import find_spots

HINT = "id:base64,id:base64 with the current key first; a key is 32 random bytes: openssl rand -base64 32"
CHECK_IDS = {
    "no_keys": "vault.E001",
    "malformed_key": "vault.E002",
    "duplicate_key_id": "vault.E003",
    "duplicate_key": "vault.E004",
}
# 32 random bytes hold fewer than 16 different ones about once in 10^15 tries; typed text and fillers do at once.
LEAST_DIFFERENT_BYTES = 16


@checks.register("gancho")
def check_data_keys(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    try:
        keys = keyring().by_id.values()
    except KeysMisconfigured as error:
        return [checks.Error(str(error), hint=HINT, id=CHECK_IDS[error.code])]
    found: list[checks.CheckMessage] = [
        checks.Warning(f"Key {key.id!r} of PORTAL_DATA_KEYS is not random.", hint=HINT, id="vault.W005")
        for key in keys
        if len(set(key.material)) < LEAST_DIFFERENT_BYTES
    ]
    if settings.SECRET_KEY in {entry.partition(":")[2].strip() for entry in settings.PORTAL_DATA_KEYS.split(",")}:
        found.append(checks.Error("SECRET_KEY is one of the data keys.", hint="Make two.", id="vault.E006"))
    return found


@checks.register("gancho")
def check_sealed_places(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """Two models with one label and field name would accept each other's ciphertexts if ever their uuids met."""
    places = Counter(spot.field.place for spot in find_spots())
    hint = "Give each model a label of its own."
    return [
        checks.Error(f"More than one model seals {place.label}.{place.field}.", hint=hint, id="vault.E013")
        for place, number in places.items()
        if number > 1
    ]
