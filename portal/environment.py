"""What the process learns from its surroundings: environment variables, PORTAL_HOME and its keys file.

Read once, before Django's settings. Production never generates a key: it refuses to start with one line that names
what is missing. In development missing keys are made once and kept in PORTAL_HOME/keys.env, readable by its owner only.
"""

import fcntl
import importlib
import os
import secrets
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DEVELOPMENT = "development"
PRODUCTION = "production"
ENVIRONMENTS = (DEVELOPMENT, "homologation", PRODUCTION)
KEYS_FILE = "keys.env"
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
# Gunicorn's own "the worker can't boot": with any other code it would start the worker again for ever.
EXIT_REFUSED = 3


class Environment(environ.Env):
    """django-environ, with errors that name the variable and never show its value, which may hold a password."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        with _naming(var):
            return super().get_value(var, *args, **kwargs)

    def db_url(self, var: str, default: str) -> Any:
        scheme = self.str(var, default=default).partition(":")[0]
        if scheme not in DATABASE_SCHEMES:
            raise ImproperlyConfigured(f"{var} must begin with sqlite:/// or postgres://")
        with _naming(var):
            return super().db_url(var, default=default)

    def email_url(self, var: str, default: str) -> Any:
        with _naming(var):
            return super().email_url(var, default=default)

    def cache_url(self, var: str, default: str) -> Any:
        with _naming(var):
            return super().cache_url(var, default=default)


@contextmanager
def _naming(var: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, ImproperlyConfigured):
        if var not in os.environ:
            raise
        raise ImproperlyConfigured(f"{var} can't be read: its value has the wrong form") from None


env = Environment()


def load_settings() -> None:
    """Import the settings on behalf of an entry point; a setting that is missing or wrong ends the process by `refuse`.

    Without this Django answers with a traceback, or, for a command of ours, that the command does not exist.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except ImproperlyConfigured as error:
        refuse(str(error))


def refuse(reason: str) -> NoReturn:
    """End the process with one line on stderr."""
    sys.stderr.write(f"gancho: {reason}\n")
    sys.exit(EXIT_REFUSED)


def read_environment() -> str:
    """Return PORTAL_ENVIRONMENT, one of ENVIRONMENTS.

    Raises ImproperlyConfigured for any other value: a typing error must not open a production system.
    """
    name: str = env.str("PORTAL_ENVIRONMENT", default=DEVELOPMENT)
    if name not in ENVIRONMENTS:
        raise ImproperlyConfigured(f"PORTAL_ENVIRONMENT must be one of {', '.join(ENVIRONMENTS)}, not {name!r}")
    return name


def read_home() -> Path:
    """Return PORTAL_HOME as an absolute path, made with mode 0700 when it is missing."""
    home = Path(env.str("PORTAL_HOME", default=str(BASE_DIR / "var"))).resolve()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"PORTAL_HOME {home} can't be made: {error.strerror}") from None
    return home


def read_secrets(*names: str, home: Path, environment: str) -> list[str]:
    """Return the secret settings `names`, in this order, from the environment or from PORTAL_HOME/keys.env.

    Raises ImproperlyConfigured outside development when the environment does not give all of them; the file is then
    neither read nor written.
    """
    # Not through `env`: it takes a value that begins with "$" for the name of another variable.
    given = {name: os.environ.get(name, "").strip() for name in names}
    missing = [name for name in names if not given[name]]
    if missing and environment != DEVELOPMENT:
        verb = "is" if len(missing) == 1 else "are"
        raise ImproperlyConfigured(f"{' and '.join(missing)} {verb} not set: {environment} does not start without")
    if missing:
        given |= _kept_secrets(missing, home)
    return [given[name] for name in names]


def _kept_secrets(names: list[str], home: Path) -> dict[str, str]:
    path = home / KEYS_FILE
    try:
        with _alone_in(home):
            kept = _read_keys(path)
            fresh = {name: _generate(name) for name in names if not kept.get(name)}
            if fresh:
                _write_keys(path, kept | fresh)
    except OSError as error:
        raise ImproperlyConfigured(f"{path} can't be read or written: {error.strerror}") from None
    return {name: (kept | fresh)[name] for name in names}


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Hold a lock on the folder: processes started together must all get the keys that the first of them made."""
    folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _read_keys(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _generate(name: str) -> str:
    value = b64encode(secrets.token_bytes(48 if name == "SECRET_KEY" else 32)).decode()
    return f"k1:{value}" if name == "PORTAL_DATA_KEYS" else value


def _write_keys(path: Path, keys: Mapping[str, str]) -> None:
    """Replace the file as a whole: a crash midway leaves the old one, never half a key."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("# The keys of this development installation: what the database holds opens with these only.\n")
        file.writelines(f"{name}={value}\n" for name, value in keys.items())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
