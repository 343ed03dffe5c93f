"""What an operator is warned of, or a process refuses to start with, so that signing in stays hard to guess."""

from typing import Any

from django.conf import settings
from django.core import checks

Found = list[checks.CheckMessage]
OURS = "gancho"
# One counts for each process by itself, the other counts nothing.
UNSHARED = ("LocMemCache", "DummyCache")


@checks.register(OURS)
def check_shared_counts(app_configs: object, **kwargs: Any) -> Found:
    backend = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
    if backend not in UNSHARED or settings.PORTAL_ENVIRONMENT == "development":
        return []
    hint = "Limits on passwords and codes are counted there: leave it out, or name a Redis."
    return [checks.Error(f"CACHE_URL is a {backend}, which processes don't share.", hint=hint, id="access.E001")]


@checks.register(OURS, deploy=True)
def check_staff_mfa(app_configs: object, **kwargs: Any) -> Found:
    if settings.PORTAL_STAFF_MFA:
        return []
    hint = "Whoever learns the password of one of them sees every participant."
    return [checks.Warning("PORTAL_STAFF_MFA is off.", hint=hint, id="access.W002")]
