"""The token client's door for those above: opening a connection, and asking for one token while somebody waits.

Who sends many at once goes through connections.cache instead.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from connections import cache
from connections.asking import ask
from connections.errors import CannotUse
from connections.failures import CREDENTIALS_UNREADABLE, TIMEOUT, TokenFailure
from connections.key_pairs import KeyMaterial
from connections.models import Connection, KeyPair
from connections.source import Refresh, Token, TokenExchange, TokenSource
from vault.errors import UnreadableSecret
from vault.sealed_json import open_json

__all__ = [
    "KeyMaterial",
    "Refresh",
    "Token",
    "TokenExchange",
    "TokenFailure",
    "TokenSource",
    "material_of",
    "obtain_token",
    "source_of",
]


def source_of(connection: Connection, *, arguments: Mapping[str, Any] | None = None) -> TokenSource:
    """Open a stored connection, with its key pair. Raises CannotUse, its code one of connections.failures."""
    try:
        secrets = open_json(connection.secrets)
    except UnreadableSecret as unreadable:
        raise CannotUse(CREDENTIALS_UNREADABLE, unreadable.message) from None
    return TokenSource(
        connection_id=connection.pk,
        participant_id=connection.participant_id,
        credential_version=connection.credential_version,
        kind=connection.kind,
        token_url=connection.token_url,
        settings=connection.settings,
        secrets=secrets,
        key_pair=material_of(connection.key_pair) if connection.key_pair else None,
        private_ca=connection.private_ca,
        arguments=arguments or {},
    )


def material_of(key_pair: KeyPair) -> KeyMaterial:
    """Open a stored key pair. Raises CannotUse."""
    try:
        key = key_pair.private_key
    except UnreadableSecret as unreadable:
        raise CannotUse(CREDENTIALS_UNREADABLE, unreadable.message) from None
    return KeyMaterial(key_pair.certificate_pem, key, key_pair.algorithm, key_pair.fingerprint)


def obtain_token(source: TokenSource, *, use_cache: bool = False, now: datetime | None = None) -> TokenExchange:
    """Ask for a token and wait for the answer, at most the token deadline. Never call it inside a transaction.

    `use_cache`: take a token from the cache, and put a new one into it; a remembered failure is an answer too. By
    default the cache is neither asked nor told: a person who presses a button wants to see what happens. `now` is the
    clock of everybody who shares that cache, this process's own when it is left out.
    """
    began, now = time.monotonic(), now or timezone.now()
    if not use_cache or source.connection_id is None:
        return ask(source, now=now)
    while True:
        waited = time.monotonic() - began
        [found] = cache.look_up([source], now=now + timedelta(seconds=waited)).values()
        if isinstance(found, Refresh):
            return cache.fetch_exchange(source, found)
        if isinstance(found, Token):
            # The right to fetch the next one was won: it is not given back.
            renewed = cache.fetch_exchange(source, found.refresh) if found.refresh else None
            if renewed and renewed.token:
                return renewed
            return TokenExchange(token=found, failure=None, exchange={}, cached=True)
        if isinstance(found, TokenFailure):
            return TokenExchange(token=None, failure=found, exchange={}, cached=True)
        if waited > cache.hold_seconds():
            return TokenExchange(token=None, failure=TokenFailure(TIMEOUT, "waiting"), exchange={})
        time.sleep(cache.WAIT_SECONDS)
