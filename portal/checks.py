"""What a process refuses to start with, and what an operator is warned of. Secrets' own checks are in vault/checks.py.

Commands of manage.py run these by themselves; the web processes, for which Django runs none, call `stop_on_errors`.
"""

import os
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from outbound.policy import load_policy
from portal.broker import BROKERS, NO_BROKER, broker_schemes
from portal.environment import DEVELOPMENT, KEYS_FILE, PRODUCTION, refuse

OURS = "gancho"
SECRET_KEY_LENGTH = 32
SECRET_KEY_DIFFERENT = 8
METRICS_TOKEN_LENGTH = 16
# As long as a session: more would be a session that never asks.
LONGEST_PROOF_MINUTES = 720

Found = list[checks.CheckMessage]


def stop_on_errors(*, tags: Sequence[str] | None = (OURS,)) -> None:
    """End the process with one line when one of our checks finds an error; `tags=None`: or any other check."""
    found = sorted(checks.run_checks(tags=tags), key=lambda message: message.id or "")
    errors = [
        f"{message.msg} ({message.id})" for message in found if message.is_serious() and not message.is_silenced()
    ]
    if errors:
        refuse(" ".join(errors))


def stop_without_broker() -> None:
    """End a Celery worker or beat that has no broker, or that any check finds an error for."""
    if not settings.PORTAL_HAS_BROKER:
        refuse("CELERY_BROKER_URL is not set: without a broker run `manage.py dispatcher` and `manage.py jobs`")
    stop_on_errors(tags=None)


@checks.register(OURS)
def check_secret_key(app_configs: object, **kwargs: Any) -> Found:
    key = settings.SECRET_KEY
    weak = len(key) < SECRET_KEY_LENGTH or len(set(key)) < SECRET_KEY_DIFFERENT or key.startswith("django-insecure-")
    if not weak or settings.PORTAL_ENVIRONMENT == DEVELOPMENT:
        return []
    hint = f"At least {SECRET_KEY_LENGTH} random characters: openssl rand -base64 48"
    return [checks.Error("SECRET_KEY is too easy to guess.", hint=hint, id="portal.E001")]


@checks.register(OURS)
def check_debug(app_configs: object, **kwargs: Any) -> Found:
    if not settings.DEBUG or settings.PORTAL_ENVIRONMENT == DEVELOPMENT:
        return []
    hint = "Its error pages show variables and settings to anybody."
    return [checks.Error("DEBUG is on outside development.", hint=hint, id="portal.E002")]


@checks.register(OURS)
def check_addresses(app_configs: object, **kwargs: Any) -> Found:
    hint = "Scheme and host, such as https://portal.example: no path, query, user or password."
    names = ("PORTAL_BASE_URL", "PORTAL_DOWNLOAD_BASE_URL")
    return [
        checks.Error(f"{name} is not an address of a site.", hint=hint, id="portal.E003")
        for name in names
        if not _is_site(getattr(settings, name))
    ]


@checks.register(OURS)
def check_own_address_is_public(app_configs: object, **kwargs: Any) -> Found:
    if settings.PORTAL_ENVIRONMENT == DEVELOPMENT or not _is_loopback(settings.PORTAL_BASE_URL):
        return []
    hint = "Set PORTAL_BASE_URL: the links in notifications begin with it."
    return [checks.Warning("PORTAL_BASE_URL is an address of this machine only.", hint=hint, id="portal.W004")]


@checks.register(OURS, deploy=True)
def check_own_address_is_https(app_configs: object, **kwargs: Any) -> Found:
    if not settings.PORTAL_BASE_URL.startswith("http://"):
        return []
    hint = "With https:// the cookies are Secure and browsers are told to stay with it (HSTS)."
    return [checks.Warning("PORTAL_BASE_URL is not https.", hint=hint, id="portal.W005")]


@checks.register(OURS)
def check_broker(app_configs: object, **kwargs: Any) -> Found:
    return [] if settings.CELERY_BROKER_URL == NO_BROKER else list(_broker_errors(settings.CELERY_BROKER_URL))


def _broker_errors(url: str) -> Iterator[checks.CheckMessage]:
    if not broker_schemes(url) <= {*BROKERS}:
        hint = (
            f"One of {', '.join(f'{name}://' for name in BROKERS)}, or leave it out. filesystem:// loses messages "
            "without any crash; the others have not been tried."
        )
        yield checks.Error("CELERY_BROKER_URL is not a broker we can trust.", hint=hint, id="portal.E006")
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        hint = "Leave CELERY_BROKER_URL out, or set DATABASE_URL to a PostgreSQL."
        yield checks.Error("SQLite and a broker don't go together.", hint=hint, id="portal.E007")


@checks.register(OURS)
def check_outbound(app_configs: object, **kwargs: Any) -> Found:
    try:
        policy = load_policy()
    except ImproperlyConfigured as error:
        hint = "See PORTAL_OUTBOUND_... in .env.example."
        return [checks.Error(str(error), hint=hint, id="portal.E011")]
    if os.access(policy.ca_file, os.R_OK):
        return []
    hint = "A readable PEM file, or leave it out: without authorities no https address can be called."
    return [checks.Error("PORTAL_OUTBOUND_CA_FILE cannot be read.", hint=hint, id="portal.E012")]


@checks.register(OURS)
def check_clock(app_configs: object, **kwargs: Any) -> Found:
    if not settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS or settings.PORTAL_ENVIRONMENT != PRODUCTION:
        return []
    hint = "It is there for tests: claims and due times would all be wrong."
    message = "PORTAL_TEST_CLOCK_OFFSET_SECONDS is set in production."
    return [checks.Error(message, hint=hint, id="portal.E008")]


@checks.register(OURS)
def check_demo_receiver(app_configs: object, **kwargs: Any) -> Found:
    if not settings.PORTAL_DEMO_RECEIVER_URL or settings.PORTAL_ENVIRONMENT == DEVELOPMENT:
        return []
    hint = "Leave it out: its page shows every participant's requests, headers included, to everyone signed in."
    return [checks.Error("PORTAL_DEMO_RECEIVER_URL is set outside development.", hint=hint, id="portal.E013")]


@checks.register(OURS)
def check_metrics_token(app_configs: object, **kwargs: Any) -> Found:
    if not settings.PORTAL_METRICS_TOKEN or len(settings.PORTAL_METRICS_TOKEN) >= METRICS_TOKEN_LENGTH:
        return []
    hint = f"At least {METRICS_TOKEN_LENGTH} random characters: openssl rand -base64 24"
    return [checks.Error("PORTAL_METRICS_TOKEN is too easy to guess.", hint=hint, id="portal.E014")]


@checks.register(OURS)
def check_keys_file(app_configs: object, **kwargs: Any) -> Found:
    path = settings.PORTAL_HOME / KEYS_FILE
    if not path.exists() or not path.stat().st_mode & 0o077:
        return []
    hint = f"chmod 600 {path}"
    return [checks.Warning("Other users of this machine can read keys.env.", hint=hint, id="portal.W009")]


@checks.register(OURS)
def check_minutes_of_a_proof(app_configs: object, **kwargs: Any) -> Found:
    if 1 <= settings.PORTAL_REAUTHENTICATION_MINUTES <= LONGEST_PROOF_MINUTES:
        return []
    hint = "Enter 1 to 720. Without any, pages that ask on a page of their own could never be opened."
    return [checks.Error("PORTAL_REAUTHENTICATION_MINUTES is out of range.", hint=hint, id="portal.E015")]


@checks.register(OURS, deploy=True)
def check_hosts(app_configs: object, **kwargs: Any) -> Found:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts: a forged Host header otherwise ends up in links of mails."
    return [checks.Warning("ALLOWED_HOSTS allows every host.", hint=hint, id="portal.W010")]


def _is_site(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port_in_range = parts.port != 0
    except ValueError:
        return False
    site = f"{parts.scheme}://{parts.netloc}"
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and site == address
        and port_in_range
        and "@" not in site
    )


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
