"""What the process learns from its surroundings: environment variables, PORTAL_HOME and its keys file.

Read once, before Django's settings. Production never generates a key: it refuses to start with one line that names
what is missing. Elsewhere missing keys are made once and kept in PORTAL_HOME/keys.env, readable by its owner only.
"""

import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCTION = "production"
ENVIRONMENTS = ("development", "homologation", PRODUCTION)

env = environ.Env()


def read_environment() -> str:
    """Return PORTAL_ENVIRONMENT, one of ENVIRONMENTS.

    Raises ImproperlyConfigured for any other value: a typing error must not open a production system.
    """
    name = env.str("PORTAL_ENVIRONMENT", default="development")
    if name not in ENVIRONMENTS:
        raise ImproperlyConfigured(f"PORTAL_ENVIRONMENT must be one of {', '.join(ENVIRONMENTS)}, not {name!r}")
    return name


def read_home() -> Path:
    """Return PORTAL_HOME as an absolute path, made with mode 0700 when it is missing."""
    home = Path(env.str("PORTAL_HOME", default=str(BASE_DIR / "var"))).resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def read_secret(name: str, *, home: Path, environment: str) -> str:
    """Return the secret setting `name` from the environment or from PORTAL_HOME/keys.env.

    Raises ImproperlyConfigured in production and homologation when the environment does not give it.
    """
    if value := env.str(name, default=""):
        return value
    if environment != "development":
        raise ImproperlyConfigured(f"{name} is not set: {environment} does not start without it (see .env.example)")
    return _kept_secret(name, home / "keys.env")


def _kept_secret(name: str, path: Path) -> str:
    kept = _read_keys(path)
    if name not in kept:
        _append_key(path, name)
        kept = _read_keys(path)
    return kept[name]


def _read_keys(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    # The first line of a name counts: two processes that start at once may both append, both then read the same one.
    kept: dict[str, str] = {}
    for name, _, value in pairs:
        kept.setdefault(name, value)
    return kept


def _append_key(path: Path, name: str) -> None:
    value = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name == "PORTAL_DATA_KEYS":
        value = f"k1:{value}"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a") as keys:
        keys.write(f"{name}={value}\n")
