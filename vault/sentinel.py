"""Whether the data of this database was sealed with the keys of this process."""

from typing import Any

from django.apps import apps as installed_apps

from vault.errors import KeysMisconfigured
from vault.keys import current_key_id, keyring
from vault.models import KeySentinel
from vault.tokens import hash_matches, keyed_hash

# A value of known text, hashed with a key derived from the data key: it proves the key and tells nothing about it.
_PURPOSE = "key-sentinel"
_KNOWN = "gancho"


def check() -> list[str]:
    """Return what is wrong with the data keys, one line each; empty when all is well. For readiness.

    The first call under a new current key leaves its sentinel, unless something is wrong: a process with foreign keys
    must not make itself at home.
    """
    try:
        configured = keyring().by_id
    except KeysMisconfigured as error:
        return [str(error)]
    planted = dict(KeySentinel.objects.order_by("key_id").values_list("key_id", "fingerprint"))
    problems = [_problem(key_id, fingerprint, key_id in configured) for key_id, fingerprint in planted.items()]
    found = [problem for problem in problems if problem]
    if not found and current_key_id() not in planted:
        _plant(current_key_id())
    return found


def forget(key_id: str) -> None:
    """Let a key go that nothing uses any longer."""
    KeySentinel.objects.filter(key_id=key_id).delete()


def is_planted(key_id: str) -> bool:
    return KeySentinel.objects.filter(key_id=key_id).exists()


def plant_after_migrate(*, apps: Any = installed_apps, **_: Any) -> None:
    """Hear `post_migrate`: a new database gets its sentinel before its first secret. A flush sends it without apps."""
    try:
        apps.get_model("vault", "KeySentinel")
    except LookupError:
        return  # only some apps were migrated, this one not yet
    check()


def _problem(key_id: str, fingerprint: str, configured: bool) -> str:
    if not configured:
        return f"key {key_id!r} is missing from PORTAL_DATA_KEYS (rotate_secrets --drop lets a key go)"
    if not hash_matches(_PURPOSE, _KNOWN, fingerprint):
        return f"key {key_id!r} of PORTAL_DATA_KEYS is not the key this database knows by that name"
    return ""


def _plant(key_id: str) -> None:
    sentinel = KeySentinel(key_id=key_id, fingerprint=keyed_hash(_PURPOSE, _KNOWN, key_id=key_id))
    # Two processes may start under a new key at once.
    KeySentinel.objects.bulk_create([sentinel], ignore_conflicts=True)
